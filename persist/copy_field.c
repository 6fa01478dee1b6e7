/*
 * copy_field.c - see copy_field.h.
 *
 * A field is a 32-bit length (-1: NULL) and its bytes, all big-endian. Prices become numeric with
 * four decimals: numeric's digits are base 10,000, so that a price in 1/10,000 is its integer part
 * in one or two digits and its fraction in one - no division of decimals.
 *
 * Texts come from clients. PostgreSQL refuses a COPY for one byte that is not text, and the same
 * batch would fail for ever, so what is not printable ASCII is written as '?'; the journal keeps
 * the original.
 */
#include "persist/copy_field.h"

#include <endian.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "persist/export_names.h"

#define PG_EPOCH_US   946684800000000ull /* 2000-01-01 UTC */
#define PG_EPOCH_DAYS 10957              /* days from 1970 to 2000 */
#define JSON_BYTES    512u

void copy_bytes(struct copy_buffer *b, const void *bytes, u32 n)
{
    ASSERT_LE(n, b->room - b->used);
    memcpy(b->bytes + b->used, bytes, n);
    b->used += n;
}

void copy_u16(struct copy_buffer *b, u16 x)
{
    u16 be = htobe16(x);
    copy_bytes(b, &be, sizeof be);
}

static void put_u32(struct copy_buffer *b, u32 x)
{
    u32 be = htobe32(x);
    copy_bytes(b, &be, sizeof be);
}

static void field_begin(struct copy_row *r, u32 length)
{
    ASSERT_GT(r->fields_left, 0);
    r->fields_left--;
    put_u32(r->to, length);
}

void copy_null(struct copy_row *r)
{
    field_begin(r, UINT32_MAX);
}

void copy_i16(struct copy_row *r, u32 x)
{
    field_begin(r, 2);
    copy_u16(r->to, (u16)x);
}

void copy_i32(struct copy_row *r, u32 x)
{
    field_begin(r, 4);
    put_u32(r->to, x);
}

void copy_i64(struct copy_row *r, u64 x)
{
    u64 be = htobe64(x);
    field_begin(r, 8);
    copy_bytes(r->to, &be, sizeof be);
}

void copy_bool(struct copy_row *r, bool x)
{
    u8 byte = x;
    field_begin(r, 1);
    copy_bytes(r->to, &byte, 1);
}

static u8 printable(u8 c)
{
    return c >= 0x20 && c <= 0x7E ? c : '?';
}

void copy_char(struct copy_row *r, u8 c)
{
    u8 clean = printable(c);

    if (c == 0) {
        copy_null(r);
        return;
    }
    field_begin(r, 1);
    copy_bytes(r->to, &clean, 1);
}

void copy_text(struct copy_row *r, const char *text, u32 bytes)
{
    u8 clean[32];

    ASSERT_LE(bytes, sizeof clean);
    while (bytes > 0 && (text[bytes - 1] == ' ' || text[bytes - 1] == '\0'))
        bytes--;
    if (bytes == 0) {
        copy_null(r);
        return;
    }
    for (u32 i = 0; i < bytes; i++)
        clean[i] = printable((u8)text[i]);
    field_begin(r, bytes);
    copy_bytes(r->to, clean, bytes);
}

/*
 * numeric: count of digits, weight of the first (powers of 10,000), sign, decimals shown, digits.
 */
void copy_price(struct copy_row *r, u32 price)
{
    u32 whole = price / 10000;
    u32 digits = whole >= 10000 ? 3 : 2;

    field_begin(r, 8 + 2 * digits);
    copy_u16(r->to, (u16)digits);
    copy_u16(r->to, (u16)(digits - 2));
    copy_u16(r->to, 0);
    copy_u16(r->to, 4);
    if (digits == 3)
        copy_u16(r->to, (u16)(whole / 10000));
    copy_u16(r->to, (u16)(whole % 10000));
    copy_u16(r->to, (u16)(price % 10000));
}

/* Days since 2000-01-01 of a date of the Gregorian calendar (years begin in March: H. Hinnant). */
static i32 days_of(u32 yyyymmdd)
{
    u32 d = yyyymmdd % 100, m = yyyymmdd / 100 % 100, y = yyyymmdd / 10000 - (m <= 2);
    u32 era = y / 400, year = y % 400;
    u32 day = (153 * (m > 2 ? m - 3 : m + 9) + 2) / 5 + d - 1;

    return (i32)(era * 146097 + year * 365 + year / 4 - year / 100 + day) - 719468 - PG_EPOCH_DAYS;
}

void copy_date(struct copy_row *r, u32 yyyymmdd)
{
    if (yyyymmdd == 0)
        copy_null(r);
    else
        copy_i32(r, (u32)days_of(yyyymmdd));
}

void copy_inet(struct copy_row *r, u32 ipv4)
{
    static const u8 head[4] = {2, 32, 0, 4};

    if (ipv4 == 0) {
        copy_null(r);
        return;
    }
    field_begin(r, 8);
    copy_bytes(r->to, head, sizeof head);
    copy_bytes(r->to, &ipv4, sizeof ipv4);
}

/* Appends ,"name":value to the JSON being made at `at`. */
static u32 __attribute__((format(printf, 3, 4)))
json_add(char *json, u32 at, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    int n = vsnprintf(json + at, JSON_BYTES - at, format, args);
    va_end(args);
    ASSERT(n > 0 && at + (u32)n < JSON_BYTES);
    return at + (u32)n;
}

