/*
 * wb_ouch.c - OUCH 5.0 requests to bytes and answers to structs.
 *
 * Enters: structs of the caller, or the payload of one sequenced packet. Leaves: bytes, or a
 * decoded message. Pure: any thread, no state.
 *
 * The happy path of decoding: look the type up in the table of base sizes, check the length, walk
 * the appendage where the type has one, then read the fields at the offsets of the specification.
 *
 * Failure modes: the bytes come from a server, so nothing about them is asserted. A wrong length, a
 * broken appendage or an impossible side or state is told to the caller as a text; an unknown type
 * or tag is no error, because servers are allowed to learn new ones.
 */
#include "gateway/client/wb_ouch.h"

#include "engine/base/assert.h"
#include "gateway/client/wb_bytes.h"

#define TAG_BIT(tag) (1u << (tag))

/* Sizes of the option tags' values, by tag; 0: there is no such tag. */
static const u8 tag_bytes[WB_TAG_MAX + 1] = {
    [1] = 8,  [2] = 4,  [3] = 4,  [4] = 1,  [5] = 4,  [6] = 1,  [7] = 4,  [9] = 8,  [10] = 1,
    [11] = 4, [12] = 1, [13] = 4, [14] = 4, [15] = 4, [16] = 1, [17] = 1, [18] = 1, [22] = 4,
    [23] = 8, [24] = 2, [25] = 1, [26] = 4, [27] = 1, [28] = 1, [29] = 1, [30] = 2,
};

/* How a decoded outbound type ends. */
enum appendage {
    APP_NONE,     /* nothing after the base */
    APP_REQUIRED, /* always a length, perhaps 0 */
    APP_OPTIONAL, /* nothing, or a length and tags */
};

struct outbound {
    u8 type;
    u8 base; /* bytes before the appendage's length */
    u8 appendage;
};

static const struct outbound outbounds[] = {
    {'S', 10, APP_NONE},     {'A', 62, APP_REQUIRED}, {'U', 66, APP_REQUIRED},
    {'C', 18, APP_OPTIONAL}, {'E', 34, APP_REQUIRED}, {'J', 29, APP_OPTIONAL},
    {'Q', 13, APP_OPTIONAL}, {'M', 18, APP_OPTIONAL}, {'X', 25, APP_REQUIRED},
    {'G', 17, APP_REQUIRED}, {'K', 17, APP_REQUIRED}, {'D', 32, APP_OPTIONAL},
    {'B', 36, APP_OPTIONAL}, {'P', 13, APP_OPTIONAL}, {'I', 13, APP_OPTIONAL},
    {'T', 30, APP_OPTIONAL}, {'R', 14, APP_REQUIRED},
};

u32 wb_tag_bytes(u32 tag)
{
    return tag <= WB_TAG_MAX ? tag_bytes[tag] : 0;
}

void wb_tag_set(struct wb_tags *tags, u32 tag, u64 value)
{
    ASSERT_GT(wb_tag_bytes(tag), 0);
    tags->present |= TAG_BIT(tag);
    tags->value[tag] = value;
}

void wb_tag_set_text(struct wb_tags *tags, u32 tag, const char *text)
{
    u8 padded[8];
    u32 n = wb_tag_bytes(tag);
    wb_put_text(padded, text, n);
    wb_tag_set(tags, tag, wb_get(padded, n));
}

/* ---- requests ---- */

void wb_enter_init(struct wb_enter *e, u32 user_ref, char side, u32 qty, const char *symbol,
                   u64 price)
{
    *e = (struct wb_enter){
        .user_ref = user_ref,
        .qty = qty,
        .price = price,
        .side = side,
        .tif = '0',
        .display = 'Y',
        .capacity = 'A',
        .iso = 'N',
        .cross = 'N',
    };
    memcpy(e->symbol, symbol, strnlen(symbol, sizeof(e->symbol) - 1));
}

void wb_replace_init(struct wb_replace *r, u32 orig_ref, u32 user_ref, u32 qty, u64 price)
{
    *r = (struct wb_replace){
        .orig_ref = orig_ref,
        .user_ref = user_ref,
        .qty = qty,
        .price = price,
        .tif = '0',
        .display = 'Y',
        .iso = 'N',
    };
}

/* The list of tags in ascending order, without its length. */
static u8 *put_tags(u8 *p, const struct wb_tags *tags)
{
    for (u32 tag = 1; tag <= WB_TAG_MAX; tag++) {
        if ((tags->present & TAG_BIT(tag)) == 0)
            continue;
        p = wb_put(p, 1u + tag_bytes[tag], 1);
        p = wb_put(p, tag, 1);
        p = wb_put(p, tags->value[tag], tag_bytes[tag]);
    }
    return p;
}

