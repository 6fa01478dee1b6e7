/*
 * ouch5_in.c - a client's message to a command. Pure; what enters is hostile.
 *
 * Lengths first, then each field. A message that is long enough to be understood but wrong
 * somewhere becomes a command with a reject reason: the first in the order of its fields, the
 * appendage last.
 */
#include "gateway/session/bytes.h"
#include "gateway/session/ouch5.h"
#include "gateway/session/ouch5_tags.h"

/* Offsets of CONFORMANCE.md 3; the appendage length follows the base. */
#define ENTER_BASE   45u
#define REPLACE_BASE 38u
#define CANCEL_BASE  9u
#define MODIFY_BASE  10u
#define MASS_BASE    17u
#define FIRM_BASE    9u
#define QUERY_BASE   1u
#define MARKET_2     2000000000ull /* the other price that means a market order */

/* Remembers the first thing that is wrong. */
static void wrong(u16 *reject, u16 reason)
{
    if (*reject == 0)
        *reject = reason;
}

/* Sets of letters, a bit each, and the letters that are in them. */
enum letter_set {
    SET_SIDE = 1,
    SET_TIF = 2,         /* on Enter */
    SET_TIF_REPLACE = 4, /* on Replace */
    SET_DISPLAY = 8,
    SET_CAPACITY = 16,
    SET_YES_NO = 32,
    SET_CROSS = 64,
};

static const u8 sets_of[256] = {
    ['0'] = SET_TIF | SET_TIF_REPLACE,
    ['3'] = SET_TIF | SET_TIF_REPLACE,
    ['5'] = SET_TIF | SET_TIF_REPLACE,
    ['6'] = SET_TIF | SET_TIF_REPLACE,
    ['A'] = SET_DISPLAY | SET_CAPACITY | SET_CROSS,
    ['B'] = SET_SIDE,
    ['C'] = SET_CROSS,
    ['E'] = SET_SIDE | SET_TIF | SET_CROSS,
    ['H'] = SET_CROSS,
    ['N'] = SET_DISPLAY | SET_YES_NO | SET_CROSS,
    ['O'] = SET_CAPACITY | SET_CROSS,
    ['P'] = SET_CAPACITY,
    ['R'] = SET_CAPACITY | SET_CROSS,
    ['S'] = SET_SIDE | SET_CROSS,
    ['T'] = SET_SIDE,
    ['Y'] = SET_DISPLAY | SET_YES_NO,
};

/* A letter of the set, or '?' and a reject. */
static u8 letter(u8 c, enum letter_set set, u16 *reject, u16 reason)
{
    if (LIKELY((sets_of[c] & set) != 0))
        return c;
    wrong(reject, reason);
    return '?';
}

/* Are all eight bytes in 0x20..0x7E? A borrow or carry begins only at a byte that is not. */
static bool printable(u64 x)
{
    u64 each = 0x0101010101010101ull;

    return ((x | (x - 0x20 * each) | (x + each)) & 0x80 * each) == 0;
}

/* Copies text of at least 8 bytes if all of it is printable ASCII, else blanks; says which. */
static bool text(char *out, const u8 *from, u32 n)
{
    u64 first;
    u64 last; /* overlaps the first where n < 16 */

    ASSERT(n >= 8 && n <= 16);
    memcpy(&first, from, 8);
    memcpy(&last, from + n - 8, 8);
    if (UNLIKELY(!printable(first) || !printable(last))) {
        memset(out, ' ', n);
        return false;
    }
    memcpy(out, &first, 8);
    memcpy(out + n - 8, &last, 8);
    return true;
}

/* A wire price in 32 bits; what cannot be a price becomes 0xFFFFFFFF. */
static u32 price(u64 wire)
{
    if (wire == PRICE_MARKET || wire == MARKET_2)
        return PRICE_MARKET;
    return wire <= PRICE_LIMIT_MAX ? (u32)wire : 0xFFFFFFFFu;
}

/*
 * Reads the appendage behind `base` bytes: its length field and its list. Where it is optional, the
 * message may also end at `base`.
 */
static u16 appendage(const u8 *bytes, u32 n, u32 base, enum tags_on on, struct tags_in *in)
{
    if (n == base && (on == TAGS_SMALL || on == TAGS_MODIFY))
        return 0;
    if (n < base + 2 || get_be16(bytes + base) != n - base - 2)
        return OUCH5_OTHER;
    return ouch5_tags_read(bytes + base + 2, n - base - 2, on, in);
}

