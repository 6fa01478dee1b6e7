/*
 * dump_columns.c - see dump.h: CSV's columns, made of the tables of engine/msg: what all messages
 * have, then every field's name once, then those of the commands that operators' requests carry.
 * Cold, pure.
 */
#include <string.h>

#include "engine/msg/msg.h"
#include "persist/dump.h"

const char *const dump_head_names[DUMP_HEADS] = {
    [DUMP_SEQ] = "seq",
    [DUMP_IDX] = "idx",
    [DUMP_TIME_NS] = "time_ns",
    [DUMP_TIME] = "time",
    [DUMP_TYPE] = "type",
    [DUMP_FLAGS] = "flags",
    [DUMP_ACCOUNT] = "account",
    [DUMP_USER] = "user",
    [DUMP_SYMBOL] = "symbol",
    [DUMP_GATEWAY] = "gateway",
    [DUMP_BIND_ID] = "bind_id",
    [DUMP_SESSION_SEQ] = "session_seq",
    [DUMP_CARRIES] = "carries.type",
};

static const char *const prefixes[] = {
    [DUMP_HEAD] = "", [DUMP_FIELD] = "fields.", [DUMP_CARRIED] = "carries.fields."};

const struct field *dump_field(u8 type, u32 i)
{
    const struct shape *shape = &msg_shapes[type];

    if (i < shape->fields_used)
        return &shape->fields[i];
    i -= shape->fields_used;
    return msg_has_terms(shape) && i < MSG_TERMS_FIELDS ? &msg_terms_fields[i] : NULL;
}

/* The column of that name, a new one if need be. */
static u32 column(struct dump_columns *c, enum dump_part part, const char *name)
{
    u32 i = 0;

    while (i < c->used && (c->at[i].part != part || strcmp(c->at[i].name, name) != 0))
        i++;
    if (i == c->used) {
        ASSERT_LT(c->used, DUMP_COLUMNS_MAX);
        c->at[c->used++] = (struct dump_column){part, i, name};
    }
    return i;
}

/* True for a command whose body fits into an operator's request. */
static bool can_be_carried(u32 type)
{
    struct msg_operator o = {.type = (u8)type};
    union msg m;

    return type != CMD_OPERATOR && msg_carried(&o, &m);
}

static void columns_of(struct dump_columns *c, enum dump_part part, u8 type)
{
    const struct field *f;

    for (u32 i = 0; (f = dump_field(type, i)) != NULL; i++) {
        ASSERT_LT(i, DUMP_FIELDS_MAX);
        c->of_field[part == DUMP_CARRIED][type][i] = (u16)column(c, part, f->name);
    }
}

static bool is_column(const struct dump_column *c, const char *name, size_t n)
{
    size_t prefix = strlen(prefixes[c->part]);

    return n == prefix + strlen(c->name) && memcmp(name, prefixes[c->part], prefix) == 0 &&
           memcmp(name + prefix, c->name, n - prefix) == 0;
}

static bool show(struct dump_columns *c, const char *wanted, struct why *why)
{
    for (; *wanted; wanted += *wanted == ',') {
        size_t n = strcspn(wanted, ",");
        u32 i = 0;
        while (i < c->used && !is_column(&c->at[i], wanted, n))
            i++;
        if (i == c->used || c->shown == DUMP_COLUMNS_MAX)
            return why_set(why,
                           "--columns: there is no \"%.*s\"; the header of a dump of all "
                           "columns says what there is",
                           (int)min_u64(n, 64), wanted);
        c->order[c->shown++] = i;
        wanted += n;
    }
    return c->shown > 0 || why_set(why, "--columns: which ones?");
}

bool dump_columns_init(struct dump_columns *c, const char *wanted, struct why *why)
{
    memset(c, 0, sizeof *c);
    for (u32 i = 0; i < DUMP_HEADS; i++)
        column(c, DUMP_HEAD, dump_head_names[i]);
    for (u32 type = 0; type < 256; type++)
        columns_of(c, DUMP_FIELD, (u8)type);
    for (u32 type = 0; type < 0x80; type++)
        if (can_be_carried(type))
            columns_of(c, DUMP_CARRIED, (u8)type);
    if (wanted)
        return show(c, wanted, why);
    while (c->shown < c->used) {
        c->order[c->shown] = c->shown;
        c->shown++;
    }
    return true;
}

void dump_columns_header(const struct dump_columns *c, struct dump_out *o)
{
    for (u32 i = 0; i < c->shown; i++) {
        const struct dump_column *column = &c->at[c->order[i]];
        dump_put_text(o, i > 0 ? "," : "");
        dump_put_text(o, prefixes[column->part]);
        dump_put_text(o, column->name);
    }
    dump_put_text(o, "\r\n");
}