/* The appendage with its length; where it is optional, nothing at all when there are no tags. */
static u8 *put_appendage(u8 *p, const struct wb_tags *tags, enum appendage how)
{
    bool empty = tags == NULL || tags->present == 0;
    if (empty && how == APP_OPTIONAL)
        return p;
    u8 *end = empty ? p + 2 : put_tags(p + 2, tags);
    wb_put(p, (u64)(end - p) - 2, 2);
    return end;
}

u32 wb_encode_enter(u8 *out, const struct wb_enter *e)
{
    u8 *p = wb_put(out, 'O', 1);
    p = wb_put(p, e->user_ref, 4);
    p = wb_put(p, (u8)e->side, 1);
    p = wb_put(p, e->qty, 4);
    p = wb_put_text(p, e->symbol, 8);
    p = wb_put(p, e->price, 8);
    p = wb_put(p, (u8)e->tif, 1);
    p = wb_put(p, (u8)e->display, 1);
    p = wb_put(p, (u8)e->capacity, 1);
    p = wb_put(p, (u8)e->iso, 1);
    p = wb_put(p, (u8)e->cross, 1);
    p = wb_put_text(p, e->clordid, 14);
    ASSERT_EQ(p - out, 45);
    p = put_appendage(p, e->tags, APP_REQUIRED);
    return (u32)(p - out);
}

u32 wb_encode_replace(u8 *out, const struct wb_replace *r)
{
    u8 *p = wb_put(out, 'U', 1);
    p = wb_put(p, r->orig_ref, 4);
    p = wb_put(p, r->user_ref, 4);
    p = wb_put(p, r->qty, 4);
    p = wb_put(p, r->price, 8);
    p = wb_put(p, (u8)r->tif, 1);
    p = wb_put(p, (u8)r->display, 1);
    p = wb_put(p, (u8)r->iso, 1);
    p = wb_put_text(p, r->clordid, 14);
    ASSERT_EQ(p - out, 38);
    p = put_appendage(p, r->tags, APP_REQUIRED);
    return (u32)(p - out);
}

u32 wb_encode_cancel(u8 *out, u32 user_ref, u32 qty, const struct wb_tags *tags)
{
    u8 *p = wb_put(out, 'X', 1);
    p = wb_put(p, user_ref, 4);
    p = wb_put(p, qty, 4);
    p = put_appendage(p, tags, APP_OPTIONAL);
    return (u32)(p - out);
}

u32 wb_encode_modify(u8 *out, u32 user_ref, char side, u32 qty, const struct wb_tags *tags)
{
    u8 *p = wb_put(out, 'M', 1);
    p = wb_put(p, user_ref, 4);
    p = wb_put(p, (u8)side, 1);
    p = wb_put(p, qty, 4);
    p = put_appendage(p, tags, APP_OPTIONAL);
    return (u32)(p - out);
}

u32 wb_encode_mass_cancel(u8 *out, u32 user_ref, const char *firm, const char *symbol,
                          const struct wb_tags *tags)
{
    u8 *p = wb_put(out, 'C', 1);
    p = wb_put(p, user_ref, 4);
    p = wb_put_text(p, firm, 4);
    p = wb_put_text(p, symbol, 8);
    p = put_appendage(p, tags, APP_REQUIRED);
    return (u32)(p - out);
}

u32 wb_encode_order_entry(u8 *out, bool enable, u32 user_ref, const char *firm,
                          const struct wb_tags *tags)
{
    u8 *p = wb_put(out, enable ? 'E' : 'D', 1);
    p = wb_put(p, user_ref, 4);
    p = wb_put_text(p, firm, 4);
    p = put_appendage(p, tags, APP_REQUIRED);
    return (u32)(p - out);
}

u32 wb_encode_query(u8 *out, const struct wb_tags *tags)
{
    u8 *p = wb_put(out, 'Q', 1);
    p = put_appendage(p, tags, APP_OPTIONAL);
    return (u32)(p - out);
}

/* ---- answers ---- */

static const struct outbound *find_outbound(u8 type)
{
    for (u32 i = 0; i < ARRAY_LEN(outbounds); i++)
        if (outbounds[i].type == type)
            return &outbounds[i];
    return NULL;
}

/* Walks the `n` bytes of a tag list. */
static const char *get_tags(struct wb_msg *m, const u8 *p, u32 n)
{
    while (n > 0) {
        u32 len = p[0]; /* the tag's own byte and its value */
        if (len == 0 || len + 1 > n)
            return "an option runs out of the appendage";
        u32 tag = p[1];
        u32 want = wb_tag_bytes(tag);
        if (want == 0)
            m->unknown_tags++;
        else if (want != len - 1)
            return "an option has the wrong size";
        else if (m->tags.present & TAG_BIT(tag))
            return "an option comes twice";
        else
            wb_tag_set(&m->tags, tag, wb_get(p + 2, want));
        p += len + 1;
        n -= len + 1;
    }
    return NULL;
}

