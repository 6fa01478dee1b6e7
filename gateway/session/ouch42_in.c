/*
 * ouch42_in.c - a 4.2 client's message to a command (ouch42.h). Pure; what enters is hostile.
 *
 * Lengths first, then each field, as in ouch5_in.c: what can be understood but is wrong becomes a
 * command with a reject reason, the first in the order of the fields. What 4.2 says in one letter
 * (display) or as seconds (time in force) becomes the terms of 5.0, so that the engine knows one
 * protocol.
 */
#include "gateway/session/bytes.h"
#include "gateway/session/ouch42.h"

#define ENTER_BYTES     49u
#define ENTER_OLD_BYTES 48u /* without CustomerType, from clients of earlier 4.x */
#define REPLACE_BYTES   47u
#define CANCEL_BYTES    19u
#define MODIFY_BYTES    20u

#define TIF_MARKET_HOURS 99998u
#define TIF_SYSTEM_HOURS 99999u
#define TIF_SECONDS_MAX  86399u

static void wrong(u16 *reject, u16 reason)
{
    if (*reject == 0)
        *reject = reason;
}

/* A letter of the set, or '?' and a reject. */
static u8 letter(u8 c, const char *set, u16 *reject, u16 reason)
{
    if (c != '\0' && strchr(set, c) != NULL)
        return c;
    wrong(reject, reason);
    return '?';
}

/* Copies a token; false when it is blank or not printable. */
static bool token_read(char out[OUCH42_TOKEN], const u8 *from)
{
    bool blank = true;

    for (u32 i = 0; i < OUCH42_TOKEN; i++) {
        if (from[i] < 0x20 || from[i] > 0x7E)
            return false;
        blank = blank && from[i] == ' ';
        out[i] = (char)from[i];
    }
    return !blank;
}

static void begin(union msg *out, u8 type, u8 slots)
{
    memset(out, 0, slots * sizeof(struct slot));
    out->cmd.type = type;
    out->cmd.slots = slots;
}

static u32 price_read(u32 wire, u16 *reject)
{
    if (wire == PRICE_MARKET || wire == PRICE_MARKET_OLD)
        return PRICE_MARKET;
    if (wire <= PRICE_LIMIT_MAX)
        return wire;
    wrong(reject, OUCH5_INVALID_PRICE);
    return 0xFFFFFFFFu;
}

/* Seconds to live, and three numbers that mean something else. */
static u8 tif_read(u32 seconds, struct order_terms *terms, u16 *reject)
{
    switch (seconds) {
    case 0:
        return '3';
    case TIF_MARKET_HOURS:
        return '0';
    case TIF_SYSTEM_HOURS:
        return '5';
    default:
        break;
    }
    if (seconds > TIF_SECONDS_MAX) {
        wrong(reject, OUCH5_OTHER);
        return '?';
    }
    terms->tags |= TAG_BIT(15);
    terms->expire_s = seconds;
    return '6';
}

/* The letter of display is several things at once. */
static u8 display_read(u8 c, struct order_terms *terms, u16 *reject)
{
    bool post_only = c == 'P' || c == 'L' || c == 'W';

    if (post_only) {
        terms->tags |= TAG_BIT(12);
        terms->yes |= YES_POST_ONLY;
    }
    if (c == 'M' || c == 'W') {
        terms->tags |= TAG_BIT(6);
        terms->price_type = 'M';
        return 'N';
    }
    if (c == 'I' || c == 'O' || c == 'T' || c == 'Q') {
        terms->tags |= TAG_BIT(17);
        terms->handle_inst = c;
        return 'Y';
    }
    if (post_only)
        return c == 'L' ? 'A' : 'Y';
    return letter(c, "YAN", reject, OUCH5_INVALID_DISPLAY);
}

