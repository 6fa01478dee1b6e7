/*
 * wb_text.c - OUCH messages as people and scripts read them.
 *
 * Enters: decoded messages and letters of the protocol. Leaves: text in the caller's buffers,
 * always ended by NUL and cut where it would not fit. Pure; cold code. An unknown letter has a text
 * too, so that a newer server can still be read.
 */
#include "gateway/client/wb_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct word {
    u32 key;
    const char *text;
};

static const struct word types[] = {
    {'S', "system"},      {'A', "accepted"},       {'U', "replaced"},        {'C', "cancelled"},
    {'E', "executed"},    {'J', "rejected"},       {'Q', "query"},           {'M', "modified"},
    {'X', "mass cancel"}, {'G', "disabled"},       {'K', "enabled"},         {'D', "aiq cancelled"},
    {'B', "broken"},      {'P', "cancel pending"}, {'I', "cancel rejected"}, {'T', "priority"},
    {'R', "restated"},
};

static const struct word rejects[] = {
    {0x01, "quote unavailable"},
    {0x02, "destination closed"},
    {0x03, "invalid display"},
    {0x04, "invalid max floor"},
    {0x05, "invalid peg type"},
    {0x06, "fat finger"},
    {0x07, "halted"},
    {0x08, "ISO not allowed"},
    {0x09, "invalid side"},
    {0x0A, "processing error"},
    {0x0B, "cancel pending"},
    {0x0C, "firm not authorized"},
    {0x0D, "invalid minimum quantity"},
    {0x0E, "no closing reference price"},
    {0x0F, "other"},
    {0x10, "cancel not allowed"},
    {0x11, "pegging not allowed"},
    {0x12, "crossed market"},
    {0x13, "invalid quantity"},
    {0x14, "invalid cross order"},
    {0x15, "replace not allowed"},
    {0x16, "routing not allowed"},
    {0x17, "invalid symbol"},
    {0x18, "test"},
    {0x19, "late limit-on-close too aggressive"},
    {0x1A, "retail not allowed"},
    {0x1B, "invalid midpoint post-only price"},
    {0x1C, "invalid destination"},
    {0x1D, "invalid price"},
    {0x1E, "shares exceed threshold"},
    {0x1F, "exceeds maximum notional"},
    {0x20, "risk: aggregate exposure"},
    {0x21, "risk: market impact"},
    {0x22, "risk: restricted stock"},
    {0x23, "risk: short sell restricted"},
    {0x24, "risk: ISO not allowed"},
    {0x25, "risk: exceeds ADV limit"},
    {0x26, "risk: fat finger"},
    {0x27, "risk: locate required"},
    {0x28, "risk: symbol message rate"},
    {0x29, "risk: port message rate"},
    {0x2A, "risk: duplicate message rate"},
    {0x2B, "risk: short sell not allowed"},
    {0x2C, "risk: market order not allowed"},
    {0x2D, "risk: pre-market not allowed"},
    {0x2E, "risk: post-market not allowed"},
    {0x2F, "risk: short sell exempt not allowed"},
    {0x30, "risk: single order notional"},
    {0x31, "risk: max quantity"},
    {0x32, "Reg SHO state not available"},
    {0x33, "risk: IPO market buy not allowed"},
    {0x40, "invalid AIQ"},
};

static const struct word cancels[] = {
    {'D', "regulatory restriction"},
    {'E', "closed"},
    {'F', "post-only, would be slid"},
    {'G', "post-only, contra on the book"},
    {'H', "halted"},
    {'I', "immediate or cancel"},
    {'K', "market collar"},
    {'Q', "self-match prevention"},
    {'S', "supervisory"},
    {'T', "time in force expired"},
    {'U', "user request"},
    {'X', "opening price protection"},
    {'Z', "system"},
    {'e', "direct-listing quantity exceeded"},
};

static const struct word liquidities[] = {
    {'A', "added"},
    {'R', "removed"},
    {'O', "opening cross"},
    {'C', "closing cross"},
    {'H', "halt cross"},
    {'J', "non-displayed added"},
    {'u', "added via reserve"},
    {'k', "midpoint added"},
    {'m', "midpoint removed"},
};