static const char *get_appendage(struct wb_msg *m, const struct outbound *o, const u8 *p, u32 n)
{
    if (o->appendage == APP_NONE || (o->appendage == APP_OPTIONAL && n == 0))
        return n == 0 ? NULL : "bytes after the end";
    if (n < 2)
        return "too short for its appendage";
    if (wb_get16(p) != n - 2)
        return "the appendage's length is not the packet's";
    return get_tags(m, p + 2, n - 2);
}

/* What Accepted and Replaced have in common, from the side on. */
static const char *get_order(struct wb_msg *m, const u8 *p)
{
    m->side = (char)p[0];
    m->qty = wb_get32(p + 1);
    wb_get_text(m->symbol, p + 5, 8);
    m->price = wb_get64(p + 13);
    m->tif = (char)p[21];
    m->display = (char)p[22];
    m->order_ref = wb_get64(p + 23);
    m->capacity = (char)p[31];
    m->iso = (char)p[32];
    m->cross = (char)p[33];
    m->state = (char)p[34];
    wb_get_text(m->clordid, p + 35, 14);
    if (strchr("BSTE", m->side) == NULL || m->side == 0)
        return "no such side";
    if (m->state != 'L' && m->state != 'D')
        return "no such order state";
    return NULL;
}

/* What happens less often to an order. P and I have nothing more than its number. */
static void get_rare(struct wb_msg *m, const u8 *p)
{
    switch (m->type) {
    case 'D':
        m->qty = wb_get32(p + 13);
        m->reason = (char)p[17];
        m->prevented = wb_get32(p + 18);
        m->price = wb_get64(p + 22);
        m->liquidity = (char)p[30];
        m->strategy = (char)p[31];
        return;
    case 'B':
        m->match = wb_get64(p + 13);
        m->reason = (char)p[21];
        wb_get_text(m->clordid, p + 22, 14);
        return;
    case 'T':
        m->price = wb_get64(p + 13);
        m->display = (char)p[21];
        m->order_ref = wb_get64(p + 22);
        return;
    case 'R':
        m->reason = (char)p[13];
        return;
    default:
        return;
    }
}

static const char *get_fields(struct wb_msg *m, const u8 *p)
{
    m->time_ns = wb_get64(p + 1);
    if (m->type != 'S' && m->type != 'U')
        m->user_ref = wb_get32(p + 9);
    switch (m->type) {
    case 'S':
        m->event = (char)p[9];
        return NULL;
    case 'A':
        return get_order(m, p + 13);
    case 'U':
        m->orig_ref = wb_get32(p + 9);
        m->user_ref = wb_get32(p + 13);
        return get_order(m, p + 17);
    case 'C':
        m->qty = wb_get32(p + 13);
        m->reason = (char)p[17];
        return NULL;
    case 'E':
        m->qty = wb_get32(p + 13);
        m->price = wb_get64(p + 17);
        m->liquidity = (char)p[25];
        m->match = wb_get64(p + 26);
        return NULL;
    case 'J':
        m->reject = wb_get16(p + 13);
        wb_get_text(m->clordid, p + 15, 14);
        return NULL;
    case 'M':
        m->side = (char)p[13];
        m->qty = wb_get32(p + 14);
        return strchr("BSTE", m->side) == NULL || m->side == 0 ? "no such side" : NULL;
    case 'X':
        wb_get_text(m->symbol, p + 17, 8);
        wb_get_text(m->firm, p + 13, 4);
        return NULL;
    case 'G':
    case 'K':
        wb_get_text(m->firm, p + 13, 4);
        return NULL;
    default: /* Q has nothing more */
        get_rare(m, p);
        return NULL;
    }
}

const char *wb_decode(struct wb_msg *m, const u8 *bytes, u32 n)
{
    /*
     * The values of the tags count only where `present` says so: no need to clear them each time.
     */
    memset(m, 0, offsetof(struct wb_msg, tags));
    m->tags.present = 0;
    m->raw = bytes;
    m->raw_bytes = n;
    if (n == 0)
        return "an empty message";
    m->type = bytes[0];
    const struct outbound *o = find_outbound(m->type);
    if (o == NULL)
        return NULL;
    if (n < o->base)
        return "too short for its type";
    const char *wrong = get_appendage(m, o, bytes + o->base, n - o->base);
    if (wrong == NULL)
        wrong = get_fields(m, bytes);
    m->known = wrong == NULL;
    return wrong;
}
