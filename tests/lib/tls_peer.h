/*
 * tls_peer.h - the other end of a TLS connection, for tests: certificates made on the spot, and a
 * server without a thread of its own, driven by the test.
 */
#ifndef WIREBOOK_TESTS_TLS_PEER_H
#define WIREBOOK_TESTS_TLS_PEER_H

#include <openssl/ssl.h>

#include "engine/base/types.h"

struct tls_peer {
    SSL_CTX *context;
    SSL *ssl;
};

/* A key and a certificate that it has signed itself, for `names` ("DNS:a,IP:127.0.0.1"), as PEM. */
void tls_peer_certify(const char *names, const char *cert_file, const char *key_file);

/* A server on the connected socket `fd`, which becomes non-blocking. */
void tls_peer_start(struct tls_peer *p, int fd, const char *cert_file, const char *key_file);
void tls_peer_free(struct tls_peer *p);

#endif
