/*
 * refdata_checks.c - the columns of the accounts file that say what the gateways check of an
 * account's orders, beyond those that must be there: rates, orders that are alike, what is
 * forbidden.
 *
 * Thread: main at the start, admin at a reload. The word none checks nothing; a column that is not
 * there and an empty field leave it to the account's profile, or that of its port, if there is one.
 */
#include <string.h>

#include "gateway/refdata_load.h"

enum { ORDERS, SYMBOL, REPEAT_MAX, REPEAT_MS, FORBIDDEN };
_Static_assert(FORBIDDEN + 1 == REFDATA_CHECKS_USED, "in the order of REFDATA_CHECKS");

static bool read_number(struct csv *c, u32 at, u64 max, u64 *out, const char *allowed)
{
    *out = 0;
    return *csv_field(c, at) == 0 || refdata_limit(c, at, 0, max, out, allowed);
}

/* Words separated by spaces: bits in the order of enum check_bars. */
static bool read_forbidden(struct csv *c, u32 at, u16 *bars)
{
    static const char *const words[] = {CHECK_BAR_NAMES};
    const char *p = csv_field(c, at);

    _Static_assert((1 << ARRAY_LEN(words)) - 1 == BAR_ALL, "a word for each");
    if (strcmp(p, "none") == 0)
        return true;
    while (*(p += strspn(p, " ")) != 0) {
        size_t n = strcspn(p, " ");
        u32 i = 0;
        while (i < ARRAY_LEN(words) && (strlen(words[i]) != n || strncmp(p, words[i], n) != 0))
            i++;
        if (i == ARRAY_LEN(words)) {
            refdata_wrong(c, at, "not all of it are such words",
                          "market, short, short_exempt, iso, peg, hidden, reserve, cross, "
                          "separated by spaces, or none");
            return false;
        }
        *bars |= (u16)(1u << i);
        p += n;
    }
    return true;
}

/* Fields whose columns are empty. */
static u16 left_out(struct csv *c, u32 first)
{
    static const struct {
        u16 field;
        u8 column;
    } rows[] = {{FIELD_ORDERS, ORDERS},
                {FIELD_SYMBOL, SYMBOL},
                {FIELD_REPEAT, REPEAT_MAX},
                {FIELD_BARS, FORBIDDEN}};
    u16 out = 0;

    for (u32 i = 0; i < ARRAY_LEN(rows); i++)
        out |= *csv_field(c, first + rows[i].column) == 0 ? rows[i].field : 0;
    return out;
}

bool refdata_checks(struct csv *c, u32 first, struct risk_values *out)
{
    static const char rate[] = "1 to 1000000 orders a second, or none";
    u64 orders, symbol, max, ms;

    out->inherits |= left_out(c, first);
    bool good = read_number(c, first + ORDERS, CHECKS_RATE_MAX, &orders, rate);
    good &= read_number(c, first + SYMBOL, CHECKS_RATE_MAX, &symbol, rate);
    good &=
        read_number(c, first + REPEAT_MAX, CHECKS_REPEAT_MAX, &max, "1 to 60000 orders, or none");
    good &= read_number(c, first + REPEAT_MS, CHECKS_REPEAT_MAX, &ms, "1 to 60000 ms, or none");
    if (good && (max == 0) != (ms == 0)) {
        refdata_wrong(c, first + (max == 0 ? REPEAT_MAX : REPEAT_MS), "one without the other",
                      "repeat_max and repeat_ms together, or neither");
        good = false;
    }
    out->orders_per_s = (u32)orders;
    out->symbol_per_s = (u32)symbol;
    out->repeat_max = (u16)max;
    out->repeat_ms = (u32)ms;
    return read_forbidden(c, first + FORBIDDEN, &out->bars) && good;
}

bool refdata_order_limits(struct csv *c, u32 first, struct risk_values *out, bool may_lack)
{
    static const u16 fields[] = {FIELD_QTY, FIELD_NOTIONAL, FIELD_COLLAR};
    static const u64 most[] = {QTY_MAX, REFDATA_NOTIONAL_MAX, REFDATA_BPS_MAX};
    static const char *const allowed[] = {"1 to 999999 shares, or none",
                                          "0.0001 to 100000000000, or none",
                                          "0.01 to 100 per cent, or none"};
    static const u32 decimals[] = {0, 4, 2};
    u64 v[3] = {0};
    bool good = true;

    for (u32 i = 0; i < 3; i++) {
        if (may_lack && *csv_field(c, first + i) == 0)
            out->inherits |= fields[i];
        else
            good &= refdata_limit(c, first + i, decimals[i], most[i], &v[i], allowed[i]);
    }
    out->qty_max = (u32)v[0];
    out->notional_max = v[1];
    out->collar_bps = (u16)v[2];
    return good;
}
