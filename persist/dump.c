/*
 * dump.c - see dump.h. Enters: whole transactions. Leaves: lines of JSON, rows of CSV.
 *
 *   note names ─▶ behind from and since? ─▶ dump_filter_tx ─▶ a line for each message wanted
 *
 * Failure modes: the output cannot be written: dump_tx says that nothing more is wanted, and
 * dump_end why. An account or instrument that the journal does not know: dump_end says so, so that
 * a slip of the pen does not look like an account without business.
 */
#include "persist/dump.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "engine/msg/msg.h"

/* What there is to say about one message. */
struct line {
    const union msg *m;
    u32 idx;
    bool is_carrier;
    union msg carried;
    const char *symbol; /* 8 characters; NULL: it names no instrument */
};

/* ---- one value of the head ---- */

static void put_time(struct dump *d, u64 time_ns)
{
    char rest[16];
    time_t at = (time_t)(time_ns / NS_PER_SEC);
    struct tm tm;

    if (d->time_text[0] == '\0' || d->time_s != (u64)at) {
        gmtime_r(&at, &tm);
        strftime(d->time_text, sizeof d->time_text, "%Y-%m-%dT%H:%M:%S.", &tm);
        d->time_s = (u64)at;
    }
    snprintf(rest, sizeof rest, "%09uZ", (u32)(time_ns % NS_PER_SEC));
    dump_put_text(&d->out, d->time_text);
    dump_put_text(&d->out, rest);
}

static void put_flags(struct dump *d, u16 flags)
{
    bool json = d->conf.format == DUMP_JSON;
    const char *between = "";

    dump_put_text(&d->out, json ? "[" : "");
    for (u32 i = 0; i < MSG_FLAGS_NAMED; i++) {
        if ((flags & (1u << i)) == 0 || !msg_flag_names[i])
            continue;
        dump_put_text(&d->out, between);
        dump_put_text(&d->out, json ? "\"" : "");
        dump_put_text(&d->out, msg_flag_names[i]);
        dump_put_text(&d->out, json ? "\"" : "");
        between = json ? "," : " ";
    }
    dump_put_text(&d->out, json ? "]" : "");
}

static void put_user(struct dump *d, u32 account)
{
    dump_put_padded(&d->out, d->conf.format, export_names_account(&d->names, account)->user, 6);
}

static void put_plain(struct dump *d, const char *text)
{
    bool json = d->conf.format == DUMP_JSON;

    dump_put_text(&d->out, json ? "\"" : "");
    dump_put_text(&d->out, text);
    dump_put_text(&d->out, json ? "\"" : "");
}

/* Does the message have it? What it does not have is empty, or not there. */
static bool has(const struct line *l, enum dump_head head)
{
    bool command = msg_is_command(l->m->cmd.type);

    switch (head) {
    case DUMP_USER:
        return l->m->cmd.account != 0;
    case DUMP_SYMBOL:
        return l->symbol != NULL;
    case DUMP_SESSION_SEQ:
        return !command;
    case DUMP_GATEWAY:
    case DUMP_BIND_ID:
        return command;
    case DUMP_CARRIES:
        return l->is_carrier;
    default:
        return true;
    }
}

