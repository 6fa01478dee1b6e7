/*
 * fake_tx.h - transactions by hand, for tests of the journal that need no engine, and a process
 * around them: disk, ring, persist.
 *
 * The bytes follow from the number alone, so a test that reads transaction n knows what it must be.
 */
#ifndef WIREBOOK_TESTS_FAKE_TX_H
#define WIREBOOK_TESTS_FAKE_TX_H

#include "engine/base/mem.h"
#include "engine/engine.h"
#include "persist/persist.h"

/* Transaction `seq`: a command and 1 to many events of one or two slots; sizes vary with `seq`. */
void fake_tx(u64 seq, struct tx *out);

/* Do these slots make up transaction `seq`? */
bool fake_tx_is(u64 seq, const struct slot *slots, u32 used);

/* A replay_apply_fn: `ctx` is a u64 that counts; the n-th call must bring fake_tx(n). */
const char *fake_tx_apply(void *ctx, const struct slot *slots, u32 used);

/* One process that writes a journal. */
struct fake_process {
    struct mem mem;
    struct ring tx;
    struct persist *persist;
    struct replay_result at;
    struct persist_conf conf;
    void (*make)(u64 seq, struct tx *out); /* what is sent; fake_tx is also checked at replay */
    u64 replayed;                          /* transactions */
    u64 sent;                              /* last one put into the ring */
};

/* Segments of `segment_blocks` blocks, shard 7; everything else can be changed before _start. */
void fake_process_init(struct fake_process *p, u32 segment_blocks);

/* Replays `d` and starts persist on it under the next epoch. Returns what replay said. */
enum replay_status fake_process_start(struct fake_process *p, struct disk *d, struct why *why);

/* Puts `n` more transactions into the ring. */
void fake_process_send(struct fake_process *p, u32 n);

/* Turns of both agents, until nothing moves any more. */
void fake_process_run(struct fake_process *p);

/* Forgets the process; the disk keeps what it has. */
void fake_process_end(struct fake_process *p);

/* Transaction of the last EV_DAY_OPENED up to `seq`, by reading all of `d`; 0: none. */
u64 fake_day_seq(struct disk *d, u64 seq);

#endif
