/*
 * refdata_profiles.c - the profiles file: named sets of checks and limits; and what holds between
 * profiles, accounts and listening ports.
 *
 * Thread: main at the start, admin at a reload. A profile may be based on another one, wherever
 * that stands in the file; the rows are put into an order in which it comes first. An empty field
 * leaves it to that one, the word none says that nothing is checked. Failure modes: names that are
 * unknown or there twice, profiles that are based on themselves, all reported.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/assert.h"
#include "engine/msg/profile.h"
#include "gateway/refdata_load.h"

enum { NAME, BASE, QTY, OPEN = QTY + 3, LIMITS, CHECKS = LIMITS + REFDATA_LIMITS_USED };
static const char *const columns[] = {"profile",      "based_on",       "max_qty",
                                      "max_notional", "collar_percent", "max_open_orders",
                                      REFDATA_LIMITS, REFDATA_CHECKS};
_Static_assert(ARRAY_LEN(columns) == CHECKS + REFDATA_CHECKS_USED, "a name for each column");

bool refdata_profile_name(const char *text, char out[8])
{
    size_t n = strlen(text);

    if (n < 1 || n > PROFILE_NAME_BYTES)
        return false;
    memset(out, ' ', PROFILE_NAME_BYTES);
    for (size_t i = 0; i < n; i++) {
        if (!isascii((u8)text[i]) || (!isalnum((u8)text[i]) && text[i] != '-'))
            return false;
        out[i] = (char)toupper((u8)text[i]);
    }
    return true;
}

const struct refdata_profile *refdata_profile(const struct refdata *r, const char name[8])
{
    for (u32 i = 0; i < r->profiles_used; i++)
        if (memcmp(r->profiles[i].terms.name, name, 8) == 0)
            return &r->profiles[i];
    return NULL;
}

static bool read_name(struct csv *c, u32 column, char out[8])
{
    if (refdata_profile_name(csv_field(c, column), out))
        return true;
    refdata_wrong(c, column, "not a name", "1 to 8 letters, digits and -");
    return false;
}

static bool read_profile(struct csv *c, struct refdata_profile *p)
{
    struct msg_limit limits = {.inherits = 0};

    memset(p, 0, sizeof *p);
    p->line = c->line;
    bool good = read_name(c, NAME, p->terms.name);
    if (*csv_field(c, BASE) != 0)
        good &= read_name(c, BASE, p->terms.base);
    good &= refdata_limits(c, LIMITS, &limits);
    good &= refdata_open_limit(c, OPEN, &limits, true);
    p->terms.values = limit_values(&limits);
    good &= refdata_order_limits(c, QTY, &p->terms.values, true);
    good &= refdata_checks(c, CHECKS, &p->terms.values);
    return good;
}

/* Each behind the one that it is based on; those for which that cannot be are reported. */
static void order(struct refdata *out, struct report *report)
{
    u32 placed = 0;

    for (u32 i = placed; i < out->profiles_used;) {
        const struct refdata_profile *base = refdata_profile(out, out->profiles[i].terms.base);
        bool ready = !out->profiles[i].terms.base[0] || (base && base < &out->profiles[placed]);
        if (!ready) {
            i++;
            continue;
        }
        struct refdata_profile p = out->profiles[i];
        out->profiles[i] = out->profiles[placed];
        out->profiles[placed++] = p;
        i = placed;
    }
    for (u32 i = placed; i < out->profiles_used; i++) {
        const struct refdata_profile *p = &out->profiles[i];
        char base[9] = "";
        memcpy(base, p->terms.base, 8);
        base[strcspn(base, " ")] = 0;
        report_error(report, p->line, "based_on", base, "%s",
                     refdata_profile(out, p->terms.base)
                         ? "the profile is based on itself, or on one that is"
                         : "no such profile; allowed: profiles of this file");
    }
}

static void name_add(struct refdata_name **names, u32 used, const struct refdata_profile *p)
{
    *names = refdata_grow(*names, used, sizeof **names);
    memcpy((*names)[used].name, p->terms.name, 8);
    (*names)[used].line = p->line;
}