static u32 json_char(char *json, u32 at, const char *name, u8 c)
{
    c = printable(c);
    return json_add(json, at, c == '"' || c == '\\' ? ",\"%s\":\"\\%c\"" : ",\"%s\":\"%c\"", name,
                    c);
}

/* Letters of a client in JSON: quotes and backslashes become '?' too. */
static u32 json_text(char *json, u32 at, const char *name, const char *text, u32 bytes)
{
    char clean[8];

    ASSERT_LT(bytes, sizeof clean);
    for (u32 i = 0; i < bytes; i++) {
        clean[i] = (char)printable((u8)text[i]);
        if (clean[i] == '"' || clean[i] == '\\')
            clean[i] = '?';
    }
    bytes = export_names_trim(clean, bytes);
    return json_add(json, at, ",\"%s\":\"%.*s\"", name, (int)bytes, clean);
}

static const struct {
    const char *name;
    u8 tag;
    u8 offset;
    u8 kind; /* bytes of a number, 'c' a character, 't' text of 4, 'a' text of 2 */
} options[] = {
    {"min_qty", 3, offsetof(struct order_terms, min_qty), 4},
    {"customer_type", 4, offsetof(struct order_terms, customer_type), 'c'},
    {"max_floor", 5, offsetof(struct order_terms, max_floor), 4},
    {"price_type", 6, offsetof(struct order_terms, price_type), 'c'},
    {"peg_offset", 7, offsetof(struct order_terms, peg_offset), 4},
    {"discretion_price", 9, offsetof(struct order_terms, discretion_price), 4},
    {"discretion_price_type", 10, offsetof(struct order_terms, discretion_price_type), 'c'},
    {"discretion_peg_offset", 11, offsetof(struct order_terms, discretion_peg_offset), 4},
    {"random_reserves", 13, offsetof(struct order_terms, random_reserves), 4},
    {"expire_s", 15, offsetof(struct order_terms, expire_s), 4},
    {"handle_inst", 17, offsetof(struct order_terms, handle_inst), 'c'},
    {"group_id", 24, offsetof(struct order_terms, group_id), 2},
    {"locate_broker", 26, offsetof(struct order_terms, locate_broker), 't'},
    {"aiq_strategy", 29, offsetof(struct order_terms, aiq_strategy), 'c'},
    {"aiq_group", 30, offsetof(struct order_terms, aiq_group), 'a'},
};

void copy_json(struct copy_row *r, const char *json)
{
    static const u8 version = 1;
    u32 n = (u32)strlen(json);

    field_begin(r, 1 + n);
    copy_bytes(r->to, &version, 1);
    copy_bytes(r->to, json, n);
}

void copy_bytea(struct copy_row *r, const void *bytes, u32 n)
{
    field_begin(r, n);
    copy_bytes(r->to, bytes, n);
    r->bytea += n;
}

void copy_options(struct copy_row *r, const struct order_terms *t)
{
    char json[JSON_BYTES];
    u32 at = 0;

    for (u32 i = 0; i < ARRAY_LEN(options); i++) {
        const char *value = (const char *)t + options[i].offset;
        i32 wide;
        u16 narrow;
        if (!(t->tags & TAG_BIT(options[i].tag)))
            continue;
        memcpy(&wide, value, options[i].kind == 4 ? 4 : 0);
        memcpy(&narrow, value, options[i].kind == 2 ? 2 : 0);
        if (options[i].kind == 4)
            at = json_add(json, at, ",\"%s\":%d", options[i].name, wide);
        else if (options[i].kind == 2)
            at = json_add(json, at, ",\"%s\":%u", options[i].name, narrow);
        else if (options[i].kind == 'c')
            at = json_char(json, at, options[i].name, (u8)*value);
        else
            at = json_text(json, at, options[i].name, value, options[i].kind == 't' ? 4 : 2);
    }
    if (t->tags & TAG_BIT(12))
        at = json_add(json, at, ",\"post_only\":%s", t->yes & YES_POST_ONLY ? "true" : "false");
    if (t->tags & TAG_BIT(16))
        at = json_add(json, at, ",\"trade_now\":%s", t->yes & YES_TRADE_NOW ? "true" : "false");
    if (t->tags & TAG_BIT(25))
        at = json_add(json, at, ",\"shares_located\":%s",
                      t->yes & YES_SHARES_LOCATED ? "true" : "false");
    if (at == 0) {
        copy_null(r);
        return;
    }
    json[0] = '{'; /* in place of the first comma */
    json_add(json, at, "}");
    copy_json(r, json);
}

void copy_time(struct copy_row *r, u64 time_ns)
{
    copy_i64(r, time_ns / 1000 - PG_EPOCH_US);
    copy_i16(r, (u32)(time_ns % 1000));
}

void copy_timestamp(struct copy_row *r, u64 time_ns)
{
    if (time_ns == 0)
        copy_null(r);
    else
        copy_i64(r, time_ns / 1000 - PG_EPOCH_US);
}

struct copy_row copy_row_begin(struct copy_buffer *to, u16 fields)
{
    struct copy_row r = {.to = to, .fields_left = fields, .begin = to->used};

    copy_u16(to, fields);
    to->rows++;
    return r;
}

void copy_row_end(const struct copy_row *r)
{
    ASSERT_EQ(r->fields_left, 0);
    ASSERT_LE(r->to->used - r->begin - r->bytea, COPY_ROW_BYTES_MAX);
}
