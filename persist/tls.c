/*
 * tls.c - see tls.h. Each connection makes a context of its own: files are read anew, so that a
 * certificate that was renewed needs no restart, and connections are rare.
 *
 * Failure modes: whatever OpenSSL reports ends the connection, with its reason in words; a
 * certificate that does not verify says so by name. A write that would block is repeated with the
 * same bytes by the caller, who has them in a buffer that may move (SSL_MODE_ACCEPT_MOVING...).
 */
#include "persist/tls.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/assert.h"

struct tls {
    SSL_CTX *context;
    SSL *ssl;
    char error[TLS_ERROR_BYTES];
};

static bool given(const char *text)
{
    return text && text[0] != '\0';
}

/* The oldest error in OpenSSL's queue, in words; empties the queue. */
static void say(char *error, const char *what)
{
    const char *reason = ERR_reason_error_string(ERR_peek_error());

    snprintf(error, TLS_ERROR_BYTES, "TLS: %s%s%s", what, reason ? ": " : "", reason ? reason : "");
    ERR_clear_error();
}

static bool load_files(struct tls *t, const struct tls_conf *conf, char *error)
{
    int found = given(conf->ca_file)
                    ? SSL_CTX_load_verify_locations(t->context, conf->ca_file, NULL)
                    : SSL_CTX_set_default_verify_paths(t->context);

    if (found != 1) {
        say(error, "cannot read the authorities' file");
        return false;
    }
    if (!given(conf->cert_file))
        return true;
    if (SSL_CTX_use_certificate_chain_file(t->context, conf->cert_file) != 1 ||
        SSL_CTX_use_PrivateKey_file(t->context, conf->key_file, SSL_FILETYPE_PEM) != 1) {
        say(error, "cannot read our certificate or its key");
        return false;
    }
    return true;
}

/* The certificate must name `host`, as an address or as a name (which is also sent: SNI). */
static bool expect_host(struct tls *t, const char *host)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(t->ssl);
    u8 address[16];

    if (inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1)
        return X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1;
    return SSL_set1_host(t->ssl, host) == 1 && SSL_set_tlsext_host_name(t->ssl, host) == 1;
}

struct tls *tls_new(const struct tls_conf *conf, int fd, const char *host, char *error)
{
    struct tls *t = calloc(1, sizeof *t);

    ASSERT(t != NULL);
    ERR_clear_error();
    t->context = SSL_CTX_new(TLS_client_method());
    ASSERT(t->context != NULL);
    SSL_CTX_set_min_proto_version(t->context, TLS1_2_VERSION);
    SSL_CTX_set_verify(t->context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_mode(t->context,
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    if (load_files(t, conf, error)) {
        t->ssl = SSL_new(t->context);
        ASSERT(t->ssl != NULL);
        if (SSL_set_fd(t->ssl, fd) == 1 && expect_host(t, given(conf->name) ? conf->name : host)) {
            SSL_set_connect_state(t->ssl);
            return t;
        }
        say(error, "cannot be set up");
    }
    tls_free(t);
    return NULL;
}

void tls_free(struct tls *t)
{
    if (!t)
        return;
    SSL_free(t->ssl); /* without a farewell: the socket is closed next */
    SSL_CTX_free(t->context);
    free(t);
}

/* What a call that returned `rc`, not a success, means. */
static enum tls_status judge(struct tls *t, int rc, const char *what)
{
    switch (SSL_get_error(t->ssl, rc)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return TLS_WAIT;
    case SSL_ERROR_ZERO_RETURN:
        snprintf(t->error, sizeof t->error, "TLS: the server has closed");
        return TLS_LOST;
    }
    long verified = SSL_get_verify_result(t->ssl);
    if (verified != X509_V_OK)
        snprintf(t->error, sizeof t->error, "TLS: the server's certificate: %s",
                 X509_verify_cert_error_string(verified));
    else
        say(t->error, what);
    ERR_clear_error();
    return TLS_LOST;
}

enum tls_status tls_handshake(struct tls *t)
{
    ERR_clear_error();
    int rc = SSL_do_handshake(t->ssl);
    return rc == 1 ? TLS_OK : judge(t, rc, "no handshake");
}

enum tls_status tls_write(struct tls *t, const void *bytes, u32 n, u32 *done)
{
    size_t written = 0;

    ERR_clear_error();
    int rc = SSL_write_ex(t->ssl, bytes, n, &written);
    *done = (u32)written;
    return rc == 1 ? TLS_OK : judge(t, rc, "lost while sending");
}

enum tls_status tls_read(struct tls *t, void *bytes, u32 n, u32 *done)
{
    size_t got = 0;

    ERR_clear_error();
    int rc = SSL_read_ex(t->ssl, bytes, n, &got);
    *done = (u32)got;
    return rc == 1 ? TLS_OK : judge(t, rc, "lost while reading");
}

const char *tls_error(const struct tls *t)
{
    return t->error;
}
