/*
 * refdata_accounts.c - the accounts file: who may log in, with which password and which limits.
 *
 * Thread: main at the start, admin at a reload. A limit is a number or the word none; leaving it
 * out is an error, so that no account is without limits by mistake. A password hash is never
 * repeated in a report.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/assert.h"
#include "engine/msg/msg.h"
#include "gateway/conf.h"
#include "gateway/refdata_load.h"

enum {
    USER,
    FIRM,
    HASH,
    ENABLED,
    QTY,
    NOTIONAL,
    COLLAR,
    OPEN,
    RESTRICTED,
    TERMS,
    HASH_2 = TERMS + REFDATA_TERMS_USED,
    NETWORKS,
    COPY,
    LIMITS,
    CHECKS = LIMITS + REFDATA_LIMITS_USED,
    PROFILE = CHECKS + REFDATA_CHECKS_USED,
    PORTS,
    UNSHORTED,
    COLUMNS
};
static const char *const columns[] = {"user",
                                      "firm",
                                      "password_hash",
                                      "enabled",
                                      "max_qty",
                                      "max_notional",
                                      "collar_percent",
                                      "max_open_orders",
                                      "restricted",
                                      REFDATA_TERMS,
                                      "password_hash_2",
                                      "networks",
                                      "drop_copy",
                                      REFDATA_LIMITS,
                                      REFDATA_CHECKS,
                                      "profile",
                                      "ports",
                                      "short_restricted"};
_Static_assert(ARRAY_LEN(columns) == COLUMNS, "a name for each column");

/* 1 to `n` letters or digits, as upper case padded with spaces. */
static bool read_name(struct csv *c, u32 column, char *out, size_t n, const char *allowed)
{
    const char *text = csv_field(c, column);
    size_t len = strlen(text);
    bool good = len >= 1 && len <= n;

    memset(out, ' ', n);
    for (size_t i = 0; i < len && good; i++) {
        good = isascii((u8)text[i]) && isalnum((u8)text[i]);
        out[i] = (char)toupper((u8)text[i]);
    }
    if (!good)
        refdata_wrong(c, column, "not a name", allowed);
    return good;
}

/* Passes over at least `least` characters of `set`; NULL when there are fewer. */
static const char *pass(const char *p, const char *set, size_t least)
{
    size_t n = p ? strspn(p, set) : 0;
    return p && n >= least ? p + n : NULL;
}

static const char *pass_text(const char *p, const char *text)
{
    return p && strncmp(p, text, strlen(text)) == 0 ? p + strlen(text) : NULL;
}

/* $argon2id$v=19$m=...,t=...,p=...$salt$hash, as libsodium's crypto_pwhash_str writes it. */
static bool is_hash(const char *text)
{
    static const char digits[] = "0123456789";
    static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *p = pass_text(text, "$argon2id$v=19$m=");

    p = pass_text(pass(p, digits, 1), ",t=");
    p = pass_text(pass(p, digits, 1), ",p=");
    p = pass_text(pass(p, digits, 1), "$");
    p = pass_text(pass(p, base64, 11), "$");
    p = pass(p, base64, 22);
    return p && *p == 0 && strlen(text) < REFDATA_HASH_BYTES;
}

static int compare_symbols(const void *a, const void *b)
{
    return memcmp(a, b, 8);
}

static void symbol_add(struct refdata_list *list, const char symbol[8])
{
    list->at = refdata_grow(list->at, list->used, 8);
    memcpy(list->at[list->used++], symbol, 8);
}

/* The symbols of the field, separated by spaces, each of which must be an instrument. */
static bool read_symbols(struct csv *c, u32 column, const struct refdata_loader *l,
                         struct refdata_list *list)
{
    const char *p = csv_field(c, column);
    bool good = true;

    while (*(p += strspn(p, " ")) != 0) {
        char word[CSV_LINE_BYTES], symbol[8];
        size_t n = strcspn(p, " ");
        snprintf(word, sizeof word, "%.*s", (int)n, p);
        p += n;
        if (refdata_symbol(word, symbol) &&
            (l->blind || refdata_names_have(l->symbols, l->out->instruments_used, symbol))) {
            symbol_add(list, symbol);
            continue;
        }
        report_error(c->report, c->line, columns[column], word,
                     "no such instrument; allowed: symbols of the instruments file, separated by "
                     "spaces");
        good = false;
    }
    return good;
}

/* ... sorted, each once. */
static bool read_list(struct csv *c, u32 column, const struct refdata_loader *l,
                      struct refdata_list *list)
{
    bool good = read_symbols(c, column, l, list);
    u32 kept = 0;

    if (list->used > 0)
        qsort(list->at, list->used, 8, compare_symbols);
    for (u32 i = 0; i < list->used; i++)
        if (i == 0 || memcmp(list->at[i], list->at[kept - 1], 8) != 0)
            memmove(list->at[kept++], list->at[i], 8);
    list->used = kept;
    return good;
}

/* A profile of the profiles file; `port`: those of the ports; empty: them too, if it needs none. */
static bool read_profile(struct csv *c, const struct refdata_loader *l, struct refdata_account *a)
{
    const char *text = csv_field(c, PROFILE);

    a->port_profile = strcmp(text, "port") == 0;
    if (*text == 0 || a->port_profile)
        return true;
    if (refdata_profile_name(text, a->profile) && refdata_profile(l->out, a->profile))
        return true;
    refdata_wrong(c, PROFILE, "no such profile",
                  "profiles of reference.profiles_file; port: that of the listening port");
    return false;
}