static void put_head(struct dump *d, const struct line *l, enum dump_head head)
{
    const struct cmd_head *c = &l->m->cmd;
    u64 time_ns = msg_is_command(c->type) ? c->time_ns : l->m->ev.time_ns;

    switch (head) {
    case DUMP_SEQ:
        return dump_put_number(&d->out, c->seq);
    case DUMP_IDX:
        return dump_put_number(&d->out, l->idx);
    case DUMP_TIME_NS:
        return dump_put_number(&d->out, time_ns);
    case DUMP_TIME:
        dump_put_text(&d->out, d->conf.format == DUMP_JSON ? "\"" : "");
        put_time(d, time_ns);
        return dump_put_text(&d->out, d->conf.format == DUMP_JSON ? "\"" : "");
    case DUMP_TYPE:
        return put_plain(d, msg_type_name(c->type));
    case DUMP_FLAGS:
        return put_flags(d, c->flags);
    case DUMP_ACCOUNT:
        return dump_put_number(&d->out, c->account);
    case DUMP_USER:
        return put_user(d, c->account);
    case DUMP_SYMBOL:
        return dump_put_padded(&d->out, d->conf.format, l->symbol, 8);
    case DUMP_SESSION_SEQ:
        return dump_put_number(&d->out, l->m->ev.session_seq);
    case DUMP_GATEWAY:
        return dump_put_number(&d->out, c->gateway);
    case DUMP_BIND_ID:
        return dump_put_number(&d->out, c->bind_id);
    case DUMP_CARRIES:
        return put_plain(d, msg_type_name(l->carried.cmd.type));
    case DUMP_HEADS:
        break;
    }
}

/* ---- JSON ---- */

/* Is the field said at all? Those of an appendage only where it was there. */
static bool is_said(const u8 *m, const struct field *f)
{
    u32 tags;

    if (f->tags == 0)
        return true;
    memcpy(&tags, m + SLOT_BYTES + offsetof(struct order_terms, tags), sizeof tags);
    return f->tags == ~0u || (tags & f->tags) != 0;
}

static void json_fields(struct dump *d, const union msg *m)
{
    const struct field *f;
    const char *between = "";

    dump_put_text(&d->out, "{");
    for (u32 i = 0; (f = dump_field(m->cmd.type, i)) != NULL; i++) {
        if (!is_said((const u8 *)m, f))
            continue;
        dump_put_text(&d->out, between);
        dump_put_text(&d->out, "\"");
        dump_put_text(&d->out, f->name);
        dump_put_text(&d->out, "\":");
        dump_put_field(&d->out, DUMP_JSON, (const u8 *)m, f);
        between = ",";
    }
    dump_put_text(&d->out, "}");
}

static void json_line(struct dump *d, const struct line *l)
{
    for (u32 h = 0; h < DUMP_CARRIES; h++) {
        if (!has(l, h))
            continue;
        dump_put_text(&d->out, h == 0 ? "{\"" : ",\"");
        dump_put_text(&d->out, dump_head_names[h]);
        dump_put_text(&d->out, "\":");
        put_head(d, l, h);
    }
    dump_put_text(&d->out, ",\"fields\":");
    json_fields(d, l->m);
    if (l->is_carrier) {
        dump_put_text(&d->out, ",\"carries\":{\"type\":");
        put_head(d, l, DUMP_CARRIES);
        dump_put_text(&d->out, ",\"fields\":");
        json_fields(d, &l->carried);
        dump_put_text(&d->out, "}");
    }
    dump_put_text(&d->out, "}\n");
}

/* ---- CSV ---- */

struct cell {
    const u8 *m;
    const struct field *field; /* NULL: empty */
};

static void cells_fill(const struct dump *d, const union msg *m, bool carried, struct cell *cells)
{
    const struct field *f;

    for (u32 i = 0; (f = dump_field(m->cmd.type, i)) != NULL; i++)
        if (is_said((const u8 *)m, f))
            cells[d->columns.of_field[carried][m->cmd.type][i]] = (struct cell){(const u8 *)m, f};
}

static void csv_line(struct dump *d, const struct line *l)
{
    struct cell cells[DUMP_COLUMNS_MAX];

    memset(cells, 0, d->columns.used * sizeof cells[0]);
    cells_fill(d, l->m, false, cells);
    if (l->is_carrier)
        cells_fill(d, &l->carried, true, cells);
    for (u32 i = 0; i < d->columns.shown; i++) {
        u32 at = d->columns.order[i];
        const struct dump_column *c = &d->columns.at[at];
        if (i > 0)
            dump_put(&d->out, ",", 1);
        if (c->part == DUMP_HEAD && has(l, c->head))
            put_head(d, l, c->head);
        else if (cells[at].field)
            dump_put_field(&d->out, DUMP_CSV, cells[at].m, cells[at].field);
    }
    dump_put_text(&d->out, "\r\n");
}

