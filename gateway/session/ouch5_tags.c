/*
 * ouch5_tags.c - one table says of each option tag its size, where it may stand, what it may be and
 * which field holds it; reading and writing both follow it. Pure.
 */
#include "gateway/session/ouch5_tags.h"

#include "gateway/session/bytes.h"
#include "gateway/session/ouch5.h"

#define TAG_MAX 30u

enum tag_kind {
    TAG_UNKNOWN = 0,
    TAG_TEXT,    /* letters, digits, blanks */
    TAG_NUMBER,  /* big-endian, as wide as its field */
    TAG_PRICE,   /* eight bytes on the wire, four here */
    TAG_LETTER,  /* one of `letters` */
    TAG_YES,     /* one of `letters`; the first one sets the bit `field` of terms.yes */
    TAG_SIDE,    /* 27 */
    TAG_CHANNEL, /* 28 */
};

struct tag_rule {
    u8 kind;
    u8 size;   /* of the value, in bytes */
    u8 on;     /* enum tags_on */
    u8 field;  /* offset in order_terms */
    u16 wrong; /* reject reason of a bad value */
    const char *letters;
};

#define E    TAGS_ENTER
#define R    TAGS_REPLACE
#define X    TAGS_SMALL
#define A    TAGS_ACCEPTED
#define U    TAGS_REPLACED
#define M    TAGS_MODIFY
#define C    TAGS_MASS
#define ALL  (E | R | A | U)
#define F(f) offsetof(struct order_terms, f)

/* clang-format off */
static const struct tag_rule rules[TAG_MAX + 1] = {
    [2]  = {TAG_TEXT,    4, E | A | U, F(firm),                  OUCH5_OTHER,         NULL},
    [3]  = {TAG_NUMBER,  4, ALL,       F(min_qty),               OUCH5_OTHER,         NULL},
    [4]  = {TAG_LETTER,  1, E | A,     F(customer_type),         OUCH5_OTHER,         "RN "},
    [5]  = {TAG_NUMBER,  4, ALL,       F(max_floor),             OUCH5_OTHER,         NULL},
    [6]  = {TAG_LETTER,  1, ALL,       F(price_type),            OUCH5_INVALID_PEG,   "LPMRQm"},
    [7]  = {TAG_NUMBER,  4, E | R | A, F(peg_offset),            OUCH5_OTHER,         NULL},
    [9]  = {TAG_PRICE,   8, E | R | A, F(discretion_price),      OUCH5_INVALID_PRICE, NULL},
    [10] = {TAG_LETTER,  1, E | R | A, F(discretion_price_type), OUCH5_INVALID_PEG,   "LPMR"},
    [11] = {TAG_NUMBER,  4, E | R | A, F(discretion_peg_offset), OUCH5_OTHER,         NULL},
    [12] = {TAG_YES,     1, ALL,       YES_POST_ONLY,            OUCH5_OTHER,         "PN"},
    [13] = {TAG_NUMBER,  4, E | R | A, F(random_reserves),       OUCH5_OTHER,         NULL},
    [15] = {TAG_NUMBER,  4, ALL,       F(expire_s),              OUCH5_OTHER,         NULL},
    [16] = {TAG_YES,     1, ALL,       YES_TRADE_NOW,            OUCH5_OTHER,         "YN "},
    [17] = {TAG_LETTER,  1, ALL,       F(handle_inst),           OUCH5_OTHER,         "IOTQBD "},
    [24] = {TAG_NUMBER,  2, E | A | C, F(group_id),              OUCH5_OTHER,         NULL},
    [25] = {TAG_YES,     1, E | R | A | M, YES_SHARES_LOCATED,       OUCH5_OTHER,         "YN"},
    [26] = {TAG_TEXT,    4, E | R | M, F(locate_broker),         OUCH5_OTHER,         NULL},
    [27] = {TAG_SIDE,    1, R | C,     0,                        OUCH5_INVALID_SIDE,  "BSTE"},
    [28] = {TAG_CHANNEL, 1, ALL | X | M | C, 0,                        OUCH5_OTHER,         NULL},
    [29] = {TAG_LETTER,  1, ALL,       F(aiq_strategy),          OUCH5_INVALID_AIQ,   "*NO"},
    [30] = {TAG_TEXT,    2, ALL,       F(aiq_group),             OUCH5_OTHER,         NULL},
};
/* clang-format on */

#undef E
#undef R
#undef X
#undef A
#undef U
#undef M
#undef C
#undef ALL
#undef F

#define EXPIRE_S_MAX 86399u /* tag 15: less than a day */

