/* lane_rig.c - see lane_rig.h. */
#include "tests/lib/lane_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

const struct export_conf lane_rig_conf = {
    .seed = 7,
    .retry_min_ns = 10 * NS_PER_MS,
    .retry_max_ns = 80 * NS_PER_MS,
    .refused_retry_ns = 100 * NS_PER_MS,
};

void lane_rig_start(struct lane_rig *b, const struct made_journal *j, struct fake_far *far,
                    u64 epoch, u64 known)
{
    struct export_names names;
    memset(b, 0, sizeof *b);
    mem_init(&b->mem, 0);
    export_init(&b->x, &lane_rig_conf, &b->mem);
    fake_sink_init(&b->sink, far, epoch, 64);
    made_journal_names(j, &names, &b->mem, known);
    struct export_source source = made_journal_source(&b->source, j);
    export_add(&b->x, "fake", &b->sink.sink, &source, &names, NS_PER_MS);
}

void lane_rig_stop(struct lane_rig *b)
{
    export_close(&b->x);
    fake_sink_free(&b->sink);
    mem_free_all(&b->mem);
}

void lane_rig_run(struct lane_rig *b, u64 *now_ns, u64 turns)
{
    for (u64 i = 0; i < turns; i++) {
        *now_ns += 100 * NS_PER_US;
        export_do_work(&b->x, *now_ns);
    }
}

bool lane_rig_settles(struct lane_rig *b, u64 *now_ns, u64 seq, u64 turns)
{
    for (u64 i = 0; i < turns && !export_has_passed(&b->x, seq); i++)
        lane_rig_run(b, now_ns, 1);
    return export_has_passed(&b->x, seq);
}

void lane_rig_assert_same(const struct fake_far *far, const struct made_journal *j, u64 seed)
{
    lane_rig_assert_from(far, j, 1, seed);
}

void lane_rig_assert_from(const struct fake_far *far, const struct made_journal *j, u64 from,
                          u64 seed)
{
    u64 row = 0;
    u32 day = 0;

    for (u64 seq = 1; seq <= j->txs; seq++) {
        u32 used, idx = 0;
        const struct slot *slots = made_journal_tx(j, seq, &used);
        if (msg_is_command(((const u8 *)slots)[0]) && ((const u8 *)slots)[0] == CMD_DAY_OPEN)
            day = ((const union msg *)(const void *)slots)->day.day;
        for (u32 i = 0; i < used; i += msg_slots(&slots[i]), idx++) {
            if (seq < from || msg_is_command(((const u8 *)&slots[i])[0]))
                continue;
            if (row >= far->used || far->rows[row].seq != seq || far->rows[row].idx != idx ||
                far->rows[row].day != day ||
                memcmp(&far->rows[row].first, &slots[i], sizeof slots[i]) != 0)
                fail_msg("seed %llu: row %llu of %llu is not seq %llu idx %u day %u",
                         (unsigned long long)seed, (unsigned long long)row,
                         (unsigned long long)far->used, (unsigned long long)seq, idx, day);
            row++;
        }
    }
    if (row != far->used)
        fail_msg("seed %llu: %llu rows, wanted %llu", (unsigned long long)seed,
                 (unsigned long long)far->used, (unsigned long long)row);
}
