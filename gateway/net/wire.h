/*
 * wire.h - Ethernet, ARP, IPv4, ICMP and TCP as they lie in a frame. Offsets in the margin.
 *
 * All fields are big-endian; be16 and be32 turn them into the host's order and back. The structs
 * are packed, so they may be laid over any address. Nothing here checks a length: that is done
 * before.
 */
#ifndef WIREBOOK_NET_WIRE_H
#define WIREBOOK_NET_WIRE_H

#include "engine/base/types.h"

#define PACKED __attribute__((packed))

static inline u16 be16(u16 x)
{
    return __builtin_bswap16(x);
}

static inline u32 be32(u32 x)
{
    return __builtin_bswap32(x);
}

/* ---- Ethernet II ---- */

#define ETH_TYPE_IPV4 0x0800
#define ETH_TYPE_ARP  0x0806

struct eth_hdr {
    u8 dst[6]; /*  0 */
    u8 src[6]; /*  6 */
    u16 type;  /* 12 */
} PACKED;
_Static_assert(sizeof(struct eth_hdr) == 14, "IEEE 802.3, type interpretation");

/* ---- ARP for IPv4 over Ethernet, RFC 826 ---- */

#define ARP_HW_ETHERNET 1
#define ARP_REQUEST     1
#define ARP_REPLY       2

struct arp_hdr {
    u16 hw_type;      /*  0 */
    u16 proto_type;   /*  2 */
    u8 hw_bytes;      /*  4 */
    u8 proto_bytes;   /*  5 */
    u16 op;           /*  6 */
    u8 sender_mac[6]; /*  8 */
    u32 sender_ipv4;  /* 14 */
    u8 target_mac[6]; /* 18 */
    u32 target_ipv4;  /* 24 */
} PACKED;
_Static_assert(sizeof(struct arp_hdr) == 28, "RFC 826");
_Static_assert(offsetof(struct arp_hdr, target_ipv4) == 24, "RFC 826");

/* ---- IPv4, RFC 791 ---- */

#define IP_VERSION_IHL 0x45 /* version 4, five words: no options */
#define IP_DF          0x4000
#define IP_MF          0x2000
#define IP_OFFSET_MASK 0x1fff
#define IP_PROTO_ICMP  1
#define IP_PROTO_TCP   6

struct ipv4_hdr {
    u8 version_ihl; /*  0 */
    u8 tos;         /*  1 */
    u16 total_len;  /*  2 */
    u16 id;         /*  4 */
    u16 frag;       /*  6: flags and offset */
    u8 ttl;         /*  8 */
    u8 proto;       /*  9 */
    u16 cksum;      /* 10 */
    u32 src;        /* 12 */
    u32 dst;        /* 16 */
} PACKED;
_Static_assert(sizeof(struct ipv4_hdr) == 20, "RFC 791");
_Static_assert(offsetof(struct ipv4_hdr, src) == 12, "RFC 791");

/* ---- ICMP, RFC 792 ---- */

#define ICMP_ECHO_REPLY         0
#define ICMP_UNREACHABLE        3
#define ICMP_ECHO               8
#define ICMP_TIME_EXCEEDED      11
#define ICMP_PARAMETER          12
#define ICMP_UNREACH_PROTO      2
#define ICMP_UNREACH_PORT       3
#define ICMP_UNREACH_FRAG       4 /* fragmentation needed and DF set, RFC 1191 */
#define ICMP_UNREACH_QUOTED_TCP 8 /* bytes of the TCP header that every quotation has */

struct icmp_hdr {
    u8 type;   /* 0 */
    u8 code;   /* 1 */
    u16 cksum; /* 2 */
    u16 id;    /* 4 */
    u16 seq;   /* 6: of "fragmentation needed": the next hop's MTU */
} PACKED;
_Static_assert(sizeof(struct icmp_hdr) == 8, "RFC 792");

/* ---- TCP, RFC 9293 section 3.1 ---- */

#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_PSH 0x08
#define TCP_ACK 0x10
#define TCP_URG 0x20

struct tcp_hdr {
    u16 src_port; /*  0 */
    u16 dst_port; /*  2 */
    u32 seq;      /*  4 */
    u32 ack;      /*  8 */
    u8 data_off;  /* 12: upper four bits: header in 32-bit words */
    u8 flags;     /* 13 */
    u16 window;   /* 14 */
    u16 cksum;    /* 16 */
    u16 urgent;   /* 18 */
} PACKED;
_Static_assert(sizeof(struct tcp_hdr) == 20, "RFC 9293");
_Static_assert(offsetof(struct tcp_hdr, window) == 14, "RFC 9293");

#define TCP_OPT_END       0
#define TCP_OPT_NOP       1
#define TCP_OPT_MSS       2 /* length 4, RFC 9293 */
#define TCP_OPT_WSCALE    3 /* length 3, RFC 7323 */
#define TCP_OPT_SACK_OK   4 /* length 2, RFC 2018 */
#define TCP_OPT_SACK      5 /* length 2 + 8n, RFC 2018 */
#define TCP_OPT_TIMESTAMP 8 /* length 10, RFC 7323 */
#define TCP_OPTS_MAX      40u

/*
 * Ethernet, IPv4 and TCP headers without options: what every segment of a connection begins with.
 */
#define TCP_HEADERS_BYTES \
    (sizeof(struct eth_hdr) + sizeof(struct ipv4_hdr) + sizeof(struct tcp_hdr))

#endif
