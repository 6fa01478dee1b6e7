/*
 * bench_flow.c - the order flow of the benchmark.
 *
 * Enters: a mix, symbols, a seed, the ledger of a session. Leaves: the bytes of one request after
 * the other. One thread. A cancel or replace needs an open order; while there is none an add comes
 * instead, so the first moments of a run are adds: that is what the warm-up is for.
 */
#include "gateway/client/bench_flow.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/assert.h"
#include "engine/base/hash.h"
#include "gateway/client/wb_text.h"

#define LOT_SHARES    100u
#define TICK_DEFAULT  100u      /* 0.01 */
#define PRICE_TOO_BIG 10000000u /* 1,000.00: a lot of it exceeds a careful account's notional */

/* ---- symbols ---- */

static const char *symbol_add(struct bench_symbols *s, const char *name, u64 price, u64 tick)
{
    if (s->n == BENCH_SYMBOLS_MAX)
        return "too many symbols";
    if (name[0] == 0 || strlen(name) > 8)
        return "a symbol has 1 to 8 characters";
    if (tick == 0 || price <= tick * BENCH_CROSS_TICKS || price > WB_PRICE_MAX)
        return "a reference price is too low or too high";
    snprintf(s->names[s->n], sizeof(s->names[0]), "%s", name);
    s->name_list[s->n] = s->names[s->n];
    s->prices[s->n] = (u32)(price - price % tick);
    s->ticks[s->n] = (u32)tick;
    s->n++;
    return NULL;
}

void bench_symbols_default(struct bench_symbols *s)
{
    const char *wrong = bench_symbols_parse(s, "AAPL:225.50,AMD:158.40,AMZN:186.90,INTC:21.35,"
                                               "JPM:217.40,MSFT:417.20,NVDA:119.40,TSLA:214.10");
    ASSERT(wrong == NULL);
}

static const char *parse_list(struct bench_symbols *s, const char *text)
{
    char copy[4096];
    char *rest = NULL;
    const char *wrong = NULL;
    if (snprintf(copy, sizeof(copy), "%s", text) >= (int)sizeof(copy))
        return "the list is too long";
    for (char *w = strtok_r(copy, ",", &rest); w != NULL && wrong == NULL;
         w = strtok_r(NULL, ",", &rest)) {
        u64 price;
        char *colon = strchr(w, ':');
        if (colon == NULL || !wb_parse_price(colon + 1, &price))
            return "symbols look like AAPL:225.50,MSFT:417.20";
        *colon = 0;
        wrong = symbol_add(s, w, price, TICK_DEFAULT);
    }
    return s->n == 0 ? "no symbol" : wrong;
}

/* One line of the CSV file; comments, the heading and what does not suit are passed over. */
static const char *parse_row(struct bench_symbols *s, char *row)
{
    u64 tick;
    u64 price;
    char *rest = NULL;
    row[strcspn(row, "\r\n")] = 0;
    if (row[0] == '#' || row[0] == 0)
        return NULL;
    char *name = strtok_r(row, ",", &rest);
    char *tick_text = strtok_r(NULL, ",", &rest);
    char *lot = strtok_r(NULL, ",", &rest);
    char *price_text = strtok_r(NULL, ",", &rest);
    char *restricted = strtok_r(NULL, ",", &rest);
    if (lot == NULL || price_text == NULL)
        return "a line of it is not symbol,tick,lot,reference_price,...";
    if (!wb_parse_price(tick_text, &tick) || !wb_parse_price(price_text, &price))
        return NULL;
    if (strcmp(lot, "100") != 0 || price >= PRICE_TOO_BIG || price <= tick * BENCH_CROSS_TICKS ||
        (restricted != NULL && strcmp(restricted, "yes") == 0))
        return NULL;
    return symbol_add(s, name, price, tick);
}

const char *bench_symbols_parse(struct bench_symbols *s, const char *text)
{
    char row[512];
    const char *wrong = NULL;
    s->n = 0;
    if (strchr(text, ':') != NULL)
        return parse_list(s, text);
    FILE *f = fopen(text, "r");
    if (f == NULL)
        return "neither SYMBOL:PRICE,... nor a file that can be read";
    while (wrong == NULL && fgets(row, sizeof(row), f) != NULL)
        wrong = parse_row(s, row);
    fclose(f);
    return wrong == NULL && s->n == 0 ? "no symbol in it" : wrong;
}

static const char *const kind_words[BENCH_KINDS] = {
    [BENCH_ADD] = "add",
    [BENCH_CANCEL] = "cancel",
    [BENCH_REPLACE] = "replace",
    [BENCH_AGGRESSIVE] = "aggressive",
};

/* One line of a mix's file. */
static bool parse_mix_line(u32 percent[BENCH_KINDS], char *line)
{
    char word[16], end[2];
    unsigned value;

    line[strcspn(line, "#\r\n")] = 0;
    if (line[strspn(line, " \t")] == 0)
        return true;
    if (sscanf(line, "%15s %u %1s", word, &value, end) != 2 || value > 100)
        return false;
    for (u32 k = 0; k < BENCH_KINDS; k++) {
        if (strcmp(word, kind_words[k]) == 0) {
            percent[k] = value;
            return true;
        }
    }
    return false;
}

static bool parse_mix_file(u32 percent[BENCH_KINDS], const char *path)
{
    char line[256];
    bool good = true;
    FILE *f = fopen(path, "r");

    if (f == NULL)
        return false;
    memset(percent, 0, BENCH_KINDS * sizeof(percent[0]));
    while (good && fgets(line, sizeof(line), f) != NULL)
        good = parse_mix_line(percent, line);
    fclose(f);
    return good;
}