static bool is_text(const u8 *value, u32 n)
{
    for (u32 i = 0; i < n; i++) {
        u8 c = value[i];
        if (!((c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == ' '))
            return false;
    }
    return true;
}

static bool is_one_of(const char *letters, u8 c)
{
    return c != 0 && strchr(letters, c) != NULL;
}

/* Reads a number into its field; big-endian there, little-endian here. */
static void read_number(void *field, const u8 *value, u32 size)
{
    u16 v16;
    u32 v32;

    if (size == 2) {
        v16 = get_be16(value);
        memcpy(field, &v16, sizeof v16);
    } else {
        v32 = get_be32(value);
        memcpy(field, &v32, sizeof v32);
    }
}

/* Reads one value that has the right size; false: it is not in its set. */
static bool read_value(const struct tag_rule *rule, const u8 *value, struct tags_in *in)
{
    u8 *field = in->terms != NULL ? (u8 *)in->terms + rule->field : NULL; /* a channel has none */

    switch (rule->kind) {
    case TAG_TEXT:
        memcpy(field, value, rule->size);
        return is_text(value, rule->size);
    case TAG_NUMBER:
        read_number(field, value, rule->size);
        return in->terms->expire_s <= EXPIRE_S_MAX;
    case TAG_PRICE:
        read_number(field, value + 4, 4);
        return get_be64(value) <= PRICE_LIMIT_MAX;
    case TAG_LETTER:
        *field = value[0];
        return is_one_of(rule->letters, value[0]);
    case TAG_YES:
        if (value[0] == (u8)rule->letters[0])
            in->terms->yes |= rule->field;
        return is_one_of(rule->letters, value[0]);
    case TAG_SIDE:
        in->side = value[0];
        return is_one_of(rule->letters, value[0]);
    default:
        ASSERT_EQ(rule->kind, TAG_CHANNEL);
        in->user_ref_idx = value[0];
        return true;
    }
}

/* Reads one element whose `len` value bytes are all there. Returns 0 or a reject reason. */
static u16 read_element(u8 tag, const u8 *value, u32 len, enum tags_on on, struct tags_in *in,
                        u32 *seen)
{
    if (tag > TAG_MAX || rules[tag].kind == TAG_UNKNOWN || (rules[tag].on & on) == 0)
        return OUCH5_OTHER;
    if (rules[tag].size != len || (*seen & TAG_BIT(tag)) != 0)
        return OUCH5_OTHER;
    *seen |= TAG_BIT(tag);
    return read_value(&rules[tag], value, in) ? 0 : rules[tag].wrong;
}

u16 ouch5_tags_read(const u8 *list, u32 n, enum tags_on on, struct tags_in *in)
{
    u16 wrong = 0;
    u32 seen = 0;
    u32 at = 0;

    ASSERT((on == TAGS_SMALL) == (in->terms == NULL));
    while (at < n) {
        u32 len = list[at]; /* the tag and its value */
        if (len == 0 || at + 1 + len > n) {
            wrong = wrong != 0 ? wrong : OUCH5_OTHER;
            break;
        }
        u16 reason = read_element(list[at + 1], list + at + 2, len - 1, on, in, &seen);
        wrong = wrong != 0 ? wrong : reason;
        at += 1 + len;
    }
    if (in->terms == NULL)
        return wrong;
    if (wrong != 0) {
        memset(in->terms, 0, sizeof *in->terms);
        in->side = 0;
        seen &= TAG_BIT(28);
    }
    in->terms->tags = seen;
    return wrong;
}

/* Writes one value; returns its size. */
static u32 write_value(u8 *out, const struct tag_rule *rule, const struct order_terms *terms)
{
    const u8 *field = (const u8 *)terms + rule->field;
    u32 v32;
    u16 v16;

    switch (rule->kind) {
    case TAG_NUMBER:
        memcpy(&v16, field, sizeof v16);
        if (rule->size == 2) {
            put_be16(out, v16);
            break;
        }
        memcpy(&v32, field, sizeof v32);
        put_be32(out, v32);
        break;
    case TAG_PRICE:
        memcpy(&v32, field, sizeof v32);
        put_be64(out, v32);
        break;
    case TAG_YES:
        out[0] = (terms->yes & rule->field) != 0 ? (u8)rule->letters[0] : 'N';
        break;
    default:
        memcpy(out, field, rule->size);
        break;
    }
    return rule->size;
}

u32 ouch5_tags_write(u8 *out, enum tags_on on, const struct order_terms *terms, u8 user_ref_idx)
{
    u32 left = terms->tags & ~(TAG_BIT(27) | TAG_BIT(28));
    u32 at = 2;

    if (user_ref_idx != 0)
        left |= TAG_BIT(28);
    for (; left != 0; left &= left - 1) {
        u32 tag = (u32)__builtin_ctz(left);
        const struct tag_rule *rule = tag <= TAG_MAX ? &rules[tag] : &rules[0];
        if ((rule->on & on) == 0)
            continue;
        out[at] = (u8)(rule->size + 1);
        out[at + 1] = (u8)tag;
        if (tag == 28)
            out[at + 2] = user_ref_idx;
        else
            write_value(out + at + 2, rule, terms);
        at += 2u + rule->size;
    }
    put_be16(out, (u16)(at - 2));
    return at;
}