/* The head of a command of `type`, everything else zero. */
static void begin(union msg *out, u8 type, u8 slots)
{
    memset(out, 0, slots * sizeof(struct slot));
    out->cmd.type = type;
    out->cmd.slots = slots;
}

static enum ouch5_status decode_enter(const u8 *p, u32 n, union msg *out)
{
    struct msg_enter *m = &out->enter;
    struct tags_in tags = {.terms = &m->terms};
    u16 reject = 0;

    if (n < ENTER_BASE)
        return OUCH5_MALFORMED;
    begin(out, CMD_ENTER, sizeof *m / SLOT_BYTES);
    m->user_ref = get_be32(p + 1);
    m->side = letter(p[5], SET_SIDE, &reject, OUCH5_INVALID_SIDE);
    m->qty = get_be32(p + 6);
    if (m->qty == 0 || m->qty > QTY_MAX)
        wrong(&reject, OUCH5_INVALID_QTY);
    text(m->symbol, p + 10, 8); /* blanks are no instrument: rejected as unknown */
    m->price = price(get_be64(p + 18));
    if (m->price == 0xFFFFFFFFu)
        wrong(&reject, OUCH5_INVALID_PRICE);
    m->tif = letter(p[26], SET_TIF, &reject, OUCH5_OTHER);
    m->display = letter(p[27], SET_DISPLAY, &reject, OUCH5_INVALID_DISPLAY);
    m->capacity = letter(p[28], SET_CAPACITY, &reject, OUCH5_OTHER);
    if (letter(p[29], SET_YES_NO, &reject, OUCH5_OTHER) == 'Y')
        m->head.flags = MSG_ISO;
    m->cross_type = letter(p[30], SET_CROSS, &reject, OUCH5_INVALID_CROSS);
    u16 bad_tags = appendage(p, n, ENTER_BASE, TAGS_ENTER, &tags); /* may clear the terms */
    if (!text(m->terms.clordid, p + 31, 14))
        wrong(&reject, OUCH5_OTHER);
    wrong(&reject, bad_tags);
    if (m->tif == '6' && (m->terms.tags & TAG_BIT(15)) == 0)
        wrong(&reject, OUCH5_OTHER);
    m->user_ref_idx = tags.user_ref_idx;
    m->reject = reject;
    return OUCH5_COMMAND;
}

static enum ouch5_status decode_replace(const u8 *p, u32 n, union msg *out)
{
    struct msg_replace *m = &out->replace;
    struct tags_in tags = {.terms = &m->terms};
    u16 reject = 0;

    if (n < REPLACE_BASE)
        return OUCH5_MALFORMED;
    begin(out, CMD_REPLACE, sizeof *m / SLOT_BYTES);
    m->orig_user_ref = get_be32(p + 1);
    m->user_ref = get_be32(p + 5);
    m->qty = get_be32(p + 9);           /* a wrong quantity or price is the engine's: it cancels */
    m->price = price(get_be64(p + 13)); /* the original (CONFORMANCE.md 6, rule 6b) */
    m->tif = letter(p[21], SET_TIF_REPLACE, &reject, OUCH5_OTHER);
    m->display = letter(p[22], SET_DISPLAY, &reject, OUCH5_INVALID_DISPLAY);
    if (letter(p[23], SET_YES_NO, &reject, OUCH5_OTHER) == 'Y')
        m->head.flags = MSG_ISO;
    u16 bad_tags = appendage(p, n, REPLACE_BASE, TAGS_REPLACE, &tags); /* may clear the terms */
    if (!text(m->terms.clordid, p + 24, 14))
        wrong(&reject, OUCH5_OTHER);
    wrong(&reject, bad_tags);
    m->side = tags.side;
    m->user_ref_idx = tags.user_ref_idx;
    m->reject = reject;
    return OUCH5_COMMAND;
}

static enum ouch5_status decode_cancel(const u8 *p, u32 n, union msg *out)
{
    struct tags_in tags = {0};

