/*
 * engine_stream.h - random streams of engine commands from a seed, for tests.
 *
 * The generator knows only what it has sent itself and which orders were taken, so it makes
 * nonsense too: resends, stale binds, unknown numbers, wrong prices. Prices lie close together, so
 * that most orders meet others.
 */
#ifndef WIREBOOK_TESTS_ENGINE_STREAM_H
#define WIREBOOK_TESTS_ENGINE_STREAM_H

#include "engine/msg/msg.h"

#define STREAM_ACCOUNTS    5u
#define STREAM_INSTRUMENTS 3u
#define STREAM_CHANNELS    4u
#define STREAM_GATEWAYS    3u
#define STREAM_RECENT      16u /* orders of an account that the stream remembers */

/* An order that was taken, and may be open still. */
struct recent {
    u32 ref;     /* 0: none yet */
    u32 channel; /* 0..STREAM_CHANNELS - 1 */
};

struct stream {
    u64 state; /* of the generator of random numbers */
    u32 next_ref[STREAM_ACCOUNTS + 1][STREAM_CHANNELS];
    u32 bind_id[STREAM_ACCOUNTS + 1]; /* the last one, as told by stream_saw */
    bool bound[STREAM_ACCOUNTS + 1];  /* it has not ended */
    struct recent recent[STREAM_ACCOUNTS + 1][STREAM_RECENT];
    u32 taken[STREAM_ACCOUNTS + 1]; /* orders, the last STREAM_RECENT of which are remembered */
    bool day_open;
    u64 now_ns;
    u32 day;
    u64 epoch;
    u64 match;   /* of the last fill */
    u8 phase;    /* that the venue, or an instrument, is in */
    u32 away;    /* commands until everything trades again */
    bool limits; /* accounts and firms get them */
    bool named;  /* accounts get them from profiles alone */
    u32 step;    /* commands made */
};

/* One command and the time at which it comes. */
struct timed {
    union msg cmd;
    u64 now_ns;
};

void stream_init(struct stream *s, u64 seed);

/* The next command; the first ones set a venue up. */
void stream_next(struct stream *s, struct timed *out);

/* Tells the stream what came of it, slot by slot: it learns its bindings from that. */
void stream_saw(struct stream *s, const struct slot *tx, u32 slots);

/* A random number below n. */
u32 stream_below(struct stream *s, u32 n);

#endif
