/*
 * persist.h - the hot agent that makes transactions durable, and its cold helper for segments.
 *
 * In: the transaction ring. Out: the journal, the mark that gateways wait for (persist_durable) and
 * the taps. At start: disk (uring_new), its lock, replay_run, persist_new, taps, then the two
 * agents: persist_do_work on a hot thread, persist_segments_do_work on a cold one (it blocks on the
 * disk).
 */
#ifndef WIREBOOK_PERSIST_PERSIST_H
#define WIREBOOK_PERSIST_PERSIST_H

#include "engine/base/mem.h"
#include "engine/base/ring.h"
#include "engine/base/stamps.h"
#include "engine/msg/side.h"
#include "persist/disk.h"
#include "persist/durable.h"
#include "persist/replay.h"
#include "persist/why.h"

struct persist;

enum durability {
    DURABILITY_DISK, /* nothing is released before it is on stable storage */
    DURABILITY_NONE, /* unsafe, for benchmarks: released when it is taken from the ring */
};

#define PERSIST_TAPS_MAX 4u

struct persist_conf {
    u32 shard;
    enum durability durability;
    u64 segment_bytes;    /* multiple of BLOCK_BYTES, at least SEGMENT_BLOCKS_MIN blocks; 64 MiB */
    u32 segments_ahead;   /* zero-filled ones kept ready, at least 1; 2 */
    u32 buffer_blocks;    /* that may wait for the disk, see journal_init; 4 MiB */
    u64 space_low_bytes;  /* free space below which new orders are to be rejected */
    u64 space_hard_bytes; /* ... and below which nothing more is to be taken */
    u64 mark_ns;          /* between two notes of durable.mark; 1 s */
};

/* Sensible values: disk, 64 MiB, 2 ahead, low 1 GiB, hard 256 MiB. */
void persist_conf_defaults(struct persist_conf *conf);

/* What the process should exit with when persist cannot go on. */
enum persist_exit {
    PERSIST_EXIT_DAMAGED = 10, /* replay_run refused */
    PERSIST_EXIT_FAILED = 11,  /* a write failed: persist_failed */
    PERSIST_EXIT_LOCKED = 12,  /* another process has the directory */
    PERSIST_EXIT_OPEN = 13,    /* the directory cannot be used */
};

/*
 * An agent that goes on where `at` says, under `epoch` (> at->max_epoch), taking transactions from
 * `tx`. Removes what lies above the cut (see replay.h), prepares the first segments: blocks. The
 * disk must be locked by the caller and outlive it. Memory of the hot part from `m`. NULL: `why`.
 */
struct persist *persist_new(const struct persist_conf *conf, struct disk *disk, struct ring *tx,
                            const struct replay_result *at, u64 epoch, struct mem *m,
                            struct why *why);

/* Notes in durable.mark how far the journal is durable, and closes the files; what was not written
 * is lost. After its threads have stopped. */
void persist_free(struct persist *p);

/* Notes from now on when transactions are covered by the mark. Before the threads start. */
void persist_stamp(struct persist *p, struct stamps *stamps);

/* One more consumer of durable blocks: a ring of TAP_RING_SLOTS. Before the threads start. */
void persist_tap_add(struct persist *p, struct ring *tap);

/*
 * From now on segments that nobody needs are used again, but `keep` of them stay. `passed` says
 * the last transaction that everybody has passed; the segments agent calls it. Before the threads
 * start.
 */
void persist_recycle(struct persist *p, u32 keep, u64 (*passed)(void *ctx), void *ctx);

/* The agent's turn. Never blocks. */
int persist_do_work(void *persist, u64 now_ns);

/* The cold agent's turn: zero-fills segments ahead, closes old ones, watches the space, notes in
 * durable.mark how far the journal is durable. Blocks. */
int persist_segments_do_work(void *persist, u64 now_ns);

/* What gateways wait for: &persist_durable(p)->seq. Any thread. */
const struct durable *persist_durable(const struct persist *p);

/* The last transaction that really is on the disk (the same unless DURABILITY_NONE): for
 * cursors. */
const struct durable *persist_stored(const struct persist *p);

/* Where this process' own segments begin: for cursor_conf.live. */
u64 persist_live_segment(const struct persist *p);
u64 persist_live_block(const struct persist *p);

/* True once a write has failed: nothing is released any more; exit with PERSIST_EXIT_FAILED. Any
 * thread. The line for people has been logged. */
bool persist_failed(const struct persist *p);

/* True when all that was taken from the ring is durable, and the ring is empty: for an orderly
 * stop. The persist agent's thread, or after it has stopped. */
bool persist_idle(const struct persist *p);

/* How full the disk is. Any thread. */
enum space_level persist_space(const struct persist *p);
/* The same as something to look at without knowing persist: points at an enum space_level. */
const _Atomic u32 *persist_space_level(const struct persist *p);

#endif
