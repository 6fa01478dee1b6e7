/*
 * ops_gen.c - makes the common workload: which order comes next, at which price, of which size.
 *
 * Random numbers are xoshiro256**, seeded by splitmix64; each draw happens where the format's
 * definition has it, or all that follows is different.
 */
#include "tests/lib/ops_gen.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/assert.h"
#include "tests/lib/ops_book.h"

/* ---- random numbers ---- */

static u64 rotl(u64 x, u32 k)
{
    return x << k | x >> (64 - k);
}

static u64 draw(struct gen *g)
{
    u64 *s = g->random;
    u64 r = rotl(s[1] * 5, 7) * 9;
    u64 t = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotl(s[3], 45);
    return r;
}

static void seed_with(struct gen *g, u64 seed)
{
    for (u32 i = 0; i < 4; i++) {
        seed += 0x9E3779B97F4A7C15ull;
        u64 z = seed;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
        g->random[i] = z ^ (z >> 31);
    }
}

static double uniform(struct gen *g)
{
    return (double)(draw(g) >> 11) * (1.0 / 9007199254740992.0);
}

static u32 below(struct gen *g, u32 n)
{
    return (u32)(((draw(g) >> 32) * (u64)n) >> 32);
}

/* ---- prices and quantities ---- */

static u32 distance_near(struct gen *g)
{
    double u = uniform(g);

    if (u < 0.25) {
        u32 d = 0;
        while (uniform(g) < 0.80 && d < 60)
            d++;
        return d;
    }
    if (u < 0.75)
        return (u32)(-log(1 - uniform(g)) * 25.0);
    if (u < 0.97) {
        double x = 16.0 * pow(1 - uniform(g), -1 / 1.3);
        return (u32)fmin(x, 4000.0);
    }
    return below(g, 8000);
}

static u32 distance_deep(struct gen *g)
{
    if (uniform(g) < 0.25)
        return distance_near(g);
    double x = 30.0 * pow(1 - uniform(g), -1 / 1.0);
    return (u32)fmin(x, 8000.0);
}

static u32 qty_passive(struct gen *g)
{
    double u = uniform(g);

    if (u < 0.5)
        return 100;
    if (u < 0.85)
        return 100 * (1 + below(g, 10));
    return 1 + below(g, 99);
}

static u32 qty_aggressive(struct gen *g)
{
    double u = uniform(g);

    if (u < 0.68)
        return 1 + below(g, 100);
    if (u < 0.93)
        return 100 + below(g, 500);
    if (u < 0.995)
        return 500 + below(g, 1500);
    return 2000 + below(g, 8000);
}

/* A price `d` behind the own best, sometimes one in front of it. */
static i64 price_raw(struct gen *g, const struct gen_book *k, u32 side, u32 d, u32 bid, u32 ask)
{
    i64 own = side ? ask : bid;
    i64 ahead = side ? -1 : 1;
    i64 base = own ? own : (i64)k->ref - ahead;

    if (ask && bid && ask - bid > 1 && uniform(g) < 0.18)
        return base + ahead;
    return base - ahead * (i64)d;
}

static u32 price_passive(struct gen *g, struct gen_book *k, u32 side, bool deep)
{
    u32 bid = ops_best(k, 0);
    u32 ask = ops_best(k, 1);

    if (bid && ask)
        k->ref = (bid + ask) / 2;
    u32 d = deep ? distance_deep(g) : distance_near(g);
    i64 p = price_raw(g, k, side, d, bid, ask);
    if (side == 0 && ask && p >= ask)
        p = ask - 1;
    if (side == 1 && bid && p <= bid)
        p = bid + 1;
    if (p < 2)
        p = 2 + below(g, 50);
    if (p > MAX_PRICE)
        p = MAX_PRICE - below(g, 50);
    if (side == 0 && ask && p >= ask)
        p = ask - 1;
    if (side == 1 && bid && p <= bid)
        p = bid + 1;
    return (u32)p;
}

/* ---- records ---- */

static void emit(struct gen *g, u64 seq, u32 symbol, u32 price, u32 qty, u8 type, u32 side, u8 kind)
{
    g->out->records[g->used++] = (struct ops_record){
        .id = ops_id(g, seq),
        .symbol = symbol,
        .price = price,
        .qty = qty,
        .type = type,
        .side = (u8)side,
        .kind = kind,
    };
}

static void rest_new(struct gen *g, u64 seq, u32 symbol, u32 side, u32 price, u32 qty)
{
    g->orders[seq] =
        (struct gen_order){.seq = seq, .qty = qty, .price = price, .symbol = symbol, .side = side};
    ops_rest(g, (u32)seq);
    ops_live_add(g, (u32)seq);
}

static u32 pick_symbol(struct gen *g)
{
    double u = uniform(g);
    u32 low = 0;
    u32 high = g->symbols_used;

    while (low < high) {
        u32 mid = (low + high) / 2;
        if (g->cumulated[mid] < u)
            low = mid + 1;
        else
            high = mid;
    }
    return g->symbols[min_u32(low, g->symbols_used - 1)];
}

static void make_passive(struct gen *g, bool deep)
{
    u32 symbol = pick_symbol(g);
    u32 side = below(g, 2);
    u32 price = price_passive(g, &g->books[symbol], side, deep);
    u32 qty = qty_passive(g);
    u64 seq = ++g->ids;

    g->orders[seq].symbol = symbol;
    emit(g, seq, symbol, price, qty, OPS_ADD, side, OPS_PASSIVE);
    rest_new(g, seq, symbol, side, price, qty);
}

