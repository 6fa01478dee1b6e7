/*
 * refdata_terms.c - the columns of the accounts file that say how the engine deals with an account:
 * self-trade prevention, lost connections, post-only orders.
 *
 * Thread: main at the start, admin at a reload. A file without such a column, or with an empty
 * field in it, leaves stp and cancel_on_disconnect to the listening port of the login, whose
 * default is that nothing is prevented or cancelled; in the other columns nothing is slid, no
 * details are told.
 */
#include <string.h>

#include "engine/base/assert.h"
#include "gateway/refdata_load.h"

#define GRACE_MS_MAX 86400000u /* a day */

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
    if (is_default(csv_field(c, column(first, "stp")))) {
        if (!is_default(csv_field(c, column(first, "stp_level")))) {
            refdata_wrong(c, column(first, "stp_level"), "without stp", "both, or neither");
            good = false;
        }
        out->by_port |= BY_PORT_STP;
    }
    return read_word(c, column(first, "stp_details"), yes, 2, &out->stp_details, "yes, no") && good;
}

/* off, on, or milliseconds of grace. */
static bool read_drop(struct csv *c, u32 at, struct msg_account *out)
{
    const char *text = csv_field(c, at);
    u64 grace_ms = 0;

    if (is_default(text))
        out->by_port |= BY_PORT_DROP;
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

bool refdata_terms(struct csv *c, u32 first, struct msg_account *out)
{
    static const char *const post_only[] = {"cancel", "slide"};
    bool good = read_stp(c, first, out);

    good &=
        read_word(c, column(first, "post_only"), post_only, 2, &out->post_slide, "cancel, slide");
    return read_drop(c, column(first, "cancel_on_disconnect"), out) && good;
}
