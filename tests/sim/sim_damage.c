/*
 * sim_damage.c - see sim_damage.h.
 *
 * The live blocks of a journal are those of each segment from its first one on that are whole, have
 * the segment's number and the next block's, up to where the next used segment begins. `first` is
 * the first of them, in that order, whose bytes are others after the damage. Then
 *   - without a `first` the journal is as it was: all of it is read;
 *   - a whole block behind `first` that says that it was durable: refused, and `first` is named;
 *   - durable.mark names a transaction that stands at or behind `first`: the same;
 *   - else it looks like a torn tail: what stands before `first` is read, to the last transaction.
 */
#include "tests/sim/sim_damage.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/crc32c.h"
#include "engine/base/hash.h"
#include "engine/base/log.h"
#include "persist/cursor.h"
#include "persist/journal_format.h"
#include "persist/recovery.h"
#include "persist/segment_file.h"
#include "tests/sim/sim.h"
#include "tests/sim/sim_disk_impl.h"

#define LIVE_MAX 65536u

/* A block by where it lies. */
struct place {
    u8 *data;
    struct block_head head; /* before the damage */
    u64 segment;
    u64 index;  /* in its file */
    u64 number; /* as it was written */
    bool live;  /* ... and it is part of the journal */
};

struct damage {
    struct place *places; /* all blocks of all segments, in their order */
    u32 used;
    u8 *before; /* copies of them */
    bool misdirected;
    u64 random;
    u64 looked; /* transactions that were handed out */
    u64 mark;   /* the last one that durable.mark calls durable, after the damage; 0: none */
    const struct sim_journal *journal;
    const char *kind;
};

static u64 below(struct damage *d, u64 n)
{
    d->random = hash_u64(d->random + 1);
    return d->random % n;
}

static void turn_bit(struct damage *d, u8 *data, u64 bytes)
{
    u64 at = below(d, bytes);

    data[at] ^= (u8)(1u << below(d, 8));
}

/* ---- what there is ---- */

static int by_text(const void *a, const void *b)
{
    return strcmp((*(const struct name *const *)a)->text, (*(const struct name *const *)b)->text);
}

static void places_fill(struct damage *d, struct sim_disk *copy)
{
    static const struct name *names[NAMES_MAX];
    u32 n = 0;

    for (u32 i = 0; i < copy->seen.used; i++)
        if (segment_parse(copy->seen.names[i].text) != 0)
            names[n++] = &copy->seen.names[i];
    qsort(names, n, sizeof names[0], by_text);
    d->places = sim_alloc(LIVE_MAX * sizeof *d->places);
    for (u32 i = 0; i < n; i++) {
        for (u64 at = 0; at + BLOCK_BYTES <= names[i]->node->bytes; at += BLOCK_BYTES) {
            SIM_CHECK(d->used < LIVE_MAX, "a journal too long for sim_damage");
            d->places[d->used++] = (struct place){.data = names[i]->node->data + at,
                                                  .segment = segment_parse(names[i]->text),
                                                  .index = at / BLOCK_BYTES};
            struct place *p = &d->places[d->used - 1];
            memcpy(&p->head, p->data, sizeof p->head);
        }
    }
    d->before = sim_alloc((u64)d->used * BLOCK_BYTES + 1);
    for (u32 i = 0; i < d->used; i++)
        memcpy(&d->before[(u64)i * BLOCK_BYTES], d->places[i].data, BLOCK_BYTES);
}

/* What lies there now, to `head`; false: no whole block of that segment. */
static bool whole(const struct place *p, u32 shard, struct block_head *head)
{
    static struct block b; /* the file's bytes lie anywhere */

    memcpy(&b, p->data, sizeof b);
    *head = b.head;
    return !block_check(&b, shard) && b.head.segment == p->segment;
}

