/*
 * fill_codec.c - see fill_codec.h. The only file that knows msgpack-c. No thread of its own.
 *
 * One table says what each key is, where it lies in struct fill and what may go into it; encoder
 * and decoder both walk it, so they cannot disagree. Bytes to decode come from outside: every
 * length and kind is checked before the library sees them, nothing is asserted about them.
 */
#include "persist/fill_codec.h"

#include <string.h>

#include <msgpack.h>

#include "engine/base/assert.h"

enum field_kind {
    FIELD_U64,
    FIELD_U32,
    FIELD_TEXT, /* NUL-terminated in the struct */
    FIELD_CHAR, /* a text of one character */
    FIELD_BOOL,
};

struct field {
    char key;
    u8 kind;
    bool in_brief; /* in a trade; in a top without a cross */
    bool required;
    u16 offset;
    u16 bytes;
};

#define AT(type, name) \
    .offset = offsetof(struct type, name), .bytes = sizeof(((struct type *)0)->name)
#define FIELD(k, what, name, trade, must)                                                   \
    {                                                                                       \
        .key = k, .kind = FIELD_##what, .in_brief = trade, .required = must, AT(fill, name) \
    }
#define TOP(k, what, name, always, must)                                                         \
    {                                                                                            \
        .key = k, .kind = FIELD_##what, .in_brief = always, .required = must, AT(top_news, name) \
    }

/* In the order of the wire. Add at the end only; never take a key of the past. */
static const struct field fill_fields[] = {
    FIELD('v', U32, version, true, true),       FIELD('s', U64, seq, true, true),
    FIELD('n', U32, idx, true, true),           FIELD('h', U32, shard, true, false),
    FIELD('d', U32, day, true, false),          FIELD('t', U64, time_ns, true, true),
    FIELD('m', U64, match, true, false),        FIELD('y', TEXT, symbol, true, true),
    FIELD('q', U32, qty, true, true),           FIELD('p', U32, price, true, true),
    FIELD('b', CHAR, side, true, false),        FIELD('g', BOOL, taker, true, false),
    FIELD('a', U32, account, false, false),     FIELD('u', TEXT, user, false, false),
    FIELD('f', TEXT, firm, false, false),       FIELD('o', U64, order_ref, false, false),
    FIELD('r', U32, user_ref, false, false),    FIELD('x', U32, user_ref_idx, false, false),
    FIELD('k', U64, session_seq, false, false), FIELD('l', CHAR, liquidity, false, false),
};
_Static_assert(ARRAY_LEN(fill_fields) <= 32, "a bit for each in a u32");

static const struct field top_fields[] = {
    TOP('v', U32, version, true, true),       TOP('s', U64, seq, true, true),
    TOP('h', U32, shard, true, false),        TOP('t', U64, time_ns, true, false),
    TOP('y', TEXT, symbol, true, true),       TOP('i', U32, bid_price, true, true),
    TOP('j', U64, bid_qty, true, true),       TOP('w', U32, ask_price, true, true),
    TOP('z', U64, ask_qty, true, true),       TOP('e', CHAR, phase, true, false),
    TOP('c', CHAR, cross, false, false),      TOP('p', U32, cross_price, false, false),
    TOP('q', U64, paired, false, false),      TOP('r', U64, imbalance, false, false),
    TOP('b', CHAR, cross_side, false, false), TOP('k', U64, indicated_ns, false, false),
};

/* What a map is made of; `fields[0]` is the version, at the beginning of the struct. */
struct schema {
    const struct field *fields;
    u32 used;
    u32 struct_bytes;
};

static const struct schema fill_schema = {fill_fields, ARRAY_LEN(fill_fields), sizeof(struct fill)};
static const struct schema top_schema = {top_fields, ARRAY_LEN(top_fields),
                                         sizeof(struct top_news)};

/* ---- encoding ---- */

struct out_bytes {
    u8 *bytes;
    u32 used;
};

static int write_bytes(void *to, const char *from, size_t n)
{
    struct out_bytes *out = to;

    ASSERT_LE(out->used + n, FILL_BYTES_MAX);
    memcpy(out->bytes + out->used, from, n);
    out->used += (u32)n;
    return 0;
}

static void pack_text(msgpack_packer *pk, const char *text, size_t n)
{
    msgpack_pack_str(pk, n);
    msgpack_pack_str_body(pk, text, n);
}