static const struct word sides[] = {
    {'B', "buy"},
    {'S', "sell"},
    {'T', "short"},
    {'E', "short exempt"},
};

static const struct word tifs[] = {
    {'0', "day"}, {'3', "ioc"}, {'5', "gtx"}, {'6', "gtt"}, {'E', "after hours"},
};

static const struct word login_rejects[] = {
    {'A', "not authorized: wrong user or password"},
    {'S', "no such session, or it does not have that sequence number"},
};

static const char *find(const struct word *words, u32 n, u32 key, const char *otherwise)
{
    for (u32 i = 0; i < n; i++)
        if (words[i].key == key)
            return words[i].text;
    return otherwise;
}

#define FIND(words, key, otherwise) find(words, ARRAY_LEN(words), (u8)(key), otherwise)

const char *wb_type_name(u8 type)
{
    return FIND(types, type, "unknown");
}

u8 wb_type_of(const char *name)
{
    for (u32 i = 0; i < ARRAY_LEN(types); i++)
        if (strcmp(types[i].text, name) == 0)
            return (u8)types[i].key;
    return 0;
}

const char *wb_reject_text(u16 reason)
{
    return find(rejects, ARRAY_LEN(rejects), reason, "unknown reason");
}

const char *wb_cancel_text(char reason)
{
    return FIND(cancels, reason, "unknown reason");
}

const char *wb_liquidity_text(char flag)
{
    return FIND(liquidities, flag, "other liquidity");
}

const char *wb_side_text(char side)
{
    return FIND(sides, side, "unknown side");
}

const char *wb_tif_text(char tif)
{
    return FIND(tifs, tif, "other time in force");
}

const char *wb_login_reject_text(char reason)
{
    return FIND(login_rejects, reason, "unknown reason");
}

/* ---- prices and bytes ---- */

bool wb_parse_price(const char *text, u64 *price)
{
    u64 value = 0;
    u32 digits = 0;
    u32 decimals = 0;
    bool point = false;
    if (strcmp(text, "market") == 0) {
        *price = WB_PRICE_MARKET;
        return true;
    }
    for (; *text != 0; text++) {
        if (*text == '.' && !point) {
            point = true;
            continue;
        }
        if (*text < '0' || *text > '9' || digits == 15 || decimals == 4)
            return false;
        value = value * 10 + (u64)(*text - '0');
        digits++;
        decimals += point;
    }
    for (; decimals < 4; decimals++)
        value *= 10;
    *price = value;
    return digits > 0;
}

const char *wb_price_text(char out[WB_PRICE_TEXT], u64 price)
{
    if (price == WB_PRICE_MARKET)
        snprintf(out, WB_PRICE_TEXT, "market");
    else
        snprintf(out, WB_PRICE_TEXT, "%llu.%04llu", (unsigned long long)(price / WB_PRICE_ONE),
                 (unsigned long long)(price % WB_PRICE_ONE));
    return out;
}

