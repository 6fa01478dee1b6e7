/*
 * refdata_limits.c - what accounts and firms may have at stake in the engine: columns of the
 * accounts file, and the firms file.
 *
 * Thread: main at the start, admin at a reload. The word none is no limit; a column that is not
 * there and an empty field are none of a firm, and leave it to the profile of an account.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/refdata_load.h"

static bool read_limit(struct csv *c, u32 at, u32 decimals, u64 max, u64 *out, const char *allowed)
{
    *out = 0;
    return *csv_field(c, at) == 0 || refdata_limit(c, at, decimals, max, out, allowed);
}

bool refdata_limits(struct csv *c, u32 first, struct msg_limit *out)
{
    static const char money[] = "0.0001 to 100000000000, or none";
    u64 bps;

    bool good = read_limit(c, first, 4, LIMIT_MONEY_MAX, &out->exposure_max, money);
    good &= read_limit(c, first + 1, 4, LIMIT_MONEY_MAX, &out->daily_max, money);
    good &= read_limit(c, first + 2, 0, LIMIT_SHARES_MAX, &out->position_max,
                       "1 to 1000000000000 shares, or none");
    good &= read_limit(c, first + 3, 2, REFDATA_BPS_MAX, &bps, "0.01 to 100 per cent, or none");
    out->collar_bps = (u16)bps;
    for (u32 i = 0; i < REFDATA_LIMITS_USED; i++)
        out->inherits |= *csv_field(c, first + i) == 0 ? FIELD_EXPOSURE << i : 0;
    return good;
}

bool refdata_open_limit(struct csv *c, u32 column, struct msg_limit *out, bool may_lack)
{
    u64 open = 0;

    if (may_lack && *csv_field(c, column) == 0) {
        out->inherits |= FIELD_OPEN;
        return true;
    }
    bool good = refdata_limit(c, column, 0, ORDERS_MAX, &open, "1 to 16777216 orders, or none");
    out->open_max = (u32)open;
    return good;
}

static bool read_firm(struct csv *c, struct msg_limit *out)
{
    const char *text = csv_field(c, 0);
    size_t len = strlen(text);
    bool good = len >= 1 && len <= sizeof out->firm;

    memset(out, 0, sizeof *out);
    out->scope = LIMIT_FIRM;
    memset(out->firm, ' ', sizeof out->firm);
    for (size_t i = 0; i < len && good; i++) {
        good = isascii((u8)text[i]) && isalnum((u8)text[i]);
        out->firm[i] = (char)toupper((u8)text[i]);
    }
    if (!good)
        refdata_wrong(c, 0, "not a name", "1 to 4 letters and digits");
    good &= refdata_limits(c, 1, out);
    out->inherits = 0; /* from nobody: an empty one is no limit */
    return good;
}

static void name_add(struct refdata_name **names, u32 used, const struct msg_limit *firm, u32 line)
{
    *names = refdata_grow(*names, used, sizeof **names);
    memset((*names)[used].name, ' ', 8);
    memcpy((*names)[used].name, firm->firm, sizeof firm->firm);
    (*names)[used].line = line;
}

int refdata_load_firms(const char *file, struct refdata *out, FILE *errors)
{
    static const char *const columns[] = {"firm", REFDATA_LIMITS};
    static struct csv c;
    struct report report = {.out = errors, .file = file, .named_by = "reference.firms_file"};
    struct refdata_name *names = NULL;
    struct msg_limit row;
    u32 rows = 0;

    if (*file == 0)
        return 0;
    if (csv_open(&c, columns, ARRAY_LEN(columns), 1, &report)) {
        while (csv_next(&c)) {
            if (!read_firm(&c, &row) || ++rows > FIRMS_MAX)
                continue;
            out->firms = refdata_grow(out->firms, out->firms_used, sizeof row);
            name_add(&names, out->firms_used, &row, c.line);
            out->firms[out->firms_used++] = row;
        }
        if (rows > FIRMS_MAX)
            report_error(&report, 0, NULL, NULL, "%u firms; allowed: %u", rows, FIRMS_MAX);
    }
    csv_close(&c);
    refdata_names_sort(names, out->firms_used, "firm", &report);
    free(names);
    return report.count;
}