static void pack_field(msgpack_packer *pk, const struct field *field, const void *from)
{
    const char *at = (const char *)from + field->offset;
    u64 wide;
    u32 narrow;

    pack_text(pk, &field->key, 1);
    switch ((enum field_kind)field->kind) {
    case FIELD_U64:
        memcpy(&wide, at, sizeof wide);
        msgpack_pack_uint64(pk, wide);
        break;
    case FIELD_U32:
        memcpy(&narrow, at, sizeof narrow);
        msgpack_pack_uint32(pk, narrow);
        break;
    case FIELD_TEXT:
        ASSERT(memchr(at, '\0', field->bytes) != NULL);
        pack_text(pk, at, strlen(at));
        break;
    case FIELD_CHAR:
        pack_text(pk, at, *at != '\0');
        break;
    case FIELD_BOOL:
        if (*(const bool *)(const void *)at)
            msgpack_pack_true(pk);
        else
            msgpack_pack_false(pk);
        break;
    }
}

static u32 encode(const struct schema *schema, const void *from, bool brief, u8 *out)
{
    struct out_bytes to = {.bytes = out};
    msgpack_packer pk;
    u32 count = 0;

    for (u32 i = 0; i < schema->used; i++)
        count += !brief || schema->fields[i].in_brief;
    msgpack_packer_init(&pk, &to, write_bytes);
    msgpack_pack_map(&pk, count);
    for (u32 i = 0; i < schema->used; i++)
        if (!brief || schema->fields[i].in_brief)
            pack_field(&pk, &schema->fields[i], from);
    return to.used;
}

static u32 encode_fill(const struct fill *f, bool trade, u8 *out)
{
    struct fill versioned = *f;

    if (versioned.version == 0)
        versioned.version = FILL_VERSION;
    return encode(&fill_schema, &versioned, trade, out);
}

u32 fill_encode(const struct fill *f, u8 *out)
{
    return encode_fill(f, false, out);
}

u32 fill_encode_trade(const struct fill *f, u8 *out)
{
    return encode_fill(f, true, out);
}

u32 top_encode(const struct top_news *top, u8 *out)
{
    struct top_news versioned = *top;

    if (versioned.version == 0)
        versioned.version = TOP_VERSION;
    u32 n = encode(&top_schema, &versioned, top->cross == 0, out);
    ASSERT_LE(n, TOP_BYTES_MAX);
    return n;
}

/* ---- decoding ---- */

/* Takes one value over; false when it is of another kind or does not fit. */
static bool take_value(const struct field *field, const msgpack_object *v, void *out)
{
    char *at = (char *)out + field->offset;
    bool number = field->kind == FIELD_U64 || field->kind == FIELD_U32;
    u32 narrow;

    if (number && v->type != MSGPACK_OBJECT_POSITIVE_INTEGER)
        return false;
    if ((field->kind == FIELD_TEXT || field->kind == FIELD_CHAR) && v->type != MSGPACK_OBJECT_STR)
        return false;
    if (field->kind == FIELD_BOOL && v->type != MSGPACK_OBJECT_BOOLEAN)
        return false;
    switch ((enum field_kind)field->kind) {
    case FIELD_U64:
        memcpy(at, &v->via.u64, sizeof v->via.u64);
        return true;
    case FIELD_U32:
        narrow = (u32)v->via.u64;
        memcpy(at, &narrow, sizeof narrow);
        return v->via.u64 <= UINT32_MAX;
    case FIELD_TEXT:
        if (v->via.str.size >= field->bytes || memchr(v->via.str.ptr, '\0', v->via.str.size))
            return false;
        memcpy(at, v->via.str.ptr, v->via.str.size);
        at[v->via.str.size] = '\0';
        return true;
    case FIELD_CHAR:
        *at = v->via.str.size == 1 ? v->via.str.ptr[0] : '\0';
        return v->via.str.size <= 1;
    case FIELD_BOOL:
        *(bool *)(void *)at = v->via.boolean;
        return true;
    }
    return false;
}

