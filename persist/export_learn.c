/*
 * export_learn.c - see export_learn.h. Failure modes: what cannot be read is not learnt; the lane
 * goes on, and meets the same error where it matters.
 */
#include "persist/export_learn.h"

#include <inttypes.h>

#include "engine/base/log.h"

#define TXS_PER_TURN 512u

bool export_learn_begin(struct export_lane *l)
{
    l->learning = l->filled.seq > 0 && l->names.changed > l->filled.seq;
    if (!l->learning)
        return false;
    log_info("export %s: reads the names of accounts as they were at seq %" PRIu64, l->name,
             l->filled.seq);
    l->source.seek(l->source.ctx, 1);
    return true;
}

/* The next transaction, from the oldest that is left on. */
static enum cursor_status next(struct export_lane *l, struct cursor_tx *tx)
{
    enum cursor_status got = l->source.next(l->source.ctx, tx);
    u64 oldest = got == CURSOR_GONE ? l->source.oldest(l->source.ctx) : 0;

    if (oldest == 0 || oldest > l->filled.seq)
        return got;
    l->source.seek(l->source.ctx, oldest);
    return l->source.next(l->source.ctx, tx);
}

int export_learn(struct export_lane *l)
{
    struct cursor_tx tx;

    for (int n = 1; n <= (int)TXS_PER_TURN; n++) {
        enum cursor_status got = next(l, &tx);
        for (u32 i = 0; got == CURSOR_TX && i < tx.used; i += msg_slots(&tx.slots[i]))
            export_names_note(&l->names, (const union msg *)(const void *)&tx.slots[i]);
        if (got != CURSOR_TX || tx.seq >= l->filled.seq) {
            l->names.changed = l->filled.seq; /* of what was before nothing is known any more */
            l->learning = false;
            return n;
        }
    }
    return (int)TXS_PER_TURN;
}
