/*
 * tops.c - see tops.h. The writer is the shadow agent, the reader the export agent; both cold.
 *
 * An entry is written between two steps of its version; the reader copies it and believes the copy
 * if the version was even and is still the same. Each word is stored with release and loaded with
 * acquire, so that neither a word can pass the odd version nor the second look at it the words.
 * The dirty bit is set behind the entry and taken before it is read: a change in between is seen
 * again, never lost.
 */
#include "persist/tops.h"

#include <string.h>

#include "engine/engine.h"

struct tops *tops_new(u32 instruments_max, struct mem *m)
{
    ASSERT(instruments_max >= 1 && instruments_max <= INSTRUMENTS_MAX);
    struct tops *t = mem_alloc(m, sizeof *t, CACHE_LINE);

    t->instruments_max = instruments_max;
    t->at = mem_alloc(m, ((u64)instruments_max + 1) * sizeof t->at[0], CACHE_LINE);
    return t;
}

/* ---- the writer ---- */

static u64 word(const struct top_entry *entry, u32 i)
{
    return atomic_load_explicit(&entry->words[i], memory_order_relaxed);
}

/* The book's words; false when they are the same but for when that was: the first five. */
static bool touch_words(const struct engine *e, u16 id, const struct top_entry *entry,
                        u64 words[TOP_WORDS])
{
    bool changed = false;

    memcpy(&words[0], engine_instrument(e, id)->symbol, 8);
    words[1] = engine_best_price(e, id, 'B') | (u64)engine_best_price(e, id, 'S') << 32;
    words[2] = engine_best_qty(e, id, 'B');
    words[3] = engine_best_qty(e, id, 'S');
    words[4] = engine_phase(e, id);
    words[5] = engine_seq(e);
    words[6] = engine_time_ns(e);
    for (u32 i = 0; i < 5; i++)
        changed |= word(entry, i) != words[i];
    return changed;
}

static void cross_words(const struct indication *i, u64 now_ns, u64 words[TOP_WORDS])
{
    words[7] = i->price | (u64)i->cross << 32 | (u64)i->side << 40;
    words[8] = i->paired;
    words[9] = i->imbalance;
    words[10] = now_ns;
}

static void store(struct tops *t, u16 id, const u64 words[TOP_WORDS])
{
    struct top_entry *entry = &t->at[id];
    u64 version = atomic_load_explicit(&entry->version, memory_order_relaxed);

    atomic_store_explicit(&entry->version, version + 1, memory_order_relaxed);
    for (u32 i = 0; i < TOP_WORDS; i++) /* release: not before the odd version */
        atomic_store_explicit(&entry->words[i], words[i], memory_order_release);
    atomic_store_explicit(&entry->version, version + 2, memory_order_release); /* tops_read */
    atomic_fetch_or_explicit(&t->dirty[id / 64], 1ull << id % 64, memory_order_release);
    atomic_fetch_add_explicit(&t->changes, 1, memory_order_release); /* pairs with tops_changes */
}

/* The book has changed, perhaps. An indication stays until the next one, or till its cross. */
static void put(struct tops *t, const struct engine *e, u16 id)
{
    const struct top_entry *entry = &t->at[id];
    const struct indication none = {0};
    u64 words[TOP_WORDS];
    bool changed = touch_words(e, id, entry, words);

    if ((u8)(word(entry, 7) >> 32) != engine_cross_next(e, id)) {
        changed |= word(entry, 7) != 0;
        cross_words(&none, 0, words);
    } else {
        for (u32 i = TOP_WORDS_TOUCH; i < TOP_WORDS; i++)
            words[i] = word(entry, i);
    }
    if (changed)
        store(t, id, words);
}

enum tops_indicated tops_indicate(struct tops *t, const struct engine *e, u16 id, u64 now_ns,
                                  u32 *prices)
{
    struct indication i;
    u64 words[TOP_WORDS];

    engine_indication(e, id, prices, &i);
    if (!i.cross)
        return INDICATED_NONE;
    if (!i.found)
        return INDICATED_LARGE;
    cross_words(&i, now_ns, words);
    bool changed = touch_words(e, id, &t->at[id], words) || word(&t->at[id], 7) != words[7];
    if (i.paired || changed)
        store(t, id, words);
    return INDICATED;
}