static const char *decode_map(const struct schema *schema, const msgpack_object *map, void *out)
{
    u32 seen = 0;

    if (map->type != MSGPACK_OBJECT_MAP)
        return "not a map";
    for (u32 e = 0; e < map->via.map.size; e++) {
        const msgpack_object *key = &map->via.map.ptr[e].key;
        if (key->type != MSGPACK_OBJECT_STR)
            return "a key that is not a text";
        for (u32 i = 0; i < schema->used && key->via.str.size == 1; i++) {
            if (schema->fields[i].key != key->via.str.ptr[0])
                continue;
            if (seen & (1u << i))
                return "a key that comes twice";
            if (!take_value(&schema->fields[i], &map->via.map.ptr[e].val, out))
                return "a value of the wrong kind or out of range";
            seen |= 1u << i;
        }
    }
    for (u32 i = 0; i < schema->used; i++)
        if (schema->fields[i].required && !(seen & (1u << i)))
            return "a required key is missing";
    return NULL;
}

/* A big-endian number of `n` bytes. */
static u64 number_at(const u8 *p, u32 n)
{
    u64 x = 0;
    for (u32 i = 0; i < n; i++)
        x = x << 8 | p[i];
    return x;
}

/* What follows the first byte of an object: bytes of a length, fixed bytes, objects. */
struct shape {
    u8 length_bytes; /* a big-endian count ... */
    u8 each;         /* ... of objects, this many a count; 0: of bytes */
    u64 bytes;
    u64 objects;
};

static struct shape shape_of(u8 c)
{
    static const u8 fixed[] = {4, 8, 1, 2, 4, 8, 1, 2, 4, 8, 2, 3, 5, 9, 17}; /* from 0xca on */

    if ((c & 0xF0) == 0x80)
        return (struct shape){.objects = 2u * (c & 0x0F)};
    if ((c & 0xF0) == 0x90)
        return (struct shape){.objects = c & 0x0F};
    if ((c & 0xE0) == 0xA0)
        return (struct shape){.bytes = c & 0x1F};
    if (c >= 0xC4 && c <= 0xC6)
        return (struct shape){.length_bytes = (u8)(1u << (c - 0xC4))};
    if (c >= 0xC7 && c <= 0xC9)
        return (struct shape){.length_bytes = (u8)(1u << (c - 0xC7)), .bytes = 1};
    if (c >= 0xCA && c <= 0xD8)
        return (struct shape){.bytes = fixed[c - 0xCA]};
    if (c >= 0xD9 && c <= 0xDB)
        return (struct shape){.length_bytes = (u8)(1u << (c - 0xD9))};
    if (c >= 0xDC && c <= 0xDF)
        return (struct shape){.length_bytes = c & 1 ? 4 : 2, .each = c >= 0xDE ? 2 : 1};
    return (struct shape){0};
}

/*
 * Walks over one object without believing it: true when it ends within `n`. The library takes
 * memory for as many elements as a few hostile bytes claim; an element has at least a byte, so here
 * no claim beyond what is there gets past.
 */
static bool is_whole(const u8 *bytes, u64 n)
{
    u64 at = 0, pending = 1;

    while (pending > 0) {
        if (at == n)
            return false;
        struct shape s = shape_of(bytes[at++]);
        if (s.length_bytes > n - at)
            return false;
        u64 length = number_at(bytes + at, s.length_bytes);
        at += s.length_bytes;
        s.bytes += s.each == 0 ? length : 0;
        s.objects += s.each * length;
        if (s.bytes > n - at || s.objects > n - at)
            return false;
        at += s.bytes;
        pending += s.objects - 1;
    }
    return true;
}

static const char *decode(const struct schema *schema, const u8 *bytes, u32 n, void *out)
{
    msgpack_unpacked u;
    size_t offset = 0;
    const char *wrong = "not msgpack, or cut short";

    memset(out, 0, schema->struct_bytes);
    if (!is_whole(bytes, n))
        return wrong;
    msgpack_unpacked_init(&u);
    if (msgpack_unpack_next(&u, (const char *)bytes, n, &offset) == MSGPACK_UNPACK_SUCCESS)
        wrong = offset == n ? decode_map(schema, &u.data, out) : "more bytes than one map";
    msgpack_unpacked_destroy(&u);
    return wrong;
}

const char *fill_decode(const u8 *bytes, u32 n, struct fill *out)
{
    return decode(&fill_schema, bytes, n, out);
}

const char *top_decode(const u8 *bytes, u32 n, struct top_news *out)
{
    return decode(&top_schema, bytes, n, out);
}