/* With which block the next used segment behind place `i` begins; UINT64_MAX: there is none. */
static u64 limit_of(const struct damage *d, u32 i, u32 shard)
{
    struct block_head head;

    for (u32 k = i + 1; k < d->used; k++)
        if (d->places[k].index == 0)
            return whole(&d->places[k], shard, &head) ? head.block : UINT64_MAX;
    return UINT64_MAX;
}

static void live_mark(struct damage *d, u32 shard)
{
    u64 next = 0;
    u64 limit = UINT64_MAX;
    bool alive = false;

    for (u32 i = 0; i < d->used; i++) {
        struct place *p = &d->places[i];
        struct block_head head;
        bool good = whole(p, shard, &head);
        if (p->index == 0) {
            alive = good;
            next = head.block;
            limit = limit_of(d, i, shard);
        }
        alive = alive && good && head.block == next && next < limit;
        p->live = alive;
        p->number = next++;
    }
}

/* ---- what happens to it ---- */

static struct place *any_live(struct damage *d)
{
    for (u32 tries = 0; tries < 10000; tries++) {
        struct place *p = &d->places[below(d, d->used)];
        if (p->live)
            return p;
    }
    return NULL;
}

static void rot(struct damage *d, struct place *p)
{
    u64 bits = 1 + below(d, 3);

    for (u64 i = 0; i < bits; i++)
        turn_bit(d, p->data, BLOCK_BYTES);
    d->kind = "bits that rotted";
    sim.counts.journal_rotten++;
}

/* What was written to `p` went to another block's place; its own keeps what stood there before. */
static void misdirect(struct damage *d, struct place *p)
{
    struct place *to = &d->places[below(d, d->used)];

    memmove(to->data, p->data, BLOCK_BYTES);
    if (to != p)
        memset(p->data, 0, BLOCK_BYTES);
    d->misdirected = true;
    d->kind = "a misdirected write";
    sim.counts.journal_misdirected++;
}

static void lose(struct damage *d, struct place *p)
{
    memset(p->data, 0, BLOCK_BYTES);
    d->kind = "a write that never came";
    sim.counts.journal_never_came++;
}

/* The records of durable.mark, found without the product's reader. */
static struct name *mark_of(struct sim_disk *copy)
{
    return sim_dir_find(&copy->seen, DURABLE_MARK_FILE);
}

static u64 mark_says(struct sim_disk *copy, u32 shard)
{
    static struct durable_record r;
    const struct name *n = mark_of(copy);
    u64 seq = 0;

    for (u64 at = 0; n && at + sizeof r <= n->node->bytes; at += sizeof r) {
        memcpy(&r, n->node->data + at, sizeof r);
        if (r.magic == DURABLE_MARK_MAGIC && r.shard == shard &&
            r.crc == crc32c(0, &r.version, sizeof r - offsetof(struct durable_record, version)))
            seq = max_u64(seq, r.seq);
    }
    return seq;
}

/* The witness of the end rots: what it says is lost, or a part of it, and nothing else. */
static bool rot_mark(struct damage *d, struct sim_disk *copy)
{
    struct name *n = mark_of(copy);

    if (!n)
        return false;
    for (u64 i = below(d, 8); i < 8; i++)
        turn_bit(d, n->node->data, n->node->bytes);
    d->kind = "rot in durable.mark";
    sim.counts.marks_rotten++;
    return true;
}

/* One in three of what is hurt is the end, where only durable.mark sees it. */
static struct place *to_hurt(struct damage *d)
{
    u32 i = d->used;

    if (below(d, 3) > 0)
        return any_live(d);
    while (i > 0 && !d->places[i - 1].live)
        i--;
    u32 back = (u32)below(d, 4);
    return i > back && d->places[i - 1 - back].live ? &d->places[i - 1 - back] : NULL;
}

static bool hurt(struct damage *d, struct sim_disk *copy)
{
    u32 live = 0;

    for (u32 i = 0; i < d->used; i++)
        live += d->places[i].live;
    if (below(d, 16) == 0)
        return rot_mark(d, copy);
    struct place *p = live > 0 ? to_hurt(d) : NULL;
    if (!p)
        return false;
    switch (below(d, 3)) {
    case 0:
        rot(d, p);
        break;
    case 1:
        misdirect(d, p);
        break;
    default:
        lose(d, p);
    }
    return true;
}

