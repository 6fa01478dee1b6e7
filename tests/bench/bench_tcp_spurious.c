/*
 * bench_tcp_spurious.c - gateway/net against a peer that delays its ACKs: needless recoveries.
 *
 *   bench-tcp-spurious [SECONDS]
 *
 * Ten minutes of virtual time, nothing is lost. A peer as Linux is one: timestamps, SACK, a round
 * trip of 100 us, ACKs delayed by 40 to 45.8 ms unless a request takes them along, and a DSACK at
 * once for what comes twice. It sends a request of 64 bytes every 0.1 to 120 ms and gets a reply of
 * 64 bytes. Every timeout, every fast recovery and every probe that costs window is needless here.
 * Probes that found everything arrived cost a packet each and nothing else; they are told apart.
 *
 * Prints `tcp.spurious VALUE recoveries`, `tcp.spurious.probes VALUE packets` and the requests.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/assert.h"
#include "engine/base/hash.h"
#include "gateway/net/net_state.h"
#include "tests/lib/net_script.h"

#define LEN    64u
#define RTT_NS (100 * NS_PER_US)

struct peer {
    struct script s;
    u64 random;
    u64 request_ns;
    u64 ack_ns;  /* 0: no ACK is owed */
    u32 ts_echo; /* of the newest segment in order */
    u32 dup[2];  /* came twice */
    u64 requests;
};

static u64 below(struct peer *p, u64 n)
{
    p->random += 0x9E3779B97F4A7C15ull;
    return hash_u64(p->random) % n;
}

static void put32(u8 *p, u32 x)
{
    for (u32 i = 0; i < 4; i++)
        p[i] = (u8)(x >> (24 - 8 * i));
}

static void say(struct peer *p, u32 len)
{
    static const u8 bytes[LEN];
    struct script_seg seg = {.flags = TCP_ACK,
                             .seq = p->s.peer_seq,
                             .ack = p->s.peer_ack,
                             .window = 60000,
                             .data = bytes,
                             .len = len,
                             .options = {1, 1, 8, 10},
                             .options_len = 12};

    put32(seg.options + 4, 10 + (u32)((p->s.now_ns - SCRIPT_START_NS) / NS_PER_MS));
    put32(seg.options + 8, p->ts_echo);
    if (p->dup[0] != p->dup[1]) {
        memcpy(seg.options + 12, (u8[]){1, 1, 5, 10}, 4);
        put32(seg.options + 16, p->dup[0]);
        put32(seg.options + 20, p->dup[1]);
        seg.options_len = 24;
        p->dup[0] = p->dup[1];
    }
    p->ack_ns = 0;
    p->s.peer_seq += len;
    script_in(&p->s, &seg);
}

/* What left the endpoint has arrived half a round trip later; replies follow requests at once. */
static void hear(struct peer *p)
{
    struct script_seg a;

    while (script_out(&p->s, &a)) {
        if (a.len == 0)
            continue;
        if (a.seq != p->s.peer_ack) { /* a needless repetition */
            p->dup[0] = a.seq;
            p->dup[1] = a.seq + a.len;
            p->ack_ns = p->s.now_ns + RTT_NS / 2;
            continue;
        }
        p->s.peer_ack += a.len;
        p->ts_echo = a.ts_val;
        if (p->ack_ns == 0)
            p->ack_ns = p->s.now_ns + 40 * NS_PER_MS + below(p, 5800 * NS_PER_US);
    }
}

static void request(struct peer *p)
{
    static const u8 reply[LEN];

    say(p, LEN);
    p->requests++;
    net_send(p->s.net, p->s.conn, reply, LEN);
    net_flush(p->s.net, p->s.now_ns);
    p->s.app_len = 0;
    p->request_ns = p->s.now_ns + RTT_NS + below(p, 120 * NS_PER_MS);
}

static u64 stat(const struct peer *p, enum net_stat which)
{
    return metric_get(&p->s.net->stats[which]);
}

int main(int argc, char **argv)
{
    struct peer *p = calloc(1, sizeof *p);
    u64 seconds = argc > 1 ? strtoull(argv[1], NULL, 10) : 600;

    script_init(&p->s, NULL);
    script_open(&p->s, (u8[]){2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 9, 0, 0, 0, 0}, 16);
    script_clear(&p->s);
    u64 end_ns = p->s.now_ns + seconds * NS_PER_SEC;
    while (p->s.now_ns < end_ns) {
        script_run_steps(&p->s, RTT_NS / 2, RTT_NS / 2);
        hear(p);
        if (p->s.now_ns >= p->request_ns)
            request(p);
        else if (p->ack_ns != 0 && p->s.now_ns >= p->ack_ns)
            say(p, 0);
    }
    const struct tcp_conn *c = tcp_by_name(p->s.net, p->s.conn);
    ASSERT(c != NULL);
    ASSERT_GE(p->requests, seconds * 10);
    bool cut = c->ssthresh != UINT32_MAX; /* a probe was taken for one that mended a loss */
    printf("tcp.spurious %llu recoveries\n",
           (unsigned long long)(stat(p, NET_RTX_RTO) + stat(p, NET_RTX_FAST) + cut));
    printf("tcp.spurious.probes %llu packets\n", (unsigned long long)stat(p, NET_RTX_PROBE));
    printf("tcp.spurious.requests %llu requests\n", (unsigned long long)p->requests);
    script_free(&p->s);
    free(p);
    return 0;
}