/* ---- transactions ---- */

/* What a journal that nobody checked against an engine says may be out of range. */
static void note(struct dump *d, const union msg *m)
{
    u32 id = m->ev.type == EV_ACCOUNT ? m->ev.account : m->instrument.instrument;
    u32 max = m->ev.type == EV_ACCOUNT ? d->names.accounts_max : d->names.instruments_max;

    if ((m->ev.type == EV_ACCOUNT || m->ev.type == EV_INSTRUMENT) && id >= 1 && id <= max)
        export_names_note(&d->names, m);
}

static const char *symbol_of(const struct dump *d, const union msg *m)
{
    const struct field *f;
    u16 id = 0;

    for (u32 i = 0; (f = dump_field(m->cmd.type, i)) != NULL; i++)
        if (f->bytes == sizeof id && strcmp(f->name, "instrument") == 0)
            memcpy(&id, (const u8 *)m + f->at, sizeof id);
    return id != 0 && id <= d->names.instruments_max ? export_names_symbol(&d->names, id) : NULL;
}

static void put_message(struct dump *d, const union msg *m, u32 idx)
{
    struct line l = {.m = m, .idx = idx, .symbol = symbol_of(d, m)};

    if (m->cmd.type == CMD_OPERATOR)
        l.is_carrier = msg_carried(&m->operator, & l.carried);
    if (d->conf.format == DUMP_JSON)
        json_line(d, &l);
    else
        csv_line(d, &l);
    d->written++;
}

bool dump_tx(struct dump *d, const struct slot *tx, u32 used)
{
    const struct cmd_head *head = (const void *)tx;
    u64 wanted[DUMP_WANTED_WORDS];
    u32 idx = 0;

    if (head->seq > d->conf.to_seq || head->time_ns > d->conf.until_ns)
        return false; /* both only ascend */
    for (u32 at = 0; at < used; at += msg_slots(&tx[at]))
        note(d, (const union msg *)(const void *)&tx[at]);
    u32 n = dump_filter_tx(&d->filter, &d->names, tx, used, wanted);
    if (n == 0 || head->seq < d->conf.from_seq || head->time_ns < d->conf.since_ns)
        return true;
    for (u32 at = 0; at < used; at += msg_slots(&tx[at]), idx++)
        if (wanted[at / 64] >> at % 64 & 1)
            put_message(d, (const union msg *)(const void *)&tx[at], idx);
    return d->out.error == 0;
}

/* ---- begin and end ---- */

bool dump_init(struct dump *d, const struct dump_conf *conf, struct mem *m, struct why *why)
{
    memset(d, 0, sizeof *d);
    d->conf = *conf;
    d->out.file = conf->out;
    export_names_init(&d->names, m, conf->accounts_max ? conf->accounts_max : ACCOUNTS_MAX,
                      conf->instruments_max ? conf->instruments_max : INSTRUMENTS_MAX);
    if (!dump_filter_init(&d->filter, conf, why) ||
        !dump_columns_init(&d->columns, conf->columns, why))
        return false;
    if (conf->format == DUMP_CSV)
        dump_columns_header(&d->columns, &d->out);
    return true;
}

static bool known(const struct dump_name *n, const char *what, const char *text, struct why *why)
{
    return n->any || n->seen ||
           why_set(why, "the journal, as far as it was read, has no %s %s", what, text);
}

bool dump_end(struct dump *d, struct why *why)
{
    dump_flush(&d->out);
    if (d->out.error)
        return why_set(why, "writing: %s", strerror(d->out.error));
    return known(&d->filter.account, "account", d->conf.account, why) &&
           known(&d->filter.instrument, "instrument", d->conf.instrument, why);
}
