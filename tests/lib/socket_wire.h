/* socket_wire.h - the kernel's TCP on loopback as a wire: real sockets on both ends. */
#ifndef WIREBOOK_TESTS_SOCKET_WIRE_H
#define WIREBOOK_TESTS_SOCKET_WIRE_H

#include "gateway/socket.h"
#include "tests/lib/wire.h"

/* A transport on a free port; `conf` may be NULL for the usual one, its listeners are set here. */
struct wire *socket_wire_new(const struct socket_conf *conf);

/* The port of its listener, and a connected socket of a test's own. */
u16 socket_wire_port(const struct wire *w);
int socket_wire_dial(const struct wire *w);

#endif