    if (n < CANCEL_BASE || appendage(p, n, CANCEL_BASE, TAGS_SMALL, &tags) != 0)
        return OUCH5_MALFORMED;
    begin(out, CMD_CANCEL, sizeof out->cancel / SLOT_BYTES);
    out->cancel.user_ref = get_be32(p + 1);
    out->cancel.qty = get_be32(p + 5);
    out->cancel.user_ref_idx = tags.user_ref_idx;
    return OUCH5_COMMAND;
}

static enum ouch5_status decode_modify(const u8 *p, u32 n, union msg *out)
{
    struct order_terms terms = {0};
    struct tags_in tags = {.terms = &terms};
    struct msg_modify *m = &out->modify;

    if (n < MODIFY_BASE || (sets_of[p[5]] & SET_SIDE) == 0 ||
        appendage(p, n, MODIFY_BASE, TAGS_MODIFY, &tags) != 0)
        return OUCH5_MALFORMED;
    begin(out, CMD_MODIFY, sizeof *m / SLOT_BYTES);
    m->user_ref = get_be32(p + 1);
    m->side = p[5];
    m->qty = get_be32(p + 6);
    if (terms.tags & TAG_BIT(25))
        m->located = terms.yes & YES_SHARES_LOCATED ? 'Y' : 'N';
    memcpy(m->locate_broker, terms.locate_broker, sizeof m->locate_broker);
    m->user_ref_idx = tags.user_ref_idx;
    return OUCH5_COMMAND;
}

/* A firm: capitals, digits, blanks. */
static bool firm_read(char out[4], const u8 *from)
{
    for (u32 i = 0; i < 4; i++) {
        u8 c = from[i];
        if (!((c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == ' '))
            return false;
        out[i] = (char)c;
    }
    return true;
}

/* What cannot be read must not cancel more than was meant: it is ignored. */
static enum ouch5_status decode_mass(const u8 *p, u32 n, union msg *out)
{
    struct order_terms terms = {0};
    struct tags_in tags = {.terms = &terms};
    struct msg_mass *m = &out->mass;

    if (n < MASS_BASE || appendage(p, n, MASS_BASE, TAGS_MASS, &tags) != 0)
        return OUCH5_MALFORMED;
    begin(out, CMD_MASS_CANCEL, sizeof *m / SLOT_BYTES);
    m->user_ref = get_be32(p + 1);
    if (!firm_read(m->firm, p + 5) || !text(m->symbol, p + 9, 8))
        return OUCH5_MALFORMED;
    m->has_group = (terms.tags & TAG_BIT(24)) != 0;
    m->group_id = terms.group_id;
    m->side = tags.side;
    m->user_ref_idx = tags.user_ref_idx;
    return OUCH5_COMMAND;
}

static enum ouch5_status decode_firm(const u8 *p, u32 n, union msg *out)
{
    struct tags_in tags = {0};

    if (n < FIRM_BASE + 2 || appendage(p, n, FIRM_BASE, TAGS_SMALL, &tags) != 0)
        return OUCH5_MALFORMED;
    begin(out, p[0] == 'D' ? CMD_DISABLE : CMD_ENABLE, sizeof out->firm / SLOT_BYTES);
    out->firm.user_ref = get_be32(p + 1);
    out->firm.user_ref_idx = tags.user_ref_idx;
    return firm_read(out->firm.firm, p + 5) ? OUCH5_COMMAND : OUCH5_MALFORMED;
}

static enum ouch5_status decode_query(const u8 *p, u32 n, union msg *out)
{
    struct tags_in tags = {0};

    if (appendage(p, n, QUERY_BASE, TAGS_SMALL, &tags) != 0)
        return OUCH5_MALFORMED;
    begin(out, CMD_QUERY, sizeof out->query / SLOT_BYTES);
    out->query.user_ref_idx = tags.user_ref_idx;
    return OUCH5_COMMAND;
}

enum ouch5_status ouch5_decode(const u8 *bytes, u32 n, union msg *out)
{
    ASSERT_GT(n, 0);
    switch (bytes[0]) {
    case 'O':
        return decode_enter(bytes, n, out);
    case 'U':
        return decode_replace(bytes, n, out);
    case 'X':
        return decode_cancel(bytes, n, out);
    case 'Q':
        return decode_query(bytes, n, out);
    case 'M':
        return decode_modify(bytes, n, out);
    case 'C':
        return decode_mass(bytes, n, out);
    case 'D':
    case 'E':
        return decode_firm(bytes, n, out);
    default:
        return OUCH5_UNKNOWN;
    }
}