/* TCP ports separated by spaces; the field may be empty: any. */
static bool read_ports(struct csv *c, struct account_ports *out)
{
    const char *p = csv_field(c, PORTS);

    while (*(p += strspn(p, " ")) != 0) {
        char word[CSV_LINE_BYTES];
        size_t n = strcspn(p, " ");
        u64 port = 0;
        snprintf(word, sizeof word, "%.*s", (int)n, p);
        p += n;
        if (!refdata_decimal(word, 0, UINT16_MAX, &port) || port == 0 ||
            out->used == ACCOUNT_PORTS_MAX) {
            refdata_wrong(c, PORTS, "not such a list",
                          "up to 8 TCP ports of gateway.listen, separated by spaces");
            return false;
        }
        out->at[out->used++] = (u16)port;
    }
    return true;
}

static bool read_hash(struct csv *c, u32 column, char out[REFDATA_HASH_BYTES])
{
    const char *hash = csv_field(c, column);

    if (is_hash(hash)) {
        memcpy(out, hash, strlen(hash));
        return true;
    }
    report_error(c->report, c->line, columns[column], "(not shown)",
                 "not a password hash; allowed: $argon2id$v=19$m=...,t=...,p=...$salt$hash");
    return false;
}

/* Networks and addresses separated by spaces; the field may be empty: from anywhere. */
static bool read_networks(struct csv *c, struct account_networks *out)
{
    const char *p = csv_field(c, NETWORKS);

    while (*(p += strspn(p, " ")) != 0) {
        char word[CSV_LINE_BYTES];
        struct conf_network network;
        size_t n = strcspn(p, " ");
        snprintf(word, sizeof word, "%.*s%s", (int)n, p, memchr(p, '/', n) ? "" : "/32");
        p += n;
        const char *wrong = conf_network_parse(word, &network);
        if (!wrong && out->used == ACCOUNT_NETWORKS_MAX)
            wrong = "too many";
        if (wrong) {
            report_error(c->report, c->line, columns[NETWORKS], word,
                         "%s; allowed: up to 8 such as 10.0.0.0/16 or 10.0.0.7, separated by "
                         "spaces",
                         wrong);
            return false;
        }
        out->at[out->used].ipv4 = network.ipv4;
        out->at[out->used++].mask = network.mask;
    }
    return true;
}

/* no, firm or all: in the order of enum reader_scope. */
static bool read_copy(struct csv *c, u8 *out)
{
    static const char *const words[] = {"no", "firm", "all"};
    const char *text = csv_field(c, COPY);

    *out = READER_ACCOUNT;
    if (*text == 0)
        return true;
    while (*out < ARRAY_LEN(words) && strcmp(text, words[*out]) != 0)
        ++*out;
    if (*out < ARRAY_LEN(words))
        return true;
    refdata_wrong(c, COPY, "none of the words", "no, firm, all");
    return false;
}

/* Reads one row; all that is wrong is reported. Its lists are from malloc in any case. */
static bool read_account(struct csv *c, const struct refdata_loader *l, struct refdata_account *a)
{
    memset(a, 0, sizeof *a);
    a->line = c->line;
    bool good = read_name(c, USER, a->user, sizeof a->user, "1 to 6 letters and digits");
    good &= read_name(c, FIRM, a->firm, sizeof a->firm, "1 to 4 letters and digits");
    good &= read_hash(c, HASH, a->password_hash);
    if (*csv_field(c, HASH_2) != 0)
        good &= read_hash(c, HASH_2, a->password_hash_2);
    good &= read_networks(c, &a->networks);
    good &= read_copy(c, &a->copy);
    good &= refdata_yes_no(c, ENABLED, &a->enabled);
    good &= read_profile(c, l, a);
    good &= read_ports(c, &a->ports);
    good &= refdata_order_limits(c, QTY, &a->checks, a->profile[0] || a->port_profile);
    good &= refdata_terms(c, TERMS, &a->terms);
    good &= refdata_limits(c, LIMITS, &a->stake);
    good &= refdata_open_limit(c, OPEN, &a->stake, a->profile[0] || a->port_profile);
    good &= refdata_checks(c, CHECKS, &a->checks);
    good &= read_list(c, RESTRICTED, l, &a->restricted);
    return read_list(c, UNSHORTED, l, &a->unshorted) && good;
}

void refdata_load_accounts(const char *file, u32 max, struct refdata_loader *l)
{
    static struct csv c;
    struct refdata_name *users = NULL;
    struct refdata *out = l->out;
    struct refdata_account row;
    u32 rows = 0;

    l->report.file = file;
    l->report.named_by = "reference.accounts_file";
    if (csv_open(&c, columns, ARRAY_LEN(columns), TERMS, &l->report)) {
        while (csv_next(&c)) {
            if (!read_account(&c, l, &row) || ++rows > max) {
                free(row.restricted.at);
                free(row.unshorted.at);
                continue;
            }
            out->accounts = refdata_grow(out->accounts, out->accounts_used, sizeof row);
            users = refdata_grow(users, out->accounts_used, sizeof *users);
            memset(users[out->accounts_used].name, ' ', 8);
            memcpy(users[out->accounts_used].name, row.user, sizeof row.user);
            users[out->accounts_used].line = row.line;
            out->accounts[out->accounts_used++] = row;
        }
        if (rows > max)
            report_error(&l->report, 0, NULL, NULL,
                         "%u accounts; allowed: %u (engine.accounts_max)", rows, max);
    }
    csv_close(&c);
    refdata_names_sort(users, out->accounts_used, "user", &l->report);
    free(users);
}