bool bench_mix_parse(u32 percent[BENCH_KINDS], const char *text)
{
    unsigned p[BENCH_KINDS];
    u32 sum = 0;
    char end;
    int n = sscanf(text, "%u,%u,%u,%u%c", &p[BENCH_ADD], &p[BENCH_CANCEL], &p[BENCH_REPLACE],
                   &p[BENCH_AGGRESSIVE], &end);

    if (n == 4)
        memcpy(percent, p, sizeof(p));
    else if (!parse_mix_file(percent, text))
        return false;
    for (u32 k = 0; k < BENCH_KINDS; k++) {
        if (percent[k] > 100)
            return false;
        sum += percent[k];
    }
    return sum == 100;
}

/* ---- requests ---- */

void bench_flow_init(struct bench_flow *f, const struct bench_symbols *symbols,
                     const u32 percent[BENCH_KINDS], u32 open_max, u64 seed)
{
    ASSERT_GT(symbols->n, 0);
    *f = (struct bench_flow){.symbols = symbols, .open_max = open_max, .random = hash_u64(seed)};
    memcpy(f->percent, percent, sizeof(f->percent));
}

static u32 random_below(struct bench_flow *f, u32 n)
{
    f->random += 0x9E3779B97F4A7C15ull;
    return (u32)((hash_u64(f->random) >> 32) * n >> 32);
}

static enum bench_kind choose(struct bench_flow *f, const struct ledger *l)
{
    u32 r = random_below(f, 100);
    u32 kind = BENCH_ADD;
    while (kind < BENCH_AGGRESSIVE && r >= f->percent[kind])
        r -= f->percent[kind++];
    if ((kind == BENCH_CANCEL || kind == BENCH_REPLACE) && l->open_used == 0)
        return BENCH_ADD;
    if (kind == BENCH_ADD && l->open_used >= f->open_max)
        return BENCH_CANCEL;
    return (enum bench_kind)kind;
}

static struct ledger_order *choose_open(struct bench_flow *f, const struct ledger *l)
{
    struct ledger_order *o = ledger_find(l, l->open[random_below(f, l->open_used)]);
    ASSERT(o != NULL && o->is_open);
    return o;
}

/* A price on the resting side of the reference price. */
static u32 rest_price(struct bench_flow *f, u32 symbol, char side)
{
    u32 away = (1 + random_below(f, BENCH_REST_TICKS)) * f->symbols->ticks[symbol];
    u32 reference = f->symbols->prices[symbol];
    return side == 'B' ? reference - away : reference + away;
}

static u32 encode_enter(const struct bench_flow *f, const struct ledger_order *o, u8 *out)
{
    struct wb_enter e;
    wb_enter_init(&e, o->ref, o->side, o->qty, f->symbols->names[o->symbol], o->price);
    e.tif = o->tif;
    return wb_encode_enter(out, &e);
}

u32 bench_flow_again(const struct bench_flow *f, const struct ledger_order *o, u8 *out)
{
    struct wb_replace r;
    if (o->state != LEDGER_REPLACING)
        return encode_enter(f, o, out);
    wb_replace_init(&r, o->orig_ref, o->ref, o->qty, o->price);
    return wb_encode_replace(out, &r);
}

static u32 make_enter(struct bench_flow *f, struct ledger *l, enum bench_kind kind, u64 due_ns,
                      bool measured, u8 *out)
{
    u32 symbol = random_below(f, f->symbols->n);
    bool aggressive = kind == BENCH_AGGRESSIVE;
    char side = random_below(f, 2) == 0 ? 'B' : 'S';
    u32 cross = BENCH_CROSS_TICKS * f->symbols->ticks[symbol];
    u32 reference = f->symbols->prices[symbol];
    struct ledger_order terms = {
        .due_ns = due_ns,
        .qty = (1 + random_below(f, BENCH_QTY_LOTS)) * LOT_SHARES,
        .symbol = (u16)symbol,
        .kind = (u8)kind,
        .side = side,
        .tif = aggressive ? '3' : '0',
        .measured = measured,
    };
    terms.price = !aggressive   ? rest_price(f, symbol, side)
                  : side == 'B' ? reference + cross
                                : reference - cross;
    struct ledger_order *o = ledger_enter(l, &terms);
    return o == NULL ? 0 : encode_enter(f, o, out);
}

static u32 make_replace(struct bench_flow *f, struct ledger *l, u64 due_ns, bool measured, u8 *out)
{
    struct ledger_order *orig = choose_open(f, l);
    /* The quantity is that of the whole chain: at least a lot more than was ever executed of it. */
    u32 qty = orig->qty + random_below(f, 2) * LOT_SHARES;
    u32 price = rest_price(f, orig->symbol, orig->side);
    if (qty > BENCH_QTY_LOTS * LOT_SHARES)
        qty = orig->qty;
    struct ledger_order *o = ledger_replace(l, orig, qty, price, due_ns, measured);
    return o == NULL ? 0 : bench_flow_again(f, o, out);
}

static u32 make_cancel(struct ledger *l, struct ledger_order *o, u64 due_ns, bool measured, u8 *out)
{
    ledger_cancel(l, o, due_ns, measured);
    return wb_encode_cancel(out, o->ref, 0, NULL);
}

u32 bench_flow_next(struct bench_flow *f, struct ledger *l, u64 due_ns, bool measured, u8 *out)
{
    enum bench_kind kind = choose(f, l);
    if (!ledger_advance(l))
        return 0;
    if (kind == BENCH_CANCEL)
        return make_cancel(l, choose_open(f, l), due_ns, measured, out);
    if (kind == BENCH_REPLACE)
        return make_replace(f, l, due_ns, measured, out);
    return make_enter(f, l, kind, due_ns, measured, out);
}
