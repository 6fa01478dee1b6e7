/*
 * client_command.c - the language of wirebook-client.
 *
 * Enters: one line of text. Leaves: one command, or the reason why it is none. Pure; cold code.
 * A line is split into words at spaces; the first word chooses a parser out of a table; each parser
 * takes its words in order and then options in any order. What cannot be read is never guessed.
 */
#include "gateway/client/client_command.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/assert.h"
#include "gateway/client/wb_text.h"

const char command_help[] =
    "  buy|sell|short QTY SYMBOL PRICE [OPTION...]\n"
    "                                enter an order; PRICE like 150.25\n"
    "  replace REF NEWREF QTY PRICE [OPTION...]\n"
    "                                QTY: total of the chain; NEWREF: a number or auto\n"
    "  cancel REF [QTY]              take off all, or reduce to the intended total QTY\n"
    "    REF is a number or `last`, the last one used. OPTIONs: day ioc, ref N, clordid TEXT,\n"
    "    hidden, principal, iso, firm F, minqty N, tag N VALUE\n"
    "  query                         ask for the next free order number\n"
    "  raw HEX                       send these bytes as one message\n"
    "  wait N                        until N more messages have come\n"
    "  wait Nms | wait Ns            so long\n"
    "  wait until MESSAGE            until one comes that matches; the same as expect\n"
    "  expect MESSAGE                the same; others before it are passed over\n"
    "  expect next MESSAGE           the very next one must match\n"
    "  expect none [Nms]             nothing comes for so long (default 200ms)\n"
    "    MESSAGE: any|system|accepted|replaced|cancelled|executed|rejected|query, then any of:\n"
    "    ref N|last, qty N, price P, symbol S, reason R (a letter, or a code like 0x17),\n"
    "    clordid TEXT, state live|dead\n"
    "  timeout Nms                   of the waits from here on (default 5s)\n"
    "  echo TEXT                     print it\n"
    "  logout                        log out and end; also what happens after the last command\n"
    "  quit                          close the connection without a word\n"
    "  # TEXT                        a comment\n";

struct words {
    char *rest;
};

/* The next word of the line; NULL at its end. */
static char *word(struct words *w)
{
    return strtok_r(NULL, " \t\r\n", &w->rest);
}

/* A decimal, or 0x hexadecimal, number up to `max`. */
static bool number(const char *text, u64 max, u64 *value)
{
    char *end;
    if (text == NULL || !isdigit((unsigned char)text[0]))
        return false;
    *value = strtoull(text, &end, strncmp(text, "0x", 2) == 0 ? 16 : 10);
    return *end == 0 && *value <= max;
}

static bool number32(const char *text, u32 *value)
{
    u64 wide;
    bool good = number(text, UINT32_MAX, &wide);
    *value = good ? (u32)wide : 0;
    return good;
}

/* "300ms" or "2s". */
static bool duration(const char *text, u32 *ms)
{
    char *end;
    if (text == NULL || !isdigit((unsigned char)text[0]))
        return false;
    u64 value = strtoull(text, &end, 10);
    if (strcmp(end, "s") == 0)
        value *= 1000;
    else if (strcmp(end, "ms") != 0)
        return false;
    *ms = (u32)min_u64(value, 86400000);
    return value <= 86400000;
}

static bool text_into(char *out, size_t size, const char *text)
{
    if (text == NULL || strlen(text) >= size)
        return false;
    memcpy(out, text, strlen(text) + 1);
    return true;
}

/* ---- orders ---- */

/* `tag N VALUE`: VALUE is a number or as many characters as the tag has. */
static const char *option_tag(struct command *c, struct words *w)
{
    u32 tag;
    u64 value;
    if (!number32(word(w), &tag) || wb_tag_bytes(tag) == 0)
        return "tag wants the number of an OUCH 5.0 option";
    char *text = word(w);
    if (text == NULL)
        return "tag wants a value";
    if (wb_tag_bytes(tag) == 1 && tag != 28 && strlen(text) == 1) /* all but 28 are letters */
        wb_tag_set(&c->tags, tag, (u8)text[0]);
    else if (number(text, UINT64_MAX, &value))
        wb_tag_set(&c->tags, tag, value);
    else
        wb_tag_set_text(&c->tags, tag, text);
    return NULL;
}

