/* tls_peer.c - see tls_peer.h. */
#include "tests/lib/tls_peer.h"

#include <fcntl.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>

#include "engine/base/assert.h"

static void write_pem(const char *path, X509 *cert, EVP_PKEY *key)
{
    FILE *file = fopen(path, "w");

    ASSERT(file != NULL);
    int done = cert ? PEM_write_X509(file, cert)
                    : PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL);
    ASSERT_EQ(done, 1);
    fclose(file);
}

void tls_peer_certify(const char *names, const char *cert_file, const char *key_file)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    X509_EXTENSION *alt = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);

    ASSERT(key && cert && alt);
    X509_set_version(cert, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), -60);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
                               (const unsigned char *)"peer", -1, -1, 0);
    X509_set_issuer_name(cert, X509_get_subject_name(cert));
    X509_set_pubkey(cert, key);
    X509_add_ext(cert, alt, -1);
    ASSERT_GT(X509_sign(cert, key, EVP_sha256()), 0);
    write_pem(cert_file, cert, NULL);
    write_pem(key_file, NULL, key);
    X509_EXTENSION_free(alt);
    X509_free(cert);
    EVP_PKEY_free(key);
}

void tls_peer_start(struct tls_peer *p, int fd, const char *cert_file, const char *key_file)
{
    p->context = SSL_CTX_new(TLS_server_method());
    ASSERT(p->context != NULL);
    ASSERT_EQ(SSL_CTX_use_certificate_chain_file(p->context, cert_file), 1);
    ASSERT_EQ(SSL_CTX_use_PrivateKey_file(p->context, key_file, SSL_FILETYPE_PEM), 1);
    p->ssl = SSL_new(p->context);
    ASSERT(p->ssl && SSL_set_fd(p->ssl, fd) == 1);
    ASSERT_EQ(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    SSL_set_accept_state(p->ssl);
}

void tls_peer_free(struct tls_peer *p)
{
    SSL_free(p->ssl);
    SSL_CTX_free(p->context);
}
