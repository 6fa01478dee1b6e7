/*
 * dump_value.c - see dump.h: bytes of a message to text. Cold; pure but for the file at the end.
 *
 * Failure modes: a write that fails is kept in `error`, once; what comes later is dropped.
 */
#include <errno.h>
#include <string.h>

#include "engine/msg/msg.h"
#include "persist/dump.h"

void dump_flush(struct dump_out *o)
{
    if (!o->error && o->used > 0 && fwrite(o->buf, 1, o->used, o->file) != o->used)
        o->error = errno ? errno : EIO;
    if (!o->error && fflush(o->file) != 0)
        o->error = errno ? errno : EIO;
    o->used = 0;
}

void dump_put(struct dump_out *o, const char *bytes, u32 n)
{
    ASSERT_LE(n, sizeof o->buf);
    if (o->used + n > sizeof o->buf)
        dump_flush(o);
    memcpy(&o->buf[o->used], bytes, n);
    o->used += n;
}

void dump_put_text(struct dump_out *o, const char *text)
{
    dump_put(o, text, (u32)strlen(text));
}

void dump_put_number(struct dump_out *o, u64 v)
{
    char digits[20];
    u32 at = sizeof digits;

    do
        digits[--at] = (char)('0' + v % 10);
    while ((v /= 10) > 0);
    dump_put(o, &digits[at], (u32)sizeof digits - at);
}

/* ---- text ---- */

/* Bytes of the UTF-8 character at `p`, of which `n` may be read; 0: it is none. */
static u32 utf8_bytes(const u8 *p, u32 n)
{
    static const u32 least[] = {0, 0, 0x80, 0x800, 0x10000};
    u32 bytes = p[0] < 0x80       ? 1
                : p[0] >> 5 == 6  ? 2
                : p[0] >> 4 == 14 ? 3
                : p[0] >> 3 == 30 ? 4
                                  : 0;
    u32 c = bytes == 1 ? p[0] : p[0] & (0x7Fu >> bytes);

    if (bytes == 0 || bytes > n)
        return 0;
    for (u32 i = 1; i < bytes; i++) {
        if (p[i] >> 6 != 2)
            return 0;
        c = c << 6 | (p[i] & 0x3Fu);
    }
    return c < least[bytes] || c > 0x10FFFF || (c >= 0xD800 && c < 0xE000) ? 0 : bytes;
}

static void put_escaped(struct dump_out *o, enum dump_format how, u8 c)
{
    char text[8];

    snprintf(text, sizeof text, how == DUMP_JSON ? "\\\\x%02x" : "\\x%02x", c);
    dump_put_text(o, text);
}

/* One character of UTF-8, or one byte that is none. Returns the bytes that it took. */
static u32 put_char(struct dump_out *o, enum dump_format how, const u8 *p, u32 n)
{
    u32 bytes = utf8_bytes(p, n);

    if (bytes == 0 || p[0] < ' ' || p[0] == 0x7F || p[0] == '\\') {
        put_escaped(o, how, p[0]);
        return 1;
    }
    if (p[0] == '"')
        dump_put_text(o, how == DUMP_JSON ? "\\\"" : "\"\"");
    else
        dump_put(o, (const char *)p, bytes);
    return bytes;
}

void dump_put_padded(struct dump_out *o, enum dump_format how, const char *text, u32 n)
{
    while (n > 0 && (text[n - 1] == ' ' || text[n - 1] == 0))
        n--;
    bool quoted = how == DUMP_JSON || memchr(text, '"', n) || memchr(text, ',', n);
    if (quoted)
        dump_put(o, "\"", 1);
    for (u32 at = 0; at < n;)
        at += put_char(o, how, (const u8 *)text + at, n - at);
    if (quoted)
        dump_put(o, "\"", 1);
}

/* ---- fields ---- */

static u64 load(const u8 *p, u32 bytes)
{
    u64 v = 0;

    memcpy(&v, p, bytes);
    return v;
}

/* What is text without anything in it that would have to be escaped. */
static void put_plain(struct dump_out *o, enum dump_format how, const char *text)
{
    const char *quote = how == DUMP_JSON ? "\"" : "";

    dump_put_text(o, quote);
    dump_put_text(o, text);
    dump_put_text(o, quote);
}

static void put_price(struct dump_out *o, enum dump_format how, u32 price)
{
    char text[24] = "market";

    if (price != PRICE_MARKET)
        snprintf(text, sizeof text, "%u.%04u", price / 10000, price % 10000);
    put_plain(o, how, text);
}

static void put_int(struct dump_out *o, i32 v)
{
    if (v < 0)
        dump_put(o, "-", 1);
    dump_put_number(o, v < 0 ? (u64)(-(i64)v) : (u64)v);
}

void dump_put_field(struct dump_out *o, enum dump_format how, const u8 *m, const struct field *f)
{
    const u8 *p = m + f->at;
    u64 v = f->bytes <= sizeof v ? load(p, f->bytes) : 0;
    char text[32];

    switch ((enum field_kind)f->kind) {
    case NUM:
        dump_put_number(o, v);
        break;
    case INT:
        put_int(o, (i32)v);
        break;
    case HEX:
        snprintf(text, sizeof text, "0x%llx", (unsigned long long)v);
        put_plain(o, how, text);
        break;
    case ID:
        snprintf(text, sizeof text, "%016llx", (unsigned long long)v);
        put_plain(o, how, text);
        break;
    case PRICE:
        put_price(o, how, (u32)v);
        break;
    case CHAR:
        if (v != 0)
            dump_put_padded(o, how, (const char *)p, 1);
        else
            dump_put_text(o, how == DUMP_JSON ? "null" : "");
        break;
    case TEXT:
        dump_put_padded(o, how, (const char *)p, f->bytes);
        break;
    case IPV4:
        snprintf(text, sizeof text, "%u.%u.%u.%u", p[0], p[1], p[2], p[3]);
        put_plain(o, how, text);
        break;
    }
}