/* ---- what must come of it ---- */

struct verdict {
    const struct place *first; /* NULL: nothing of the journal has changed */
    bool witness;              /* something says that it was durable */
    bool marked;               /* ... durable.mark alone */
    bool oldest;  /* it is the first one of the oldest file: nothing tells with what that began */
    u64 last_seq; /* transaction that is left without a witness; 0: not known from the heads */
};

static struct verdict expect(const struct damage *d, u32 shard)
{
    struct verdict v = {.first = NULL};
    u32 i = 0;

    while (i < d->used && (!d->places[i].live || memcmp(&d->before[(u64)i * BLOCK_BYTES],
                                                        d->places[i].data, BLOCK_BYTES) == 0))
        i++;
    if (i == d->used)
        return v;
    v.first = &d->places[i];
    v.oldest = i == 0;
    if (v.first->head.first_seq > 0) /* and the one before it, if that ends there */
        v.last_seq = v.first->head.first_seq - 1 - (v.first->head.first_tx_slot > 0);
    for (u32 k = i; k < d->used; k++) {
        struct block_head head;
        v.witness |= whole(&d->places[k], shard, &head) && head.durable_block >= v.first->number;
    }
    v.marked = !v.witness && v.last_seq > 0 && v.last_seq < d->mark;
    v.witness |= v.marked;
    return v;
}

/* Each transaction that is handed out is the journal's. */
static const char *same_tx(void *ctx, const struct slot *tx, u32 used)
{
    struct damage *d = ctx;
    u64 seq = ((const struct cmd_head *)(const void *)tx)->seq;

    SIM_CHECK(seq >= 1 && seq <= d->journal->used, "%s: transaction %llu of nowhere", d->kind,
              (unsigned long long)seq);
    const struct sim_tx *t = &d->journal->txs[seq - 1];
    SIM_CHECK(used == t->used && memcmp(tx, &d->journal->slots[t->at], used * sizeof *tx) == 0,
              "%s: transaction %llu has other bytes", d->kind, (unsigned long long)seq);
    d->looked = seq;
    return NULL;
}

static void check_refused(const struct damage *d, const struct verdict *v, const struct why *why)
{
    char text[64];

    snprintf(text, sizeof text, "block %llu:", (unsigned long long)v->first->number);
    /* A write in the place of a segment's first block may be refused although nothing tells it from
     * a torn tail: that is the safe side. */
    SIM_CHECK(v->witness || v->oldest || d->misdirected || (v->last_seq == 0 && d->mark > 0),
              "%s: refused without a witness: %s", d->kind, why->text);
    SIM_CHECK(v->oldest || strstr(why->text, text), "%s of block %llu: another one is named: %s",
              d->kind, (unsigned long long)v->first->number, why->text);
    sim.counts.damage_named++;
    sim.counts.damage_marked += v->marked;
}

/* The blocks alone, from the oldest one on. */
static void look_replay(struct damage *d, const struct verdict *v, struct disk *disk, u32 shard)
{
    struct replay_conf conf = {
        .disk = disk, .shard = shard, .apply = same_tx, .ctx = d, .quiet = true};
    struct replay_result at;
    struct why why;
    enum replay_status s = replay_run(&conf, &at, &why);

    SIM_CHECK(s == REPLAY_OK || s == REPLAY_DAMAGED, "%s: %s", d->kind, why.text);
    if (s == REPLAY_DAMAGED) {
        SIM_CHECK(v->first, "%s of nothing that lives: %s", d->kind, why.text);
        check_refused(d, v, &why);
        return;
    }
    if (!v->first) {
        SIM_CHECK(d->looked == d->journal->used, "%s of nothing that lives: %llu of %llu read",
                  d->kind, (unsigned long long)d->looked, (unsigned long long)d->journal->used);
        return;
    }
    SIM_CHECK(!v->witness || v->oldest,
              "LOST: %s of block %llu, which was durable, passes for a torn tail", d->kind,
              (unsigned long long)v->first->number);
    SIM_CHECK(at.last_seq >= d->mark, "LOST: %s: ends at %llu, durable.mark says %llu", d->kind,
              (unsigned long long)at.last_seq, (unsigned long long)d->mark);
    SIM_CHECK(v->last_seq == 0 || v->oldest || at.last_seq == v->last_seq,
              "%s of block %llu: %llu is the last transaction, not %llu", d->kind,
              (unsigned long long)v->first->number, (unsigned long long)at.last_seq,
              (unsigned long long)v->last_seq);
    sim.counts.damage_torn++;
}