/* Four characters of a firm; blanks are the account's own. */
static void firm_read(const u8 *from, struct order_terms *terms, u16 *reject)
{
    bool blank = true;

    for (u32 i = 0; i < 4; i++) {
        u8 c = from[i];
        blank = blank && c == ' ';
        if (!((c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == ' ')) {
            wrong(reject, OUCH5_OTHER);
            return;
        }
    }
    if (blank)
        return;
    terms->tags |= TAG_BIT(2);
    memcpy(terms->firm, from, 4);
}

static void symbol_read(char out[8], const u8 *from)
{
    memcpy(out, from, 8);
    for (u32 i = 0; i < 8; i++) {
        if (from[i] < 0x20 || from[i] > 0x7E)
            memset(out, ' ', 8); /* blanks are no instrument: rejected as unknown */
    }
}

static enum ouch5_status decode_enter(const u8 *p, u32 n, union msg *out,
                                      struct ouch42_names *names)
{
    struct msg_enter *m = &out->enter;
    u16 reject = 0;

    if ((n != ENTER_BYTES && n != ENTER_OLD_BYTES) || !token_read(names->token, p + 1))
        return OUCH5_MALFORMED;
    begin(out, CMD_ENTER, sizeof *m / SLOT_BYTES);
    memcpy(m->terms.clordid, names->token, OUCH42_TOKEN);
    m->side = letter(p[15], "BSTE", &reject, OUCH5_INVALID_SIDE);
    m->qty = get_be32(p + 16);
    if (m->qty == 0 || m->qty > QTY_MAX)
        wrong(&reject, OUCH5_INVALID_QTY);
    symbol_read(m->symbol, p + 20);
    m->price = price_read(get_be32(p + 28), &reject);
    m->tif = tif_read(get_be32(p + 32), &m->terms, &reject);
    firm_read(p + 36, &m->terms, &reject);
    m->display = display_read(p[40], &m->terms, &reject);
    m->capacity = letter(p[41], "APRO", &reject, OUCH5_OTHER);
    if (letter(p[42], "YN", &reject, OUCH5_OTHER) == 'Y')
        m->head.flags = MSG_ISO;
    m->terms.min_qty = get_be32(p + 43);
    m->terms.tags |= m->terms.min_qty != 0 ? TAG_BIT(3) : 0;
    m->cross_type = letter(p[47], "NOCHSREA", &reject, OUCH5_INVALID_CROSS);
    u8 customer = n == ENTER_BYTES ? letter(p[48], "RN ", &reject, OUCH5_OTHER) : ' ';
    if (customer == 'R' || customer == 'N') {
        m->terms.tags |= TAG_BIT(4);
        m->terms.customer_type = customer;
    }
    m->reject = reject;
    return OUCH5_COMMAND;
}

/* What 5.0 would inherit, 4.2 says: minimum, post-only, price type and how it is to be handled are
 * always there. */
static enum ouch5_status decode_replace(const u8 *p, u32 n, union msg *out,
                                        struct ouch42_names *names)
{
    struct msg_replace *m = &out->replace;
    u16 reject = 0;
    u16 late = 0; /* a wrong quantity or price is the engine's: it cancels the original */

    if (n != REPLACE_BYTES || !token_read(names->existing, p + 1) ||
        !token_read(names->token, p + 15))
        return OUCH5_MALFORMED;
    begin(out, CMD_REPLACE, sizeof *m / SLOT_BYTES);
    memcpy(m->terms.clordid, names->token, OUCH42_TOKEN);
    m->qty = get_be32(p + 29);
    m->price = price_read(get_be32(p + 33), &late);
    m->tif = tif_read(get_be32(p + 37), &m->terms, &reject);
    m->terms.tags |= TAG_BIT(3) | TAG_BIT(6) | TAG_BIT(12) | TAG_BIT(17);
    m->terms.price_type = 'L';
    m->terms.handle_inst = ' ';
    m->display = display_read(p[41], &m->terms, &reject);
    if (letter(p[42], "YN", &reject, OUCH5_OTHER) == 'Y')
        m->head.flags = MSG_ISO;
    m->terms.min_qty = get_be32(p + 43);
    m->reject = reject;
    return OUCH5_COMMAND;
}

static enum ouch5_status decode_cancel(const u8 *p, u32 n, union msg *out,
                                       struct ouch42_names *names)
{
    if (n != CANCEL_BYTES || !token_read(names->existing, p + 1))
        return OUCH5_MALFORMED;
    begin(out, CMD_CANCEL, sizeof out->cancel / SLOT_BYTES);
    out->cancel.qty = get_be32(p + 15);
    return OUCH5_COMMAND;
}

static enum ouch5_status decode_modify(const u8 *p, u32 n, union msg *out,
                                       struct ouch42_names *names)
{
    u16 reject = 0;

    if (n != MODIFY_BYTES || !token_read(names->existing, p + 1))
        return OUCH5_MALFORMED;
    begin(out, CMD_MODIFY, sizeof out->modify / SLOT_BYTES);
    out->modify.side = letter(p[15], "BSTE", &reject, OUCH5_INVALID_SIDE);
    out->modify.qty = get_be32(p + 16);
    return reject == 0 ? OUCH5_COMMAND : OUCH5_MALFORMED;
}

enum ouch5_status ouch42_decode(const u8 *bytes, u32 n, union msg *out, struct ouch42_names *names)
{
    ASSERT_GT(n, 0);
    switch (bytes[0]) {
    case 'O':
        return decode_enter(bytes, n, out, names);
    case 'U':
        return decode_replace(bytes, n, out, names);
    case 'X':
        return decode_cancel(bytes, n, out, names);
    case 'M':
        return decode_modify(bytes, n, out, names);
    default:
        return OUCH5_UNKNOWN;
    }
}
