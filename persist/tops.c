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

static void words_of(const struct top *top, u64 words[TOP_WORDS])
{
    memcpy(&words[0], top->symbol, 8);
    words[1] = top->bid_price | (u64)top->ask_price << 32;
    words[2] = top->bid_qty;
    words[3] = top->ask_qty;
    words[4] = top->phase;
    words[5] = top->seq;
    words[6] = top->time_ns;
}

/* The same but for when that was: the first five words. */
static bool same(const struct top_entry *entry, const u64 words[TOP_WORDS])
{
    for (u32 i = 0; i < 5; i++)
        if (atomic_load_explicit(&entry->words[i], memory_order_relaxed) != words[i])
            return false;
    return true;
}

static void put(struct tops *t, const struct engine *e, u16 id)
{
    struct top_entry *entry = &t->at[id];
    struct top top = {
        .bid_price = engine_best_price(e, id, 'B'),
        .ask_price = engine_best_price(e, id, 'S'),
        .bid_qty = engine_best_qty(e, id, 'B'),
        .ask_qty = engine_best_qty(e, id, 'S'),
        .phase = engine_phase(e, id),
        .seq = engine_seq(e),
        .time_ns = engine_time_ns(e),
    };
    u64 words[TOP_WORDS];

    memcpy(top.symbol, engine_instrument(e, id)->symbol, sizeof top.symbol);
    words_of(&top, words);
    if (same(entry, words))
        return;
    u64 version = atomic_load_explicit(&entry->version, memory_order_relaxed);
    atomic_store_explicit(&entry->version, version + 1, memory_order_relaxed);
    for (u32 i = 0; i < TOP_WORDS; i++) /* release: not before the odd version */
        atomic_store_explicit(&entry->words[i], words[i], memory_order_release);
    atomic_store_explicit(&entry->version, version + 2, memory_order_release); /* tops_read */
    atomic_fetch_or_explicit(&t->dirty[id / 64], 1ull << id % 64, memory_order_release);
    atomic_fetch_add_explicit(&t->changes, 1, memory_order_release); /* pairs with tops_changes */
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
