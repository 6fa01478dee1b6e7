/*
 * msg_print.c - a message as one line for a person, by the tables of msg.c. Cold, any thread.
 */
#include <string.h>

#include "engine/msg/msg.h"
#include "engine/msg/shape.h"

static u64 load(const u8 *p, u32 bytes)
{
    u64 v = 0;
    memcpy(&v, p, bytes);
    return v;
}

/* Text without its trailing spaces; what is not printable as \xNN, so that a line stays one. */
static void print_text(FILE *out, const u8 *text, u32 n)
{
    while (n > 0 && (text[n - 1] == ' ' || text[n - 1] == 0))
        n--;
    fputc('"', out);
    for (u32 i = 0; i < n; i++) {
        if (text[i] < ' ' || text[i] > '~' || text[i] == '"' || text[i] == '\\')
            fprintf(out, "\\x%02x", text[i]);
        else
            fputc(text[i], out);
    }
    fputc('"', out);
}

static void print_char(FILE *out, u8 c)
{
    if (c == 0)
        fputc('-', out);
    else if (c > ' ' && c <= '~')
        fputc(c, out);
    else
        fprintf(out, "\\x%02x", c);
}

static void print_price(FILE *out, u32 price)
{
    if (price == PRICE_MARKET)
        fputs("market", out);
    else
        fprintf(out, "%u.%04u", price / 10000, price % 10000);
}

static void print_field(FILE *out, const u8 *m, const struct field *f)
{
    const u8 *p = m + f->at;

    fprintf(out, " %s=", f->name);
    switch ((enum field_kind)f->kind) {
    case NUM:
        fprintf(out, "%llu", (unsigned long long)load(p, f->bytes));
        break;
    case INT:
        fprintf(out, "%d", (i32)load(p, f->bytes));
        break;
    case HEX:
        fprintf(out, "0x%llx", (unsigned long long)load(p, f->bytes));
        break;
    case ID:
        fprintf(out, "%016llx", (unsigned long long)load(p, f->bytes));
        break;
    case PRICE:
        print_price(out, (u32)load(p, f->bytes));
        break;
    case CHAR:
        print_char(out, *p);
        break;
    case TEXT:
        print_text(out, p, f->bytes);
        break;
    case IPV4:
        fprintf(out, "%u.%u.%u.%u", p[0], p[1], p[2], p[3]);
        break;
    }
}

const char *const msg_flag_names[MSG_FLAGS_NAMED] = {"end",   "sell",   "iso",        "dead",
                                                     "taker", "hidden", [8] = "first"};

static void print_flags(FILE *out, u16 flags)
{
    const char *between = " flags=";

    for (u32 i = 0; i < MSG_FLAGS_NAMED; i++) {
        if ((flags & (1u << i)) == 0 || !msg_flag_names[i])
            continue;
        fprintf(out, "%s%s", between, msg_flag_names[i]);
        between = ",";
    }
}

static void print_head(FILE *out, const union msg *m)
{
    fprintf(out, "seq=%llu time_ns=%llu type=%s account=%u", (unsigned long long)m->cmd.seq,
            (unsigned long long)(msg_is_command(m->cmd.type) ? m->cmd.time_ns : m->ev.time_ns),
            msg_type_name(m->cmd.type), m->cmd.account);
    if (!msg_is_command(m->cmd.type))
        fprintf(out, " session_seq=%llu", (unsigned long long)m->ev.session_seq);
    else if (m->cmd.bind_id != 0 || m->cmd.gateway != 0)
        fprintf(out, " gateway=%u bind_id=%u", m->cmd.gateway, m->cmd.bind_id);
    print_flags(out, m->cmd.flags);
}

static void print_fields(FILE *out, const union msg *m)
{
    const struct shape *shape = &msg_shapes[m->cmd.type];

    for (u32 i = 0; i < shape->fields_used; i++)
        print_field(out, (const u8 *)m, &shape->fields[i]);
}

void msg_print(FILE *out, const union msg *m)
{
    const struct shape *shape = &msg_shapes[m->cmd.type];
    const u8 *bytes = (const u8 *)m;
    union msg carried;

    print_head(out, m);
    print_fields(out, m);
    if (m->cmd.type == CMD_OPERATOR && msg_carried(&m->operator, & carried)) {
        fprintf(out, " carries=%s", msg_type_name(carried.cmd.type));
        print_fields(out, &carried);
    }
    if (msg_has_terms(shape)) {
        u32 tags = (u32)load(bytes + SLOT_BYTES + offsetof(struct order_terms, tags), 4);
        for (u32 i = 0; i < MSG_TERMS_FIELDS; i++)
            if (msg_terms_fields[i].tags == 0 || (msg_terms_fields[i].tags & tags) != 0)
                print_field(out, bytes, &msg_terms_fields[i]);
    }
    fputc('\n', out);
}