static const char *option_minqty(struct command *c, struct words *w)
{
    u32 qty;
    if (!number32(word(w), &qty))
        return "minqty wants a number";
    wb_tag_set(&c->tags, 3, qty);
    return NULL;
}

/* The options of both Enter and Replace: what they set is set in both structs. */
static const char *option(struct command *c, const char *name, struct words *w)
{
    if (strcmp(name, "day") == 0)
        c->enter.tif = c->replace.tif = '0';
    else if (strcmp(name, "ioc") == 0)
        c->enter.tif = c->replace.tif = '3';
    else if (strcmp(name, "hidden") == 0)
        c->enter.display = c->replace.display = 'N';
    else if (strcmp(name, "principal") == 0)
        c->enter.capacity = 'P';
    else if (strcmp(name, "iso") == 0)
        c->enter.iso = c->replace.iso = 'Y';
    else if (strcmp(name, "minqty") == 0)
        return option_minqty(c, w);
    else if (strcmp(name, "tag") == 0)
        return option_tag(c, w);
    else if (strcmp(name, "clordid") == 0) {
        if (!text_into(c->enter.clordid, sizeof(c->enter.clordid), word(w)))
            return "clordid wants up to 14 characters";
        memcpy(c->replace.clordid, c->enter.clordid, sizeof(c->replace.clordid));
    } else if (strcmp(name, "firm") == 0) {
        char firm[5];
        if (!text_into(firm, sizeof(firm), word(w)))
            return "firm wants up to 4 characters";
        wb_tag_set_text(&c->tags, 2, firm);
    } else if (strcmp(name, "ref") == 0 && c->kind == COMMAND_ENTER) {
        c->ref_auto = false;
        if (!number32(word(w), &c->enter.user_ref))
            return "ref wants a number";
    } else
        return "no such option";
    return NULL;
}

static const char *options(struct command *c, struct words *w)
{
    const char *wrong = NULL;
    for (char *name = word(w); name != NULL && wrong == NULL; name = word(w))
        wrong = option(c, name, w);
    if (c->tags.present != 0)
        c->enter.tags = c->replace.tags = &c->tags;
    return wrong;
}

static const char *parse_order(struct command *c, struct words *w, char side)
{
    u32 qty;
    u64 price;
    char symbol[9];
    if (!number32(word(w), &qty))
        return "the quantity is not a number";
    if (!text_into(symbol, sizeof(symbol), word(w)))
        return "a symbol has up to 8 characters";
    char *text = word(w);
    if (text == NULL || !wb_parse_price(text, &price))
        return "the price is not one";
    wb_enter_init(&c->enter, 0, side, qty, symbol, price);
    c->kind = COMMAND_ENTER;
    c->ref_auto = true;
    return options(c, w);
}

static const char *parse_buy(struct command *c, struct words *w)
{
    return parse_order(c, w, 'B');
}

static const char *parse_sell(struct command *c, struct words *w)
{
    return parse_order(c, w, 'S');
}

static const char *parse_short(struct command *c, struct words *w)
{
    return parse_order(c, w, 'T');
}

/* A number of an order, or `last`. */
static bool reference(struct command *c, const char *text, u32 *ref)
{
    c->target_last = text != NULL && strcmp(text, "last") == 0;
    return c->target_last || number32(text, ref);
}

