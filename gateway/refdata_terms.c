/*
 * refdata_terms.c - the columns of the accounts file that say how the engine deals with an account:
 * self-trade prevention, post-only orders, lost connections, limits that need state.
 *
 * Thread: main, at the start. A file without such a column, or with an empty field in it, has the
 * column's default: nothing is prevented, cancelled or limited.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/base/assert.h"
#include "gateway/refdata_load.h"

#define POSITION_MAX 1000000000u /* shares */
#define GRACE_MS_MAX 86400000u   /* a day */

static const char *const columns[] = {REFDATA_TERMS};

/* Where the column `name` of REFDATA_TERMS lies in the file's columns. */
static u32 column(u32 first, const char *name)
{
    u32 i = 0;

    while (strcmp(columns[i], name) != 0) {
        i++;
        ASSERT_LT(i, ARRAY_LEN(columns));
    }
    return first + i;
}

static bool is_default(const char *text)
{
    return *text == 0;
}

/* One of `n` words, whose number goes to `*out`; the first is the default. */
static bool read_word(struct csv *c, u32 at, const char *const *words, u32 n, u8 *out,
                      const char *allowed)
{
    const char *text = csv_field(c, at);

    *out = 0;
    for (u32 i = 0; i < n; i++) {
        if (strcmp(text, words[i]) == 0) {
            *out = (u8)i;
            return true;
        }
    }
    if (is_default(text))
        return true;
    refdata_wrong(c, at, "none of the words", allowed);
    return false;
}

static bool read_stp(struct csv *c, u32 first, struct msg_account *out)
{
    static const char *const actions[] = {"off", "cancel_newest", "cancel_oldest", "decrement_both",
                                          "cancel_both"};
    static const char *const levels[] = {"account", "firm"};
    static const char *const yes[] = {"no", "yes"};
    bool good;

    _Static_assert(ARRAY_LEN(actions) == STP_MAX + 1, "in the order of enum stp");
    good = read_word(c, column(first, "stp"), actions, ARRAY_LEN(actions), &out->stp,
                     "off, cancel_newest, cancel_oldest, decrement_both, cancel_both");
    good &= read_word(c, column(first, "stp_level"), levels, 2, &out->stp_level, "account, firm");
    return read_word(c, column(first, "stp_details"), yes, 2, &out->stp_details, "yes, no") && good;
}

/* off, on, or milliseconds of grace. */
static bool read_drop(struct csv *c, u32 at, struct msg_account *out)
{
    const char *text = csv_field(c, at);
    u64 grace_ms = 0;

    if (is_default(text) || strcmp(text, "off") == 0)
        return true;
    if (strcmp(text, "on") != 0 &&
        (!refdata_decimal(text, 0, GRACE_MS_MAX, &grace_ms) || grace_ms == 0)) {
        refdata_wrong(c, at, "no such setting",
                      "off, on, or 1 to 86400000 milliseconds in which it may come back");
        return false;
    }
    out->drop = 1;
    out->drop_ms = (u32)grace_ms;
    return true;
}

bool refdata_limit(struct csv *c, u32 at, u32 decimals, u64 max, u64 *out, const char *allowed)
{
    const char *text = csv_field(c, at);

    *out = 0;
    if (strcmp(text, "none") == 0)
        return true;
    if (refdata_decimal(text, decimals, max, out) && *out > 0)
        return true;
    refdata_wrong(c, at, "not such a limit", allowed);
    return false;
}

/* A limit that may be left out. */
static bool read_limit(struct csv *c, u32 at, u32 decimals, u64 max, u64 *out, const char *allowed)
{
    *out = 0;
    return is_default(csv_field(c, at)) || refdata_limit(c, at, decimals, max, out, allowed);
}

static bool read_shares(struct csv *c, u32 at, u32 *out)
{
    u64 shares;
    bool good = read_limit(c, at, 0, POSITION_MAX, &shares, "1 to 1000000000 shares, or none");

    *out = (u32)shares;
    return good;
}

static bool read_money(struct csv *c, u32 at, u64 *out)
{
    return read_limit(c, at, 4, REFDATA_NOTIONAL_MAX, out, "0.0001 to 100000000000, or none");
}

static bool read_limits(struct csv *c, u32 first, struct msg_account *out)
{
    u64 bps;
    bool good = read_limit(c, column(first, "last_price_collar_percent"), 2, REFDATA_BPS_MAX, &bps,
                           "0.01 to 100 per cent, or none");

    out->last_bps = (u32)bps;
    good &= read_shares(c, column(first, "max_position"), &out->position_max);
    good &= read_money(c, column(first, "max_exposure"), &out->exposure_max);
    good &= read_money(c, column(first, "max_daily_notional"), &out->traded_max);
    good &= read_shares(c, column(first, "firm_max_position"), &out->firm_position_max);
    good &= read_money(c, column(first, "firm_max_exposure"), &out->firm_exposure_max);
    good &= read_money(c, column(first, "firm_max_daily_notional"), &out->firm_traded_max);
    return good;
}

bool refdata_terms(struct csv *c, u32 first, struct msg_account *out)
{
    static const char *const post_only[] = {"cancel", "slide"};
    bool good = read_stp(c, first, out);

    good &= read_word(c, column(first, "post_only"), post_only, 2, &out->slide, "cancel, slide");
    good &= read_drop(c, column(first, "cancel_on_disconnect"), out);
    return read_limits(c, first, out) && good;
}

static bool firm_limits_same(const struct msg_account *a, const struct msg_account *b)
{
    return a->firm_position_max == b->firm_position_max &&
           a->firm_exposure_max == b->firm_exposure_max && a->firm_traded_max == b->firm_traded_max;
}

static int by_firm(const void *a, const void *b)
{
    const struct refdata_account *x = *(const struct refdata_account *const *)a;
    const struct refdata_account *y = *(const struct refdata_account *const *)b;
    int firms = memcmp(x->firm, y->firm, sizeof x->firm);

    return firms ? firms : (x->line > y->line) - (x->line < y->line);
}

void refdata_check_firms(const struct refdata *r, struct report *report)
{
    const struct refdata_account **all =
        refdata_grow(NULL, 0, (r->accounts_used + 1) * sizeof *all);
    const struct refdata_account *first = NULL;

    for (u32 i = 0; i < r->accounts_used; i++)
        all[i] = &r->accounts[i];
    qsort(all, r->accounts_used, sizeof *all, by_firm);
    for (u32 i = 0; i < r->accounts_used; i++) {
        if (!first || memcmp(first->firm, all[i]->firm, sizeof first->firm) != 0)
            first = all[i];
        if (!firm_limits_same(&all[i]->terms, &first->terms))
            report_error(report, all[i]->line, "firm", NULL,
                         "its firm_max_... are not those of line %u; allowed: one set of limits "
                         "for each firm",
                         first->line);
    }
    free(all);
}
