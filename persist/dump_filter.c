/*
 * dump_filter.c - see dump.h: which messages concern an account, or an instrument. Cold, pure.
 *
 * A message concerns an account when it is its own (head.account) or one of its fields, or of the
 * command that it carries, names it. It concerns an instrument when a field names it; a message
 * that names none (a cancel by its order's number) goes with its transaction. Which fields name
 * what is told by their names in the tables of engine/msg. With both wanted, both must hold.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine/msg/msg.h"
#include "persist/dump.h"

/* ---- what is asked for ---- */

static bool name_init(struct dump_name *n, const char *text, u32 bytes, u64 id_max)
{
    char *end;

    memset(n, 0, sizeof *n);
    n->bytes = bytes;
    n->any = text == NULL;
    memset(n->text, ' ', sizeof n->text);
    if (!text)
        return true;
    if (text[0] == '#') {
        errno = 0;
        u64 id = strtoull(text + 1, &end, 10);
        n->id = (u32)id;
        return errno == 0 && isdigit((u8)text[1]) && *end == '\0' && id >= 1 && id <= id_max;
    }
    if (text[0] == '\0' || strlen(text) > bytes)
        return false;
    for (u32 i = 0; text[i]; i++) {
        if (!isgraph((u8)text[i]))
            return false;
        n->text[i] = (char)toupper((u8)text[i]);
    }
    return true;
}

bool dump_filter_init(struct dump_filter *f, const struct dump_conf *conf, struct why *why)
{
    if (!name_init(&f->account, conf->account, 6, ACCOUNTS_MAX))
        return why_set(why,
                       "--account %s: no account can be called that: 1 to 6 characters, or # "
                       "and its number",
                       conf->account);
    if (!name_init(&f->instrument, conf->instrument, 8, INSTRUMENTS_MAX))
        return why_set(why,
                       "--instrument %s: no instrument can be called that: 1 to 8 characters, "
                       "or # and its number",
                       conf->instrument);
    return true;
}

/* ---- what a field names ---- */

static bool is_account_id(const struct field *f)
{
    size_t n = strlen(f->name);

    return f->kind == NUM && (strcmp(f->name, "account") == 0 || strcmp(f->name, "of") == 0 ||
                              strncmp(f->name, "account[", 8) == 0 ||
                              (n > 8 && strcmp(f->name + n - 8, ".account") == 0));
}

static bool is_user(const struct field *f) /* an operator's is longer */
{
    return f->kind == TEXT && f->bytes == 6 && strcmp(f->name, "user") == 0;
}

static bool is_instrument_id(const struct field *f)
{
    return f->kind == NUM && strcmp(f->name, "instrument") == 0;
}

static bool is_symbol(const struct field *f)
{
    return f->kind == TEXT && f->bytes == 8 && strcmp(f->name, "symbol") == 0;
}

static u32 load_id(const u8 *m, const struct field *f)
{
    u32 id = 0;

    memcpy(&id, m + f->at, min_u32(f->bytes, sizeof id));
    return id;
}

static bool says(struct dump_name *n, const char *text)
{
    bool same = n->id == 0 && memcmp(n->text, text, n->bytes) == 0;

    n->seen |= same;
    return same;
}

static bool is_account(struct dump_name *n, const struct export_names *names, u32 id)
{
    bool same = id != 0 && (n->id ? n->id == id : says(n, export_names_account(names, id)->user));

    n->seen |= same;
    return same;
}

static bool is_instrument(struct dump_name *n, const struct export_names *names, u32 id)
{
    bool same = id != 0 && (n->id ? n->id == id : says(n, export_names_symbol(names, (u16)id)));

    n->seen |= same;
    return same;
}

static bool names_account(struct dump_filter *f, const struct export_names *names, const u8 *m)
{
    const struct field *field;

    for (u32 i = 0; (field = dump_field(m[0], i)) != NULL; i++) {
        if (is_account_id(field) && is_account(&f->account, names, load_id(m, field)))
            return true;
        if (is_user(field) && says(&f->account, (const char *)m + field->at))
            return true;
    }
    return false;
}

/* *any: whether it names an instrument at all. */
static bool names_instrument(struct dump_filter *f, const struct export_names *names, const u8 *m,
                             bool *any)
{
    static const char blank[2][8] = {"        ", ""};
    const struct field *field;
    bool found = false;

    for (u32 i = 0; (field = dump_field(m[0], i)) != NULL && !found; i++) {
        const char *text = (const char *)m + field->at;
        if (is_instrument_id(field) && load_id(m, field) != 0) {
            *any = true;
            found = is_instrument(&f->instrument, names, load_id(m, field));
        } else if (is_symbol(field) && memcmp(text, blank[0], 8) && memcmp(text, blank[1], 8)) {
            *any = true;
            found = says(&f->instrument, text);
        }
    }
    return found;
}

/* ---- transactions ---- */

struct judged {
    bool account;
    bool instrument; /* names the one */
    bool other;      /* names another one */
};

static struct judged judge(struct dump_filter *f, const struct export_names *names,
                           const union msg *m)
{
    struct judged j = {.account = f->account.any, .instrument = f->instrument.any};
    union msg carried;
    bool any = false;

    if (!j.account)
        j.account = is_account(&f->account, names, m->cmd.account) ||
                    names_account(f, names, (const u8 *)m);
    if (!j.instrument)
        j.instrument = names_instrument(f, names, (const u8 *)m, &any);
    if (m->cmd.type == CMD_OPERATOR && msg_carried(&m->operator, & carried)) {
        struct judged in = judge(f, names, &carried);
        j.account |= in.account;
        j.instrument |= in.instrument;
        any |= in.other;
    }
    j.other = any && !j.instrument;
    return j;
}

u32 dump_filter_tx(struct dump_filter *f, const struct export_names *names, const struct slot *tx,
                   u32 used, u64 *wanted)
{
    struct judged j[TX_SLOTS_MAX];
    bool instrument = false;
    u32 n = 0;

    memset(wanted, 0, DUMP_WANTED_WORDS * sizeof *wanted);
    for (u32 at = 0; at < used; at += msg_slots(&tx[at])) {
        j[at] = judge(f, names, (const union msg *)(const void *)&tx[at]);
        instrument |= j[at].instrument;
    }
    for (u32 at = 0; at < used; at += msg_slots(&tx[at])) {
        if (!j[at].account || !(j[at].instrument || (instrument && !j[at].other)))
            continue;
        wanted[at / 64] |= 1ull << at % 64;
        n++;
    }
    return n;
}
