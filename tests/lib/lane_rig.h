/*
 * lane_rig.h - an exporter with one lane from a made-up journal to a far end in memory.
 */
#ifndef WIREBOOK_TESTS_LANE_RIG_H
#define WIREBOOK_TESTS_LANE_RIG_H

#include "tests/lib/fake_sink.h"
#include "tests/lib/made_journal.h"

/* 10 ms, doubled up to 80 ms; 100 ms after a refusal. */
extern const struct export_conf lane_rig_conf;

/* One process' exporter over one far end. */
struct lane_rig {
    struct mem mem;
    struct exporter x;
    struct fake_sink sink;
    struct made_source source;
};

/* A process with `epoch` that knows the names of the first `known` transactions. */
void lane_rig_start(struct lane_rig *b, const struct made_journal *j, struct fake_far *far,
                    u64 epoch, u64 known);
void lane_rig_stop(struct lane_rig *b);

/* `turns` turns, 100 us each. */
void lane_rig_run(struct lane_rig *b, u64 *now_ns, u64 turns);

/* Runs until all up to `seq` is over or `turns` have passed; true: it is over. */
bool lane_rig_settles(struct lane_rig *b, u64 *now_ns, u64 seq, u64 turns);

/* Fails unless the far end has the journal, row by row; nothing before transaction `from`. */
void lane_rig_assert_same(const struct fake_far *far, const struct made_journal *j, u64 seed);
void lane_rig_assert_from(const struct fake_far *far, const struct made_journal *j, u64 from,
                          u64 seed);

#endif
