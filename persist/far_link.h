/*
 * far_link.h - a byte stream to a server, non-blocking: TCP or a Unix socket, plain or by TLS.
 *
 * Waiting is the caller's: it polls, and has the deadlines. Nothing blocks but the look-up of a
 * host's name. Cold thread.
 *
 *   closed ─open─▶ connecting ─▶ (handshake) ─▶ ready ─▶ read and write, until LOST ─close─▶ closed
 */
#ifndef WIREBOOK_PERSIST_FAR_LINK_H
#define WIREBOOK_PERSIST_FAR_LINK_H

#include "persist/tls.h"

#define LINK_HOST_BYTES 256u

struct far_link {
    int fd; /* -1: closed */
    struct tls *tls;
    const struct tls_conf *tls_conf; /* NULL: plain */
    char host[LINK_HOST_BYTES];
    char error[TLS_ERROR_BYTES]; /* after LINK_LOST */
    bool ready;
};

enum link_status {
    LINK_OK,
    LINK_BUSY, /* the socket is not ready: again later */
    LINK_LOST, /* only far_link_close is legal */
};

/* Closed. */
void far_link_init(struct far_link *l);

/*
 * Begins to connect to `host` and `port`, or to the Unix socket `path` if it is not NULL. Of a name
 * with several addresses the `turn`-th is taken, around the end: a far end that answers at one of
 * them only is found by counting on. `tls` NULL is plain; it outlives the link. What goes wrong
 * here is told by far_link_ready.
 */
void far_link_open(struct far_link *l, const char *host, u16 port, const char *path,
                   const struct tls_conf *tls, u32 turn);

/* Goes on connecting. LINK_OK: bytes may be sent. */
enum link_status far_link_ready(struct far_link *l);

/* Sends up to `n` bytes, how many to `done`: maybe fewer than asked; none with LINK_BUSY. */
enum link_status far_link_write(struct far_link *l, const void *bytes, u32 n, u32 *done);

/* Reads up to `n` bytes, how many to `done`, at least one with LINK_OK. */
enum link_status far_link_read(struct far_link *l, void *bytes, u32 n, u32 *done);

/* Harmless when closed. */
void far_link_close(struct far_link *l);

#endif