/* As a start does it: a snapshot may stand behind the damage. */
static void look_recovery(struct damage *d, const struct verdict *v, struct disk *disk, u32 shard)
{
    struct recovery_conf conf = {
        .disk = disk, .shard = shard, .engine = *engine_conf(d->journal->shadow), .quiet = true};
    struct replay_result at;
    struct engine *engine;
    struct mem mem;
    struct why why;

    mem_init(&mem, 0);
    enum replay_status s = recovery_run(&conf, &mem, &engine, &at, &why);
    if (s == REPLAY_OK) {
        SIM_CHECK(!v->first || !v->witness || at.from_seq > 0,
                  "LOST: %s: a start without a snapshot goes through", d->kind);
        SIM_CHECK(at.last_seq <= d->journal->used, "%s: more than there was", d->kind);
        SIM_CHECK(at.last_seq < d->journal->used ||
                      engine_state_hash(engine) == engine_state_hash(d->journal->shadow),
                  "%s: a start comes to another state", d->kind);
        sim.counts.damage_behind += v->first && v->witness;
    } else {
        SIM_CHECK(v->first, "%s of nothing that lives: %s", d->kind, why.text);
    }
    mem_free_all(&mem);
}

/* As exports and readers do it: whatever a cursor hands out is true, and it ends at the damage. */
static void look_cursor(struct damage *d, const struct verdict *v, struct disk *disk, u32 shard)
{
    struct cursor_conf conf = {.disk = disk, .shard = shard};
    struct cursor_tx tx;

    if (v->oldest)
        return;
    struct cursor *c = cursor_new(&conf, 1);
    cursor_seek_block(c, d->places[0].number);
    while (cursor_next(c, &tx) == CURSOR_TX) {
        same_tx(d, tx.slots, tx.used);
        SIM_CHECK(tx.end_block < v->first->number, "%s of block %llu: a cursor has read block %llu",
                  d->kind, (unsigned long long)v->first->number, (unsigned long long)tx.end_block);
    }
    cursor_free(c);
}

void sim_damage_look(const struct sim_journal *j, const struct sim_disk *disk,
                     const struct durable_record mark[2], u32 shard, u64 seed)
{
    struct sim_disk *copy = sim_disk_copy(disk);
    struct damage d = {.random = seed, .journal = j};

    log_level_set(LOG_ERROR + 1);
    if (mark_of(copy))
        memcpy(mark_of(copy)->node->data, mark, 2 * sizeof mark[0]);
    places_fill(&d, copy);
    live_mark(&d, shard);
    if (hurt(&d, copy)) {
        d.mark = mark_says(copy, shard);
        struct verdict v = expect(&d, shard);
        u32 sum = sim_disk_sum(copy);
        look_replay(&d, &v, sim_disk_disk(copy), shard);
        look_recovery(&d, &v, sim_disk_disk(copy), shard);
        if (v.first)
            look_cursor(&d, &v, sim_disk_disk(copy), shard);
        SIM_CHECK(sim_disk_sum(copy) == sum, "%s: reading has changed the disk", d.kind);
    }
    log_level_set(sim.trace ? LOG_INFO : LOG_ERROR + 1);
    free(d.places);
    free(d.before);
    sim_disk_free(copy);
}
