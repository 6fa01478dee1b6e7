/* proxy_bytes.h - builds headers of proxy protocol version 2, right and wrong ones. */
#ifndef WIREBOOK_TESTS_PROXY_BYTES_H
#define WIREBOOK_TESTS_PROXY_BYTES_H

#include "engine/base/types.h"

struct proxy_bytes {
    u8 at[8192];
    u32 used;
};

/* Begins a header; `command` and `family` as on the wire (0x20 LOCAL, 0x21 PROXY; 0x11 TCP4). */
void proxy_begin(struct proxy_bytes *p, u8 command, u8 family);

/* The four addresses of a TCP4 header; `client` and `server` in network order. */
void proxy_tcp4(struct proxy_bytes *p, u32 client, u16 client_port, u32 server, u16 server_port);

/* A TLV with `n` bytes of value. */
void proxy_tlv(struct proxy_bytes *p, u8 type, const void *value, u16 n);

/* Writes the length; with `crc` a CRC-32C TLV is added first. */
void proxy_end(struct proxy_bytes *p, bool crc);

#endif
