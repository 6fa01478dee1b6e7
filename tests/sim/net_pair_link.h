/*
 * net_pair_link.h - the network between the two endpoints of net_pair, and what both files share.
 * Local to tests/sim/net_pair*.c.
 */
#ifndef WIREBOOK_TESTS_NET_PAIR_LINK_H
#define WIREBOOK_TESTS_NET_PAIR_LINK_H

#include "engine/base/hash.h"
#include "engine/base/mem.h"
#include "gateway/net/net.h"
#include "tests/sim/net_pair.h"

#define PORT          4000
#define CONNS         3u
#define FRAMES_MAX    8192u /* under way at once */
#define FRAME_BYTES   1600u
#define TICK_NS       (200 * NS_PER_US)
#define START_NS      (1700000000 * NS_PER_SEC)
#define VIRTUAL_MAX   (2000 * NS_PER_SEC)
#define TRACE_LINES   64u
#define TRACE_COLUMNS 128u

struct flight {
    u64 due_ns;
    u64 order; /* of equal times, the first sent first */
    u32 len;
    u8 to;
    u8 bytes[FRAME_BYTES];
};

/* One end of one connection, as its application sees it. */
struct flow {
    u64 conn; /* 0: none */
    bool open;
    bool done; /* closed by us or by the peer */
    u32 sent;
    u32 got;
};

struct end {
    struct pair *pair;
    u8 index;
    struct mem mem;
    struct net *net;
    struct flow flows[CONNS];
    u32 opened;
    u64 jump_at_ns; /* when its clock jumps by jump_ns */
    i64 jump_ns;
    struct flight *writing; /* between alloc and transmit */
    u32 edge[CONNS];        /* of the window that this end told, as far as it ever reached */
    u32 isn[CONNS];         /* of its last SYN: the same one again takes no window back */
    bool told[CONNS];
};

struct pair {
    struct net_pair_conf conf;
    struct net_pair_stats stats;
    u64 random;
    u64 start_ns;
    u64 now_ns;
    u64 order;
    u32 conns;
    u64 delay_ns, jitter_ns;
    u32 loss, dup, reorder, corrupt, refuse; /* in 1/1000 */
    u64 dark_from_ns, dark_to_ns;
    u32 path_mtu; /* from shrinks_at_ns on; 0: as large as the ends' */
    u64 shrinks_at_ns;
    u64 last_due_ns[2];
    u64 deaf_to_ns;
    u32 take_all, take_none; /* in 1/1000 */
    u32 write_max;
    bool reset_run;
    u32 reset_at; /* bytes after which end 1 resets */
    struct end ends[2];
    struct naive *naive; /* in place of the second end's endpoint, or NULL */
    struct flight *pool;
    u32 free[FRAMES_MAX];
    u32 free_used;
    u32 heap[FRAMES_MAX]; /* indices into pool, the earliest first */
    u32 heap_used;
    char trace[TRACE_LINES][TRACE_COLUMNS];
    u64 traced;
};

/* ---- chance, by the seed ---- */

static inline u64 pair_rnd(struct pair *p)
{
    p->random += 0x9E3779B97F4A7C15ull;
    return hash_u64(p->random);
}

static inline u32 pair_below(struct pair *p, u32 n)
{
    return (u32)(pair_rnd(p) % n);
}

static inline bool pair_chance(struct pair *p, u32 per_mille)
{
    return pair_below(p, 1000) < per_mille;
}

/* An empty network; from here on a crash prints the last events of `p` and its seed. */
void pair_link_init(struct pair *p);
void pair_link_free(struct pair *p);

/* The byte at `at` of the stream that end `from` sends on connection `k`. */
u8 pair_stream_byte(const struct pair *p, u32 from, u32 k, u32 at);

/* What an end's endpoint sends through; the context is the struct end. */
extern const struct packet_ops pair_link_ops;

/* When the next frame arrives; UINT64_MAX: none is under way. */
u64 pair_link_next_ns(const struct pair *p);

/* Takes the next frame: a copy of exactly its length, to be freed by the caller. */
u8 *pair_link_take(struct pair *p, u32 *len, u8 *to);

#endif
