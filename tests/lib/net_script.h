/*
 * net_script.h - one endpoint of gateway/net, a scripted peer and virtual time.
 *
 * A test injects frames byte by byte and looks at each frame that comes out, with the time at which
 * it left. The peer is 10.0.0.2 and speaks to the endpoint at 10.0.0.1. Segments are built and read
 * by code of its own, so that a mistake in the endpoint's does not hide itself.
 */
#ifndef WIREBOOK_TESTS_NET_SCRIPT_H
#define WIREBOOK_TESTS_NET_SCRIPT_H

#include "engine/base/mem.h"
#include "gateway/net/net.h"
#include "gateway/net/wire.h"

#define SCRIPT_OUT_MAX   1024u
#define SCRIPT_FRAME_MAX 2048u
#define SCRIPT_APP_MAX   (256u * 1024)
#define SCRIPT_START_NS  (1700000000 * NS_PER_SEC)
#define SCRIPT_PORT      4000
#define SCRIPT_PEER_PORT 50000
#define SCRIPT_OUR_IP    0x0a000001u /* host order */
#define SCRIPT_PEER_IP   0x0a000002u

/* A segment as a test writes or reads it, in host order. */
struct script_seg {
    u16 src_port;
    u16 dst_port;
    u32 seq;
    u32 ack;
    u8 flags;
    u16 window;
    u16 urgent;
    const void *data;
    u32 len;
    u8 options[40];
    u32 options_len; /* a multiple of four */
    /* read only */
    u64 at_ns; /* when it left */
    bool has_mss, has_ts, has_wscale, has_sack_ok;
    u16 mss;
    u8 wscale;
    u32 ts_val, ts_ecr;
    u32 sacks; /* blocks */
    u32 sack[4][2];
};

struct script_frame {
    u8 bytes[SCRIPT_FRAME_MAX];
    u32 len;
    u8 tx_cksum;
    u64 at_ns;
};

struct script {
    struct mem mem;
    struct net_conf conf;
    struct net *net;
    u64 now_ns;

    struct script_frame *out; /* what left and was not looked at yet */
    u32 out_head;
    u32 out_tail;
    bool no_packets; /* alloc fails */
    bool answer_arp; /* as time passes, questions for the peer's address are answered */
    bool arp_asked;
    bool no_check; /* the endpoint's invariants are not looked at, which walks everything */

    /* the application */
    u64 conn; /* the newest that opened */
    u32 opens, closes, writables, finishes, urgents;
    enum net_closed why;
    bool refuse;        /* opened answers false */
    u32 take;           /* bytes that `data` takes at most in one call */
    bool half_close;    /* finished is told instead of closed(EOF) */
    bool close_in_data; /* the application resets within `data` */
    u8 *app;            /* everything that arrived */
    u32 app_len;
    u32 app_base; /* app_len when the newest connection opened */

    /* the peer's connection, kept by script_open */
    u32 peer_seq; /* next to send */
    u32 peer_ack; /* next expected */
    u32 peer_ts;  /* 0: no timestamps */
};

/* An endpoint that listens on SCRIPT_PORT; `conf` NULL: the defaults with small pools. */
void script_init(struct script *s, const struct net_conf *conf);
void script_init_up(struct script *s, const struct net_conf *conf, bool half_close);
void script_free(struct script *s);

/* The defaults that script_init takes. */
void script_conf(struct net_conf *conf);

/* Time passes in steps of `step_ns`, with a poll and a flush in each. */
void script_run_steps(struct script *s, u64 ns, u64 step_ns);
void script_run(struct script *s, u64 ns); /* in steps of 50 us */

/* The peer tells its Ethernet address. */
void script_arp(struct script *s);

/* A frame comes in; no flush follows. */
void script_frame_in(struct script *s, const void *bytes, u32 len);

/* A segment comes in (ports filled in where 0), then a flush. */
void script_in(struct script *s, const struct script_seg *seg);

/* The same in short. */
void script_seg(struct script *s, u8 flags, u32 seq, u32 ack, const void *data, u32 len);

/* The next TCP segment that left, ARP left out. False: none. Checks its checksums. */
bool script_out(struct script *s, struct script_seg *seg);

/* The next frame of any kind, or NULL. */
const struct script_frame *script_out_frame(struct script *s);

/* Forgets all that left. */
void script_clear(struct script *s);

/* Opens a connection from the peer: options as given (may be 0); keeps peer_seq and peer_ack. */
void script_open(struct script *s, const void *options, u32 options_len);

/* Builds the frame of `seg`, all checksums right, to `bytes`. Returns its length. */
u32 script_build(const struct script_seg *seg, u8 *bytes);

/* The Internet checksum, byte by byte: the reference for cksum.h. */
u16 script_cksum(const u8 *bytes, u32 n, u32 start);

#endif
