/*
 * refdata.c - see refdata.h: decimals, instruments, and what holds both files together.
 *
 * Thread: main at the start, admin at a reload. Arrays grow by doubling; names are found by binary
 * search in a sorted index, so that 65,535 instruments load in a moment. Failure modes: files that
 * are missing or wrong (reported, all of it at once), more rows than the engine's pools hold
 * (reported).
 */
#include "gateway/refdata.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/assert.h"
#include "engine/msg/msg.h"
#include "gateway/refdata_load.h"

bool refdata_decimal(const char *text, u32 decimals, u64 max, u64 *out)
{
    u64 v = 0;
    u32 digits = 0, behind = 0;
    bool point = false;

    for (; *text; text++) {
        if (*text == '.' && !point) {
            point = true;
            continue;
        }
        if (*text < '0' || *text > '9' || (point && behind == decimals))
            return false;
        if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, *text - '0', &v))
            return false;
        digits++;
        behind += point;
    }
    for (; behind < decimals; behind++)
        if (__builtin_mul_overflow(v, 10, &v))
            return false;
    if (digits == 0 || v > max)
        return false;
    *out = v;
    return true;
}

void *refdata_grow(void *array, u32 used, size_t item)
{
    if (used != 0 && !is_pow2(used))
        return array;
    void *grown = realloc(array, (used ? 2 * (size_t)used : 1) * item);
    if (!grown) {
        fprintf(stderr, "wirebook: out of memory while reading the reference data\n");
        exit(1);
    }
    return grown;
}

void refdata_wrong(struct csv *c, u32 column, const char *what, const char *allowed)
{
    report_error(c->report, c->line, c->columns[column], csv_field(c, column), "%s; allowed: %s",
                 what, allowed);
}

bool refdata_yes_no(struct csv *c, u32 column, bool *out)
{
    const char *text = csv_field(c, column);

    if (strcmp(text, "yes") != 0 && strcmp(text, "no") != 0) {
        refdata_wrong(c, column, "neither yes nor no", "yes, no");
        return false;
    }
    *out = text[0] == 'y';
    return true;
}