static const char *parse_replace(struct command *c, struct words *w)
{
    u32 orig = 0;
    u32 fresh = 0;
    u32 qty;
    u64 price;
    if (!reference(c, word(w), &orig))
        return "replace which order? a number or last";
    char *text = word(w);
    c->ref_auto = text != NULL && strcmp(text, "auto") == 0;
    if (!c->ref_auto && !number32(text, &fresh))
        return "by which new number? a number or auto";
    if (!number32(word(w), &qty))
        return "the quantity is not a number";
    text = word(w);
    if (text == NULL || !wb_parse_price(text, &price))
        return "the price is not one";
    wb_replace_init(&c->replace, orig, fresh, qty, price);
    c->kind = COMMAND_REPLACE;
    return options(c, w);
}

static const char *parse_cancel(struct command *c, struct words *w)
{
    if (!reference(c, word(w), &c->cancel_ref))
        return "cancel which order? a number or last";
    char *text = word(w);
    if (text != NULL && !number32(text, &c->cancel_qty))
        return "the quantity is not a number";
    c->kind = COMMAND_CANCEL;
    return NULL;
}

static const char *parse_query(struct command *c, struct words *w)
{
    (void)w;
    c->kind = COMMAND_QUERY;
    return NULL;
}

static const char *parse_raw(struct command *c, struct words *w)
{
    char *text = word(w);
    i32 n = text == NULL ? -1 : wb_unhex(c->raw, COMMAND_RAW_BYTES, text);
    if (n < 0)
        return "raw wants up to 256 bytes in hex";
    c->raw_bytes = (u32)n;
    c->kind = COMMAND_RAW;
    return NULL;
}

/* ---- waiting ---- */

/* The letter of a cancel or the code of a reject. */
static bool reason(struct command_match *m, const char *text)
{
    if (text == NULL)
        return false;
    if (m->type == 'C' && strlen(text) == 1) {
        m->reason = (u8)text[0];
        return true;
    }
    return m->type == 'J' && number32(text, &m->reason);
}

static const char *match_field(struct command *c, const char *name, struct words *w)
{
    struct command_match *m = &c->match;
    char *value = word(w);
    if (strcmp(name, "ref") == 0) {
        m->fields |= FIELD_REF;
        return reference(c, value, &m->ref) ? NULL : "ref wants a number or last";
    }
    if (strcmp(name, "qty") == 0) {
        m->fields |= FIELD_QTY;
        return number32(value, &m->qty) ? NULL : "qty wants a number";
    }
    if (strcmp(name, "price") == 0) {
        m->fields |= FIELD_PRICE;
        return value != NULL && wb_parse_price(value, &m->price) ? NULL : "price wants a price";
    }
    if (strcmp(name, "symbol") == 0) {
        m->fields |= FIELD_SYMBOL;
        return text_into(m->symbol, sizeof(m->symbol), value) ? NULL : "symbol wants one";
    }
    if (strcmp(name, "reason") == 0) {
        m->fields |= FIELD_REASON;
        return reason(m, value) ? NULL : "reason wants a cancel's letter or a reject's code";
    }
    if (strcmp(name, "clordid") == 0) {
        m->fields |= FIELD_CLORDID;
        return text_into(m->clordid, sizeof(m->clordid), value) ? NULL : "clordid wants a text";
    }
    if (strcmp(name, "state") == 0 && value != NULL) {
        m->fields |= FIELD_STATE;
        m->state = strcmp(value, "live") == 0 ? 'L' : strcmp(value, "dead") == 0 ? 'D' : 0;
        return m->state != 0 ? NULL : "state is live or dead";
    }
    return "no such field of a message";
}

static const char *parse_match(struct command *c, char *type, struct words *w)
{
    const char *wrong = NULL;
    if (type == NULL)
        return "which message?";
    c->match.type = wb_type_of(type);
    if (c->match.type == 0 && strcmp(type, "any") != 0)
        return "no such type of message";
    for (char *name = word(w); name != NULL && wrong == NULL; name = word(w))
        wrong = match_field(c, name, w);
    return wrong;
}

