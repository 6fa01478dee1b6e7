/*
 * tls.h - TLS over a connected, non-blocking socket, as a client. tls.c is the only OpenSSL file.
 *
 * TLS 1.2 or later; the peer's certificate must be signed by one of the given authorities and be
 * for the name that was meant. Cold thread; takes memory from malloc.
 */
#ifndef WIREBOOK_PERSIST_TLS_H
#define WIREBOOK_PERSIST_TLS_H

#include "engine/base/types.h"

#define TLS_ERROR_BYTES 160u

struct tls;

/* Files in PEM; the texts outlive the connection. NULL and "" are "not given". */
struct tls_conf {
    const char *ca_file;   /* authorities that are believed; not given: the machine's own */
    const char *cert_file; /* ours, if the server wants one ... */
    const char *key_file;  /* ... and its key, readable by us only */
    const char *name;      /* that the certificate must be for; not given: the host's */
};

enum tls_status {
    TLS_OK,   /* done */
    TLS_WAIT, /* the socket is not ready: again later */
    TLS_LOST, /* the connection is over: tls_error */
};

/*
 * A client on socket `fd`, which the caller keeps and closes afterwards. `host` is what the
 * connection was asked for: a name or an address. NULL: `error` (TLS_ERROR_BYTES) says why; a file
 * that cannot be read is found here.
 */
struct tls *tls_new(const struct tls_conf *conf, int fd, const char *host, char *error);
void tls_free(struct tls *t);

/* Goes on with the handshake until it is done. */
enum tls_status tls_handshake(struct tls *t);

/* Up to `n` bytes; how many to `done`. */
enum tls_status tls_write(struct tls *t, const void *bytes, u32 n, u32 *done);
enum tls_status tls_read(struct tls *t, void *bytes, u32 n, u32 *done);

/* Why the last call answered TLS_LOST. */
const char *tls_error(const struct tls *t);

#endif