/* An open order, three times of four a recent one; 0 when there is none. */
static u32 pick_order(struct gen *g)
{
    if (uniform(g) < 0.75) {
        for (u32 k = 0; k < 8; k++) {
            u64 seq = g->recent[below(g, RECENT)];
            if (seq && g->alive[seq])
                return (u32)seq;
        }
    }
    return g->live_used ? g->live[below(g, g->live_used)] : 0;
}

/* A cancel of an order that is gone. False: none was found in 64 tries. */
static bool make_dead_cancel(struct gen *g)
{
    for (u32 k = 0; k < 64; k++) {
        u64 seq = 1 + below(g, (u32)g->ids);
        if (g->alive[seq])
            continue;
        g->out->header.rejects++;
        emit(g, seq, g->orders[seq].symbol, 0, 0, OPS_CANCEL, 0, OPS_DEAD_CANCEL);
        return true;
    }
    return false;
}

static void make_cancel(struct gen *g)
{
    if (uniform(g) < 0.01 && make_dead_cancel(g))
        return;
    u32 seq = pick_order(g);
    if (!seq) {
        make_passive(g, false);
        return;
    }
    emit(g, seq, g->orders[seq].symbol, 0, 0, OPS_CANCEL, 0, OPS_CANCELLED);
    ops_unrest(g, seq);
    ops_live_del(g, seq);
}

static void make_replace(struct gen *g)
{
    u32 seq = pick_order(g);
    struct gen_order *o = &g->orders[seq];
    u32 price = 0;

    if (!seq) {
        make_passive(g, false);
        return;
    }
    ops_unrest(g, seq);
    for (u32 k = 0; k < 16 && (k == 0 || price == o->price); k++)
        price = price_passive(g, &g->books[o->symbol], o->side, false);
    if (price == o->price)
        price = o->side ? price + 1 : price - 1;
    u32 qty = qty_passive(g);
    emit(g, seq, o->symbol, price, qty, OPS_REPLACE, o->side, OPS_REPLACED);
    o->price = price;
    o->qty = qty;
    ops_rest(g, seq);
}

static void make_aggressive(struct gen *g)
{
    u32 symbol = pick_symbol(g);
    struct gen_book *k = &g->books[symbol];

    if (uniform(g) < 0.15)
        k->aggressor ^= 1;
    u32 side = k->aggressor;
    u32 touch = ops_best(k, !side);
    if (!touch) {
        make_passive(g, false);
        return;
    }
    u32 through = below(g, 4);
    u32 price = side ? touch - min_u32(through, touch - 1) : touch + through;
    u32 qty = qty_aggressive(g);
    u64 seq = ++g->ids;
    bool ioc = uniform(g) < 0.5;
    g->orders[seq].symbol = symbol;
    emit(g, seq, symbol, price, qty, ioc ? OPS_IOC : OPS_ADD, side,
         ioc ? OPS_AGGRESSIVE_IOC : OPS_AGGRESSIVE);
    u32 left = ops_match(g, symbol, seq, side, price, qty);
    if (left && !ioc)
        rest_new(g, seq, symbol, side, price, left);
}

static void make_op(struct gen *g)
{
    double u = uniform(g);

    if (u < 0.45)
        make_passive(g, false);
    else if (u < 0.85)
        make_cancel(g);
    else if (u < 0.95)
        make_replace(g);
    else
        make_aggressive(g);
}

/* Symbols are drawn by Zipf's law with exponent 1, under a random permutation. */
static void symbols_init(struct gen *g, u32 symbols)
{
    double total = 0;

    for (u32 i = 0; i < symbols; i++) {
        total += 1.0 / (i + 1);
        g->cumulated[i] = total;
        g->symbols[i] = i;
        g->books[i].ref = 32000;
    }
    for (u32 i = 0; i < symbols; i++)
        g->cumulated[i] /= total;
    for (u32 i = symbols; i > 1; i--) {
        u32 j = below(g, i);
        u32 swap = g->symbols[i - 1];
        g->symbols[i - 1] = g->symbols[j];
        g->symbols[j] = swap;
    }
}

void ops_generate(struct ops *out, u32 symbols, u64 nwarm, u64 nops, u64 seed, bool sparse)
{
    struct gen *g = calloc(1, sizeof *g);

    memset(out, 0, sizeof *out);
    out->header = (struct ops_header){
        .magic = OPS_MAGIC,
        .version = 1,
        .rec_bytes = sizeof(struct ops_record),
        .symbols = symbols,
        .max_price = MAX_PRICE + 600,
        .nwarm = nwarm,
        .nops = nops,
        .seed = seed,
        .sparse = sparse,
    };
    out->records = calloc(nwarm + nops, sizeof *out->records);
    ops_gen_init(g, out, symbols, nwarm + nops);
    seed_with(g, seed);
    symbols_init(g, symbols);
    for (u64 i = 0; i < nwarm; i++)
        make_passive(g, true);
    for (u64 i = 0; i < nops; i++)
        make_op(g);
    out->header.max_id = g->ids;
    out->header.resting = g->live_used;
    ASSERT_EQ(g->used, nwarm + nops);
    ops_gen_free(g);
}
