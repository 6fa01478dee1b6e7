/*
 * tcp_sent.h - the sender's scoreboard: what is in flight, when it left, what became of it.
 *
 * The bytes from snd_una to snd_max are cut into runs: neighbours that left at the same time and
 * fared the same way. A run is in flight, SACKED (the peer has it, RFC 2018) or LOST (to be sent
 * again); what was sent again is AGAIN. Runs follow each other without gaps, so that each stores
 * its end only:
 *
 *     snd_una        end[0]       end[1]            end[2] = snd_max
 *        | in flight   |  SACKED    | LOST              |
 *
 * Memory: SENT_FEW runs lie in the connection; when there are more, all lie in one chunk of the
 * pool, SENT_RUNS at most, and come back when few are left. When there is no chunk, or a chunk is
 * full, neighbours of one kind are joined: the later time counts and says no round trip any more
 * (BLUR). If there are none, what a SACK says is not taken, and new bytes join the last run. So a
 * peer that makes holes costs at most a chunk, and gains at most needless retransmissions. SACKED
 * is advice (RFC 2018 section 8): the bytes stay in the send space until they are acknowledged.
 *
 * Pure: no time, no connection. One thread.
 */
#ifndef WIREBOOK_NET_TCP_SENT_H
#define WIREBOOK_NET_TCP_SENT_H

#include "engine/base/types.h"
#include "gateway/net/space.h"

enum sent_flag {
    SENT_SACKED = 1,
    SENT_LOST = 2,
    SENT_AGAIN = 4, /* was sent more than once */
    SENT_BLUR = 8,  /* parts of it left earlier than `us` says */
};

struct sent_run {
    u32 end;   /* sequence number behind its last byte */
    u32 us;    /* when it left, the last time: microseconds, wraps */
    u32 flags; /* enum sent_flag */
};

#define SENT_FEW  4u
#define SENT_RUNS ((u32)(NET_CHUNK_BYTES / sizeof(struct sent_run)))

struct sent {
    u16 used;   /* runs */
    u32 chunk;  /* of the send pool, where the runs lie; 0: in `few` */
    u32 sacked; /* bytes that are SACKED */
    u32 lost;   /* bytes that are LOST */
    struct sent_run few[SENT_FEW];
};
_Static_assert(sizeof(struct sent) == 64, "one run in its first half");

/* What one acknowledgement delivered that was not known to be delivered before. */
struct sent_news {
    u32 bytes;
    u32 again;                    /* of these, bytes that were sent more than once */
    bool has_once, has_again;     /* `newest_*` are there */
    struct sent_run newest_once;  /* of the runs sent once, the last one sent */
    struct sent_run newest_again; /* of the others */
    u32 low_once;                 /* with has_once: the lowest end of a run sent once */
    u32 high;                     /* with bytes > 0: the highest end */
};

/* The first run; `used` of them follow each other. */
static inline struct sent_run *sent_runs(struct sent *s, const struct chunk_pool *pool)
{
    return s->chunk == 0 ? s->few : chunk_bytes(pool, s->chunk);
}

/* True if a sent at (a_us, a_end) left after one sent at (b_us, b_end): RFC 8985 5.2. */
static inline bool sent_after(u32 a_us, u32 a_end, u32 b_us, u32 b_end)
{
    return (i32)(a_us - b_us) > 0 || (a_us == b_us && (i32)(a_end - b_end) > 0);
}

/* New bytes up to `end` left at `us`; they follow the last run, or snd_una when there is none. */
void sent_new(struct sent *s, struct chunk_pool *pool, u32 una, u32 end, u32 us);

/* [start, end), within what is in flight, left again at `us`. */
void sent_resent(struct sent *s, struct chunk_pool *pool, u32 una, u32 start, u32 end, u32 us);

/* Everything before `ack` > una has arrived: forgotten here. `ack` is not behind the last run. */
void sent_ack(struct sent *s, struct chunk_pool *pool, u32 una, u32 ack, struct sent_news *news);

/* [start, end) has arrived; any numbers: what is not in flight of it is ignored. */
void sent_sack(struct sent *s, struct chunk_pool *pool, u32 una, u32 start, u32 end,
               struct sent_news *news);

/* Run `i`, in flight, is LOST. */
void sent_lose_run(struct sent *s, const struct chunk_pool *pool, u32 una, u32 i);

/* Of the bytes from snd_una on, at most `n`, those of the first run are LOST unless SACKED. */
void sent_lose_first(struct sent *s, struct chunk_pool *pool, u32 una, u32 n);

/* Nothing is LOST after all. */
void sent_lose_none(struct sent *s, const struct chunk_pool *pool);

/* The peer's SACKs were not true, or may not be any more: in flight again, as nothing said. */
void sent_unsack(struct sent *s, const struct chunk_pool *pool);

/* The first bytes that are LOST, as far as they follow each other. False: there are none. */
bool sent_first_lost(struct sent *s, const struct chunk_pool *pool, u32 una, u32 *start, u32 *end);

/* Forgets everything and gives the chunk back. */
void sent_clear(struct sent *s, struct chunk_pool *pool);

/* Asserts what must hold: runs in order up to `end`, sums right. */
void sent_check(const struct sent *s, const struct chunk_pool *pool, u32 una, u32 end);

#endif