void refdata_load_profiles(const char *file, struct refdata_loader *l)
{
    static struct csv c;
    struct refdata *out = l->out;
    struct refdata_name *names = NULL;
    struct refdata_profile row;
    u32 rows = 0;

    if (*file == 0)
        return;
    l->report.file = file;
    l->report.named_by = "reference.profiles_file";
    if (csv_open(&c, columns, ARRAY_LEN(columns), 1, &l->report)) {
        while (csv_next(&c)) {
            if (!read_profile(&c, &row) || ++rows > PROFILES_MAX)
                continue;
            out->profiles = refdata_grow(out->profiles, out->profiles_used, sizeof row);
            name_add(&names, out->profiles_used, &row);
            out->profiles[out->profiles_used++] = row;
        }
        if (rows > PROFILES_MAX)
            report_error(&l->report, 0, NULL, NULL, "%u profiles; allowed: %u", rows, PROFILES_MAX);
    }
    csv_close(&c);
    refdata_names_sort(names, out->profiles_used, "profile", &l->report);
    free(names);
    order(out, &l->report);
}

/* ---- what holds between them and the listening ports ---- */

static bool listens(const struct conf *conf, u16 port)
{
    for (u32 i = 0; i < conf->gateway.listen_used; i++)
        if (conf->gateway.listen[i].port == port &&
            conf->gateway.listen[i].role == CONF_ROLE_ORDERS)
            return true;
    return false;
}

/* A port by which the account may come and that has no profile; NULL: there is none. */
static const struct conf_listen *without_profile(const struct conf *conf,
                                                 const struct refdata_account *a)
{
    struct account as = {.ports = a->ports};

    for (u32 i = 0; i < conf->gateway.listen_used; i++) {
        const struct conf_listen *l = &conf->gateway.listen[i];
        if (l->role == CONF_ROLE_ORDERS && !l->profile[0] && account_may_come_by(&as, (u16)l->port))
            return l;
    }
    return NULL;
}

static u64 on_lists(const struct refdata *r)
{
    u64 n = refdata_listed(r) - 2ull * r->instruments_used; /* without the places for each */

    for (u32 i = 0; i < r->instruments_used; i++)
        n += (u64)r->instruments[i].restricted + r->instruments[i].unshorted;
    return n;
}

/* Those that the listening ports name. Returns the number of errors. */
static int check_profiles(const struct refdata *r, const struct conf *conf, const char *path,
                          FILE *errors)
{
    struct report report = {.out = errors, .file = path ? path : "defaults"};
    char name[8], key[40];

    for (u32 i = 0; i < conf->gateway.listen_used; i++) {
        const char *text = conf->gateway.listen[i].profile;
        if (!text[0] || (refdata_profile_name(text, name) && refdata_profile(r, name)))
            continue;
        snprintf(key, sizeof key, "gateway.listen[%u].profile", i);
        report_error(&report, 0, key, text,
                     "no such profile; allowed: profiles of reference.profiles_file%s%s",
                     conf->profiles_file[0] ? ", " : ", which is not set", conf->profiles_file);
    }
    return report.count;
}

int refdata_check_ports(const struct refdata *r, const struct conf *conf, const char *path,
                        FILE *errors)
{
    struct report report = {.out = errors, .file = conf->accounts_file};

    report.count = check_profiles(r, conf, path, errors);
    for (u32 i = 0; i < r->accounts_used; i++) {
        const struct refdata_account *a = &r->accounts[i];
        const struct conf_listen *l = a->port_profile ? without_profile(conf, a) : NULL;
        for (u32 k = 0; k < a->ports.used; k++)
            if (!listens(conf, a->ports.at[k]))
                report_error(&report, a->line, "ports", NULL,
                             "%u: not a port of gateway.listen for orders", a->ports.at[k]);
        if (l)
            report_error(&report, a->line, "profile", "port",
                         "the account may log in by port %u, which has no profile", (u32)l->port);
    }
    if (on_lists(r) > LISTED_MAX)
        report_error(&report, 0, NULL, NULL, "%llu symbols on lists; allowed: %u",
                     (unsigned long long)on_lists(r), LISTED_MAX);
    return report.count;
}