static const char *parse_expect(struct command *c, struct words *w)
{
    char *first = word(w);
    c->kind = COMMAND_EXPECT;
    if (first != NULL && strcmp(first, "next") == 0) {
        c->kind = COMMAND_EXPECT_NEXT;
        first = word(w);
    } else if (first != NULL && strcmp(first, "none") == 0) {
        c->kind = COMMAND_EXPECT_NONE;
        c->wait_ms = 200;
        first = word(w);
        return first == NULL || duration(first, &c->wait_ms) ? NULL : "for how long? like 200ms";
    }
    return parse_match(c, first, w);
}

static const char *parse_wait(struct command *c, struct words *w)
{
    char *text = word(w);
    if (text != NULL && strcmp(text, "until") == 0) {
        c->kind = COMMAND_EXPECT;
        return parse_match(c, word(w), w);
    }
    c->kind = COMMAND_WAIT_TIME;
    if (duration(text, &c->wait_ms))
        return NULL;
    c->kind = COMMAND_WAIT_COUNT;
    return number32(text, &c->count) ? NULL : "wait for what? N, Nms, Ns or until MESSAGE";
}

static const char *parse_timeout(struct command *c, struct words *w)
{
    c->kind = COMMAND_TIMEOUT;
    return duration(word(w), &c->wait_ms) ? NULL : "timeout wants a time like 500ms or 5s";
}

static const char *parse_echo(struct command *c, struct words *w)
{
    c->kind = COMMAND_ECHO;
    c->text = w->rest != NULL ? w->rest : "";
    w->rest = NULL;
    return NULL;
}

static const char *parse_logout(struct command *c, struct words *w)
{
    (void)w;
    c->kind = COMMAND_LOGOUT;
    return NULL;
}

static const char *parse_quit(struct command *c, struct words *w)
{
    (void)w;
    c->kind = COMMAND_QUIT;
    return NULL;
}

static const struct {
    const char *name;
    const char *(*parse)(struct command *c, struct words *w);
} verbs[] = {
    {"buy", parse_buy},         {"sell", parse_sell},     {"short", parse_short},
    {"replace", parse_replace}, {"cancel", parse_cancel}, {"query", parse_query},
    {"raw", parse_raw},         {"wait", parse_wait},     {"expect", parse_expect},
    {"timeout", parse_timeout}, {"echo", parse_echo},     {"logout", parse_logout},
    {"quit", parse_quit},
};

const char *command_parse(struct command *c, char *line)
{
    struct words w = {NULL};
    memset(c, 0, sizeof(*c));
    line[strcspn(line, "\r\n")] = 0;
    char *verb = strtok_r(line, " \t", &w.rest);
    if (verb == NULL || verb[0] == '#')
        return NULL;
    for (u32 i = 0; i < ARRAY_LEN(verbs); i++) {
        if (strcmp(verbs[i].name, verb) != 0)
            continue;
        const char *wrong = verbs[i].parse(c, &w);
        return wrong != NULL || c->kind == COMMAND_ECHO || word(&w) == NULL ? wrong
                                                                            : "too many words";
    }
    return "no such command";
}

bool command_matches(const struct command_match *match, const struct wb_msg *m)
{
    u32 f = match->fields;
    u32 code = m->type == 'J' ? m->reject : (u8)m->reason;
    return (match->type == 0 || match->type == m->type) &&
           ((f & FIELD_REF) == 0 || match->ref == m->user_ref) &&
           ((f & FIELD_QTY) == 0 || match->qty == m->qty) &&
           ((f & FIELD_PRICE) == 0 || match->price == m->price) &&
           ((f & FIELD_SYMBOL) == 0 || strcmp(match->symbol, m->symbol) == 0) &&
           ((f & FIELD_REASON) == 0 || match->reason == code) &&
           ((f & FIELD_CLORDID) == 0 || strcmp(match->clordid, m->clordid) == 0) &&
           ((f & FIELD_STATE) == 0 || match->state == m->state);
}
