/* replay_tail.c - see replay_tail.h. Cold; reads only. An error of the disk goes up. */
#include "persist/replay_tail.h"

#include <errno.h>

/* The blocks from `index` on of the open segment. */
static int look_at(struct segment_file *f, u32 shard, u64 index, struct replay_tail *t)
{
    const struct block *b;
    int error;

    while ((error = segment_file_block(f, index++, false, &b)) == 0) {
        bool whole = !block_check(b, shard);
        if (block_is_zero(b) || (whole && b->head.segment != f->segment))
            continue; /* never written, in this file's present life */
        t->written++;
        if (!whole && b->head.segment == f->segment && !block_check(b, b->head.shard)) {
            t->strange = true;
            t->shard = b->head.shard;
        }
        if (!whole)
            continue; /* torn too */
        t->max_epoch = max_u64(t->max_epoch, b->head.epoch);
        if (b->head.durable_block > t->durable) {
            t->durable = b->head.durable_block;
            t->durable_at = b->head.block;
        }
    }
    return error == -ENODATA ? 0 : error;
}

int replay_tail_look(struct segment_file *f, const struct catalog *c, u32 i, u64 index,
                     struct replay_tail *t)
{
    const struct segment_entry *bad = &c->entries[i];
    int error = look_at(f, c->shard, index, t);

    for (i++; !error && i < c->used; i++) {
        error = segment_file_open(f, c->entries[i].segment, c->entries[i].bytes);
        if (!error)
            error = look_at(f, c->shard, 0, t);
    }
    return error ? error : segment_file_open(f, bad->segment, bad->bytes);
}

bool replay_tail_strange(const struct replay_tail *t, const struct disk *d, u32 shard,
                         struct why *why)
{
    if (t->strange)
        why_set(why,
                "journal %s is of shard %u, and this is shard %u; nothing was changed: is it the "
                "right shard, and the right directory?",
                d->where, t->shard, shard);
    return t->strange;
}
