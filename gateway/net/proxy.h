/*
 * proxy.h - the PROXY protocol, version 2: what a balancer says of a connection before its client
 * speaks (haproxy.org, proxy-protocol.txt).
 *
 * Pure: bytes in, at any split, and a verdict. The header is 16 fixed bytes, addresses, and TLVs.
 *
 *    0 signature  12 version, command  13 family  14 length of the rest, big-endian  16 the rest
 *
 * Nothing of it is kept but the addresses and the name of a VPC endpoint, so that a header of any
 * length costs a connection one struct proxy_in.
 */
#ifndef WIREBOOK_GATEWAY_NET_PROXY_H
#define WIREBOOK_GATEWAY_NET_PROXY_H

#include "engine/base/types.h"

#define PROXY_FIXED_BYTES   16u
#define PROXY_REST_MAX      4096u /* of a header behind its fixed bytes; more is no balancer's */
#define PROXY_ENDPOINT_MAX  63u   /* characters of a VPC endpoint that are kept */
#define PROXY_ADDRESS_BYTES 36u   /* two IPv6 addresses and ports */

enum proxy_status {
    PROXY_MORE,   /* all bytes are used and the header goes on */
    PROXY_CLIENT, /* a client's connection: its address is in the struct */
    PROXY_DIRECT, /* a client's, of whom the balancer says nothing: as if he had come alone */
    PROXY_LOCAL,  /* the balancer's own: a health check */
    PROXY_BAD,    /* this is no header that we take */
};

/* The header so far. Zero it for a new connection. */
struct proxy_in {
    u32 at;   /* bytes taken */
    u32 rest; /* bytes behind the fixed ones, once they are there */
    u32 crc;  /* CRC-32C of the bytes taken, the checksum's own four counted as zeros */
    u32 crc_said;
    u32 crc_used; /* bytes of crc_said that have come */
    u32 tlv_at;   /* of the TLV under way: 0..2 its head, then its value from 3 on */
    u32 tlv_bytes;
    u8 tlv_type;
    u8 tlv_sub;
    u8 command;
    u8 family;
    u8 address[PROXY_ADDRESS_BYTES];
    u32 ipv4;                              /* PROXY_CLIENT: of the client, network order */
    u16 port;                              /* ... host order */
    char endpoint[PROXY_ENDPOINT_MAX + 1]; /* the VPC endpoint's name, "": none was said */
};

/*
 * Takes bytes (n > 0) of a connection's beginning; `*used` is how many of them belong to the
 * header. To be called until it gives another answer than PROXY_MORE, and never after that.
 *
 * PROXY_BAD: another signature, version, command or family than TCP's; a header that is too long,
 * or too short for its addresses; TLVs that do not fill it; a CRC-32C TLV that is wrong (one that
 * is absent is not asked for); a client with an IPv6 address that is no mapped IPv4 one. Of a
 * header with the command LOCAL or an unspecified family nothing is believed but its length.
 */
enum proxy_status proxy_next(struct proxy_in *in, const u8 *bytes, u32 n, u32 *used);

#endif