void tops_note_all(struct tops *t, const struct engine *e)
{
    ASSERT_LE(engine_instruments(e), t->instruments_max);
    for (u32 id = 1; id <= engine_instruments(e); id++)
        put(t, e, (u16)id);
    atomic_store_explicit(&t->used, engine_instruments(e), memory_order_release);
}

/* The instrument that an event is about; 0: none, or not one whose touch it moves. */
static u16 instrument_of(const union msg *m)
{
    switch (m->ev.type) {
    case EV_INSTRUMENT:
        return m->instrument.instrument;
    case EV_ACCEPTED:
    case EV_REPLACED:
        return m->order.instrument;
    case EV_CANCELLED:
        return m->cancelled.instrument;
    case EV_AIQ_CANCELLED:
        return m->aiq.instrument;
    case EV_RESTATED:
        return m->restated.instrument;
    case EV_MODIFIED:
        return m->modified.instrument;
    case EV_EXECUTED:
        return m->executed.instrument;
    case EV_PHASE:
        return m->phase.instrument;
    case EV_PRIORITY:
        return m->priority.instrument;
    }
    return 0;
}

void tops_note(struct tops *t, const struct engine *e, const struct slot *tx, u32 used)
{
    u16 last = 0;

    for (u32 at = 0; at < used; at += msg_slots(&tx[at])) {
        u16 id = instrument_of((const union msg *)(const void *)&tx[at]);
        if (id == 0 || id == last)
            continue;
        last = id;
        put(t, e, id);
        if (id > atomic_load_explicit(&t->used, memory_order_relaxed))
            atomic_store_explicit(&t->used, id, memory_order_release);
    }
}

/* ---- the reader ---- */

static void tops_read(const struct top_entry *entry, struct top *out)
{
    u64 words[TOP_WORDS], version;

    do { /* acquire: pairs with the stores of put; the writer is through in some nanoseconds */
        version = atomic_load_explicit(&entry->version, memory_order_acquire);
        for (u32 i = 0; i < TOP_WORDS; i++)
            words[i] = atomic_load_explicit(&entry->words[i], memory_order_acquire);
    } while (version % 2 != 0 ||
             version != atomic_load_explicit(&entry->version, memory_order_relaxed));
    memcpy(out->symbol, &words[0], 8);
    out->bid_price = (u32)words[1];
    out->ask_price = (u32)(words[1] >> 32);
    out->bid_qty = words[2];
    out->ask_qty = words[3];
    out->phase = (u8)words[4];
    out->seq = words[5];
    out->time_ns = words[6];
    out->cross_price = (u32)words[7];
    out->cross = (u8)(words[7] >> 32);
    out->cross_side = (u8)(words[7] >> 40);
    out->paired = words[8];
    out->imbalance = words[9];
    out->indicated_ns = words[10];
}

u16 tops_next(struct tops *t, u16 after, struct top *out)
{
    for (u32 word = (after + 1u) / 64; word <= t->instruments_max / 64; word++) {
        u64 bits = atomic_load_explicit(&t->dirty[word], memory_order_relaxed);
        if (word == (after + 1u) / 64)
            bits &= ~0ull << (after + 1u) % 64;
        if (bits == 0)
            continue;
        u16 id = (u16)(word * 64 + (u32)__builtin_ctzll(bits));
        atomic_fetch_and_explicit(&t->dirty[word], ~(1ull << id % 64), memory_order_acquire);
        tops_read(&t->at[id], out);
        return id;
    }
    return 0;
}

u64 tops_changes(const struct tops *t)
{
    return atomic_load_explicit(&t->changes, memory_order_acquire);
}

void tops_all_again(struct tops *t)
{
    u32 used = atomic_load_explicit(&t->used, memory_order_acquire);

    for (u32 id = 1; id <= used; id++)
        atomic_fetch_or_explicit(&t->dirty[id / 64], 1ull << id % 64, memory_order_relaxed);
}