void wb_hex(char *out, const u8 *bytes, u32 n)
{
    static const char digits[] = "0123456789abcdef";
    for (u32 i = 0; i < n; i++) {
        *out++ = digits[bytes[i] >> 4];
        *out++ = digits[bytes[i] & 15];
    }
    *out = 0;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 32;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

i32 wb_unhex(u8 *out, u32 max, const char *text)
{
    u32 n = 0;
    for (; *text != 0; text += 2) {
        int high = hex_digit(text[0]);
        int low = high < 0 ? -1 : hex_digit(text[1]);
        if (low < 0 || n == max)
            return -1;
        out[n++] = (u8)(high << 4 | low);
    }
    return (i32)n;
}

/* ---- messages ---- */

struct text {
    char *out;
    size_t used;
};

__attribute__((format(printf, 2, 3))) static void add(struct text *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(t->out + t->used, WB_LINE_BYTES - t->used, format, args);
    va_end(args);
    if (n > 0)
        t->used = min_u64(t->used + (size_t)n, WB_LINE_BYTES - 1);
}

static void add_tags(struct text *t, const struct wb_tags *tags)
{
    for (u32 tag = 1; tag <= WB_TAG_MAX; tag++)
        if (tags->present & 1u << tag)
            add(t, "  tag %u=%llu", tag, (unsigned long long)tags->value[tag]);
}

static void describe_order(struct text *t, const struct wb_msg *m)
{
    char price[WB_PRICE_TEXT];
    if (m->type == 'U')
        add(t, "ref %-6u was %-6u ", m->user_ref, m->orig_ref);
    else
        add(t, "ref %-6u ", m->user_ref);
    add(t, "%s %u %s @ %s  %s  order %llu", wb_side_text(m->side), m->qty, m->symbol,
        wb_price_text(price, m->price), wb_tif_text(m->tif), (unsigned long long)m->order_ref);
    if (m->state == 'D')
        add(t, "  dead at once");
    if (m->clordid[0] != 0)
        add(t, "  clordid %s", m->clordid);
}

static void describe_rare(struct text *t, const struct wb_msg *m)
{
    char price[WB_PRICE_TEXT];

    switch (m->type) {
    case 'D':
        add(t, "ref %-6u %u off: %s, %u @ %s prevented  strategy %c", m->user_ref, m->qty,
            wb_cancel_text(m->reason), m->prevented, wb_price_text(price, m->price), m->strategy);
        return;
    case 'B':
        add(t, "ref %-6u match %llu  reason %c", m->user_ref, (unsigned long long)m->match,
            m->reason);
        return;
    case 'T':
        add(t, "ref %-6u @ %s  order %llu", m->user_ref, wb_price_text(price, m->price),
            (unsigned long long)m->order_ref);
        return;
    case 'R':
        add(t, "ref %-6u reason %c", m->user_ref, m->reason);
        return;
    case 'P':
    case 'I':
        add(t, "ref %-6u too late for the cross", m->user_ref);
        return;
    default:
        add(t, "next ref %u", m->user_ref);
        return;
    }
}

void wb_describe(char out[WB_LINE_BYTES], const struct wb_msg *m)
{
    struct text t = {out, 0};
    char price[WB_PRICE_TEXT];
    out[0] = 0;
    if (!m->known) {
        add(&t, "type %c, %u bytes", m->type, m->raw_bytes);
        return;
    }
    switch (m->type) {
    case 'S':
        add(&t, "%s", m->event == 'S' ? "start of day" : m->event == 'E' ? "end of day" : "?");
        break;
    case 'A':
    case 'U':
        describe_order(&t, m);
        break;
    case 'C':
        add(&t, "ref %-6u %u off: %s", m->user_ref, m->qty, wb_cancel_text(m->reason));
        break;
    case 'E':
        add(&t, "ref %-6u %u @ %s  %s  match %llu", m->user_ref, m->qty,
            wb_price_text(price, m->price), wb_liquidity_text(m->liquidity),
            (unsigned long long)m->match);
        break;
    case 'J':
        add(&t, "ref %-6u 0x%04x %s", m->user_ref, m->reject, wb_reject_text(m->reject));
        if (m->clordid[0] != 0)
            add(&t, "  clordid %s", m->clordid);
        break;
    case 'M':
        add(&t, "ref %-6u %c %u open", m->user_ref, m->side, m->qty);
        break;
    case 'X':
        add(&t, "ref %-6u firm %s symbol %s", m->user_ref, m->firm, m->symbol);
        break;
    case 'G':
    case 'K':
        add(&t, "ref %-6u firm %s", m->user_ref, m->firm);
        break;
    default:
        describe_rare(&t, m);
        break;
    }
    add_tags(&t, &m->tags);
}

/* Text of the wire in quotes; what JSON does not allow there is escaped. */
static void add_string(struct text *t, const char *name, const char *value)
{
    add(t, ",\"%s\":\"", name);
    for (; *value != 0; value++) {
        u8 c = (u8)*value;
        if (c == '"' || c == '\\')
            add(t, "\\%c", c);
        else if (c < 0x20 || c >= 0x7F)
            add(t, "\\u%04x", c);
        else
            add(t, "%c", c);
    }
    add(t, "\"");
}

static void add_letter(struct text *t, const char *name, char value)
{
    add_string(t, name, (char[2]){value, 0});
}

static void add_price(struct text *t, u64 value)
{
    char price[WB_PRICE_TEXT];
    add_string(t, "price", wb_price_text(price, value));
}

static void json_order(struct text *t, const struct wb_msg *m)
{
    if (m->type == 'U')
        add(t, ",\"orig_ref\":%u", m->orig_ref);
    add_letter(t, "side", m->side);
    add(t, ",\"qty\":%u", m->qty);
    add_string(t, "symbol", m->symbol);
    add_price(t, m->price);
    add_letter(t, "tif", m->tif);
    add_letter(t, "display", m->display);
    add(t, ",\"order_ref\":%llu", (unsigned long long)m->order_ref);
    add_letter(t, "capacity", m->capacity);
    add_letter(t, "iso", m->iso);
    add_letter(t, "cross", m->cross);
    add_letter(t, "state", m->state);
    add_string(t, "clordid", m->clordid);
}

static void json_rare(struct text *t, const struct wb_msg *m)
{
    if (m->type == 'D')
        add(t, ",\"qty\":%u,\"prevented\":%u", m->qty, m->prevented);
    if (m->type == 'D' || m->type == 'T')
        add_price(t, m->price);
    if (m->type == 'D')
        add_letter(t, "strategy", m->strategy);
    if (m->type == 'B')
        add(t, ",\"match\":%llu", (unsigned long long)m->match);
    if (m->type == 'T')
        add(t, ",\"order_ref\":%llu", (unsigned long long)m->order_ref);
    if (m->reason != 0)
        add_letter(t, "reason", m->reason);
}

static void json_fields(struct text *t, const struct wb_msg *m)
{
    switch (m->type) {
    case 'S':
        add_letter(t, "event", m->event);
        return;
    case 'A':
    case 'U':
        json_order(t, m);
        return;
    case 'C':
        add(t, ",\"qty\":%u", m->qty);
        add_letter(t, "reason", m->reason);
        add_string(t, "text", wb_cancel_text(m->reason));
        return;
    case 'E':
        add(t, ",\"qty\":%u", m->qty);
        add_price(t, m->price);
        add_letter(t, "liquidity", m->liquidity);
        add(t, ",\"match\":%llu", (unsigned long long)m->match);
        return;
    case 'J':
        add(t, ",\"reason\":%u", m->reject);
        add_string(t, "text", wb_reject_text(m->reject));
        add_string(t, "clordid", m->clordid);
        return;
    case 'M':
        add_letter(t, "side", m->side);
        add(t, ",\"qty\":%u", m->qty);
        return;
    case 'X':
        add_string(t, "symbol", m->symbol);
        add_string(t, "firm", m->firm);
        return;
    case 'G':
    case 'K':
        add_string(t, "firm", m->firm);
        return;
    default:
        json_rare(t, m);
        return;
    }
}

void wb_json(char out[WB_LINE_BYTES], const struct wb_msg *m, u64 seq)
{
    struct text t = {out, 0};
    out[0] = 0;
    add(&t, "{\"seq\":%llu,\"type\":\"%s\"", (unsigned long long)seq, wb_type_name(m->type));
    if (!m->known) {
        add_letter(&t, "letter", (char)m->type);
    } else {
        add(&t, ",\"time_ns\":%llu", (unsigned long long)m->time_ns);
        if (m->type != 'S')
            add(&t, ",\"ref\":%u", m->user_ref);
        json_fields(&t, m);
    }
    /* Messages that are decoded are short; an unknown one is cut rather than the object broken. */
    char hex[2 * 256 + 1];
    wb_hex(hex, m->raw, min_u32(m->raw_bytes, m->known ? 120 : 256));
    add(&t, ",\"raw\":\"%s\"}", hex);
}
