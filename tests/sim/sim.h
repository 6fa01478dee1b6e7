/*
 * sim.h - what all parts of the simulator share: the seed's luck, the virtual clock, the trace, the
 * counts of faults, and the way to say that something is broken.
 *
 * One process simulates one seed in one thread, so this is one global object: every part can trace
 * and fail without being handed anything. Nothing in the simulator reads a real clock, an address
 * or uninitialised memory to decide something, so a seed replays exactly.
 */
#ifndef WIREBOOK_SIM_SIM_H
#define WIREBOOK_SIM_SIM_H

#include "engine/base/types.h"

/* What happened in a run, for the closing lines. Sums over seeds. */
#define SIM_COUNTS(X)                                                   \
    X(steps, "steps")                                                   \
    X(power_cuts, "power cuts")                                         \
    X(cuts_in_recovery, "power cuts while starting")                    \
    X(kills, "kills of the process")                                    \
    X(restarts, "orderly restarts")                                     \
    X(day_rolls, "days ended")                                          \
    X(writes, "disk writes")                                            \
    X(writes_lost, "writes lost at a cut")                              \
    X(writes_torn, "writes torn at a cut")                              \
    X(puts, "cold writes")                                              \
    X(snapshots_used, "recoveries that began with a snapshot")          \
    X(recycled_starts, "recoveries of a journal without its beginning") \
    X(snapshots_cut, "half-made snapshots that an end left behind")     \
    X(snapshots_rotten, "snapshots in which a bit was turned")          \
    X(writes_landed, "unreaped writes that a cut left whole")           \
    X(writes_failed, "writes failed with EIO")                          \
    X(names_undone, "unsynced names undone at a cut")                   \
    X(disk_stalls, "disk stalls")                                       \
    X(disk_full, "times without disk space")                            \
    X(torn_tails, "torn tails cut by recovery")                         \
    X(continues, "chunks of long work")                                 \
    X(work_recovered, "recoveries amid long work")                      \
    X(transactions, "transactions recovered or verified")               \
    X(logins, "logins")                                                 \
    X(logins_from_one, "logins that read the stream from 1")            \
    X(takeovers, "logins over a live one")                              \
    X(moves, "logins through another gateway than before")              \
    X(stale, "commands of a binding that was over")                     \
    X(late_ends, "disconnects of a binding that was over")              \
    X(moved_in, "accounts that came to another gateway")                \
    X(moved_aside, "messages kept aside for a store")                   \
    X(moved_joined, "stores taken with what they held")                 \
    X(moved_replaced, "stores taken without what they held")            \
    X(moved_through, "accounts gone on before their store came")        \
    X(moved_back, "accounts back before their store left")              \
    X(bad_logins, "logins refused")                                     \
    X(conn_resets, "connections reset by the network")                  \
    X(conn_ends, "connections ended by clients")                        \
    X(slow_readers, "clients that stopped reading")                     \
    X(requests, "requests sent")                                        \
    X(resends, "requests sent again")                                   \
    X(answered, "orders answered")                                      \
    X(seen, "messages seen by clients")                                 \
    X(seen_again, "messages seen again and compared")                   \
    X(executions, "executions seen by clients")                         \
    X(firms, "changes of an account's firm")                            \
    X(phases, "changes of phase by operators")                          \
    X(crossed, "executions in crosses")                                 \
    X(midpoints, "executions at the midpoint")                          \
    X(refreshed, "next parts of reserve orders")                        \
    X(late_cancels, "cancels that came too late for a cross")           \
    X(sink_commits, "export batches committed")                         \
    X(sink_lost_before, "export batches lost before the commit")        \
    X(sink_lost_after, "export batches lost after the commit")          \
    X(sink_away, "times that a far end was away")                       \
    X(sink_duplicates, "rows refused by the stream as duplicate")       \
    X(sink_fenced, "stale writers fenced off")                          \
    X(journal_rotten, "journals in which bits rotted")                  \
    X(journal_misdirected, "journals with a misdirected write")         \
    X(journal_never_came, "journals with a write that never came")      \
    X(damage_named, "damages refused and named")                        \
    X(damage_marked, "of them by durable.mark alone")                   \
    X(marks_rotten, "durable.marks that rotted")                        \
    X(damage_torn, "damages without a witness, cut as a torn tail")     \
    X(damage_behind, "damages behind which a snapshot let a start go")  \
    X(fingerprint, "fingerprint, the same of every build")

struct sim_counts {
#define X(name, text) u64 name;
    SIM_COUNTS(X)
#undef X
};

struct sim {
    u64 seed;
    u64 now_ns;  /* virtual time, ns since 1970 UTC */
    u64 base_ns; /* where it began; the trace counts from here */
    u64 step;    /* turns of the event loop */
    u64 random;  /* state of the generator */
    bool trace;  /* one line an event to stdout */
    bool calm;   /* no more faults: the final drain */
    struct sim_counts counts;
};

extern struct sim sim;

/* Exit codes of a process that simulates one seed. */
#define SIM_EXIT_BROKEN 3 /* an oracle found something broken */

/* Starts over with `seed`. */
void sim_begin(u64 seed, u64 now_ns, bool trace);

/* ---- luck: a splitmix64 generator ---- */
u64 sim_random(void);
/* 0..n-1; n > 0. */
u64 sim_below(u64 n);
/* lo..hi, both included. */
u64 sim_between(u64 lo, u64 hi);
/* True `n` times in a million. */
bool sim_chance(u32 n);
/* Mostly near `lo`, rarely near `hi`: the shape of delays in real systems. */
u64 sim_delay(u64 lo, u64 hi);

/* ---- voice ---- */
/* One line: step, milliseconds since the start, who, what. Nothing unless tracing. */
void sim_trace(const char *who, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * Something is broken: prints seed, step, time and what, and how to replay, and ends the
 * process.
 */
_Noreturn void sim_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

#define SIM_CHECK(cond, ...)       \
    do {                           \
        if (UNLIKELY(!(cond)))     \
            sim_fail(__VA_ARGS__); \
    } while (0)

/* malloc, zeroed, that fails the run instead of returning NULL. */
void *sim_alloc(u64 bytes);
/* An array, aligned as slots are, grown to at least `want` elements of `size` bytes. */
void *sim_grow(void *array, u64 *room, u64 want, u64 size);

/* Prints the counts, one a line, those that are 0 too. */
void sim_counts_print(const struct sim_counts *c);
void sim_counts_add(struct sim_counts *to, const struct sim_counts *from);

#endif