bool refdata_symbol(const char *text, char out[8])
{
    size_t n = strlen(text);

    if (n == 0 || n > 8)
        return false;
    for (size_t i = 0; i < n; i++)
        if (!strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.+-=/", text[i]))
            return false;
    memset(out, ' ', 8);
    memcpy(out, text, n);
    return true;
}

/* ---- names that must be there once ---- */

static int name_compare(const void *name, const void *other)
{
    return memcmp(name, ((const struct refdata_name *)other)->name, 8);
}

static int compare_names(const void *a, const void *b)
{
    const struct refdata_name *x = a, *y = b;
    int c = name_compare(x->name, y);
    if (c != 0)
        return c;
    return x->line < y->line ? -1 : x->line > y->line;
}

void refdata_names_sort(struct refdata_name *names, u32 n, const char *column, struct report *r)
{
    if (n > 0)
        qsort(names, n, sizeof names[0], compare_names);
    for (u32 i = 1; i < n; i++) {
        char shown[9] = "";
        if (memcmp(names[i].name, names[i - 1].name, 8) != 0)
            continue;
        memcpy(shown, names[i].name, 8);
        shown[strcspn(shown, " ")] = 0;
        report_error(r, names[i].line, column, shown,
                     "given twice, before in line %u; allowed: each once", names[i - 1].line);
    }
}

bool refdata_names_have(const struct refdata_name *names, u32 n, const char name[8])
{
    return n > 0 && bsearch(name, names, n, sizeof names[0], name_compare) != NULL;
}

/* ---- instruments ---- */

enum { SYMBOL, TICK, LOT, REFERENCE, RESTRICTED, TIER, COLLAR, UNSHORTED };
static const char *const columns[] = {"symbol",
                                      "tick",
                                      "lot",
                                      "reference_price",
                                      "restricted",
                                      "luld_tier",
                                      "static_collar_percent",
                                      "short_restricted"};
#define COLUMNS_NEEDED TIER

static bool read_price(struct csv *c, u32 column, u32 *out)
{
    u64 v;

    if (!refdata_decimal(csv_field(c, column), 4, PRICE_LIMIT_MAX, &v) || v == 0) {
        refdata_wrong(c, column, "not a price", "0.0001 to 199999.99 with at most four decimals");
        return false;
    }
    *out = (u32)v;
    return true;
}

/* Tier and collar, which a file may leave out. */
static bool read_bands(struct csv *c, struct refdata_instrument *i)
{
    const char *tier = csv_field(c, TIER);
    const char *collar = csv_field(c, COLLAR);
    u64 bps = 0;
    bool good = true;

    if (tier[0] != 0 && strcmp(tier, "none") != 0) {
        good = tier[1] == 0 && (tier[0] == '1' || tier[0] == '2');
        i->tier = (u8)(good ? tier[0] - '0' : 0);
        if (!good)
            refdata_wrong(c, TIER, "not a tier", "1, 2, or none");
    }
    if (collar[0] != 0 && strcmp(collar, "none") != 0 &&
        (!refdata_decimal(collar, 2, REFDATA_BPS_MAX, &bps) || bps == 0)) {
        refdata_wrong(c, COLLAR, "not a percentage",
                      "0.01 to 100 with at most two decimals, or none");
        return false;
    }
    i->collar_bps = (u16)bps;
    return good;
}

/* Reads one row; all that is wrong in it is reported. */
static bool read_instrument(struct csv *c, struct refdata_instrument *i)
{
    u64 lot = 0;
    bool good = true;

    memset(i, 0, sizeof *i);
    i->line = c->line;
    if (!refdata_symbol(csv_field(c, SYMBOL), i->symbol)) {
        refdata_wrong(c, SYMBOL, "not a symbol", "1 to 8 of A-Z 0-9 . + - = /");
        good = false;
    }
    if (!refdata_decimal(csv_field(c, LOT), 0, QTY_MAX, &lot) || lot == 0) {
        refdata_wrong(c, LOT, "not a round lot", "1 to 999999 shares");
        good = false;
    }
    i->lot = (u32)lot;
    good &= read_bands(c, i);
    bool tick = read_price(c, TICK, &i->tick);
    bool none = strcmp(csv_field(c, REFERENCE), "none") == 0;
    bool reference = none || read_price(c, REFERENCE, &i->reference_price);
    if (tick && reference && i->reference_price % i->tick != 0) {
        refdata_wrong(c, REFERENCE, "not a multiple of the tick", "a multiple, or none");
        good = false;
    }
    if (*csv_field(c, UNSHORTED) != 0)
        good &= refdata_yes_no(c, UNSHORTED, &i->unshorted);
    return refdata_yes_no(c, RESTRICTED, &i->restricted) && good && tick && reference;
}

static void load_instruments(const char *file, u32 max, struct refdata_loader *l)
{
    static struct csv c;
    struct refdata_instrument row;
    struct refdata *out = l->out;
    u32 rows = 0;

    l->report.file = file;
    l->report.named_by = "reference.instruments_file";
    l->blind = !csv_open(&c, columns, ARRAY_LEN(columns), COLUMNS_NEEDED, &l->report);
    if (!l->blind) {
        while (csv_next(&c)) {
            if (!read_instrument(&c, &row))
                continue;
            if (++rows > max)
                continue;
            out->instruments = refdata_grow(out->instruments, out->instruments_used, sizeof row);
            l->symbols = refdata_grow(l->symbols, out->instruments_used, sizeof *l->symbols);
            memcpy(l->symbols[out->instruments_used].name, row.symbol, 8);
            l->symbols[out->instruments_used].line = row.line;
            out->instruments[out->instruments_used++] = row;
        }
        if (rows > max)
            report_error(&l->report, 0, NULL, NULL,
                         "%u instruments; allowed: %u (engine.instruments_max)", rows, max);
    }
    csv_close(&c);
    refdata_names_sort(l->symbols, out->instruments_used, "symbol", &l->report);
}

int refdata_load(const char *instruments_file, const char *accounts_file, const char *profiles_file,
                 const struct refdata_max *max, struct refdata *out, FILE *errors)
{
    struct refdata_loader l = {.out = out, .report = {.out = errors}};

    memset(out, 0, sizeof *out);
    load_instruments(instruments_file, max->instruments, &l);
    refdata_load_profiles(profiles_file, &l);
    refdata_load_accounts(accounts_file, max->accounts, &l);
    free(l.symbols);
    return l.report.count;
}

void refdata_free(struct refdata *r)
{
    for (u32 i = 0; i < r->accounts_used; i++) {
        free(r->accounts[i].restricted.at);
        free(r->accounts[i].unshorted.at);
    }
    free(r->profiles);
    free(r->accounts);
    free(r->firms);
    free(r->instruments);
    memset(r, 0, sizeof *r);
}
