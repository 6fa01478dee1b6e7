/*
 * ouch42_out.c - an event to the bytes that a 4.2 client sees (CONFORMANCE.md section 8). Pure.
 *
 * The same stream as in 5.0, message for message, so that it can be replayed from any number. What
 * 4.2 has no letter for goes out as its nearest: a code that this dialect's clients know is worth
 * more to them than the exact one.
 */
#include "gateway/session/bytes.h"
#include "gateway/session/ouch42.h"

#define TIF_MARKET_HOURS 99998u
#define TIF_SYSTEM_HOURS 99999u

/* Reject letters by the codes of CONFORMANCE.md section 7; all others are O. */
static const char reject_letters[] = {
    [0x0001] = 'O', [0x0002] = 'C', [0x0003] = 'D', [0x0006] = 'Z', [0x0007] = 'H', [0x0008] = 'd',
    [0x000C] = 'L', [0x000D] = 'N', [0x0014] = 'R', [0x0017] = 'S', [0x0018] = 'T', [0x001B] = 'W',
    [0x001D] = 'X', [0x001E] = 'Z', [0x001F] = 'n', [0x0020] = 'n', [0x0022] = 'c', [0x0023] = 'i',
    [0x0024] = 'd', [0x0026] = 'X', [0x0027] = 'b', [0x002B] = 'i', [0x002D] = 'g', [0x002E] = 'h',
    [0x002F] = 'i', [0x0030] = 'n', [0x0031] = 'm',
};

static u8 reject_letter(u16 reason)
{
    u8 c = reason < sizeof reject_letters ? (u8)reject_letters[reason] : 0;

    return c != 0 ? c : 'O';
}

/* Post-only cancels (F, G) and the direct listing's have no letter of their own. */
static u8 cancel_letter(u8 reason)
{
    return reason != 0 && strchr("CDEHIKQSTUXZ", reason) != NULL ? reason : 'Z';
}

static u8 liquidity_letter(u8 flag)
{
    switch (flag) {
    case 'u':
        return 'J'; /* by a reserve */
    case 'i':
        return 'C'; /* in the after-hours close */
    case 'n':
        return 'k'; /* at the midpoint, extended life */
    default:
        return flag != 0 && strchr("0478ACHIJKLMNORWdefjkmrt", flag) != NULL ? flag : 'A';
    }
}

static u32 tif_seconds(u8 tif, const struct order_terms *terms)
{
    switch (tif) {
    case '3':
        return 0;
    case '6':
        return terms->expire_s;
    case '5':
    case 'E':
        return TIF_SYSTEM_HOURS;
    default:
        return TIF_MARKET_HOURS;
    }
}

static u8 display_letter(u8 display, const struct order_terms *terms)
{
    bool post_only = (terms->yes & YES_POST_ONLY) != 0;

    if (terms->price_type == 'M')
        return post_only ? 'W' : 'M';
    if (terms->handle_inst != 0 && strchr("IOTQ", terms->handle_inst) != NULL)
        return terms->handle_inst;
    if (post_only)
        return display == 'A' ? 'L' : 'P';
    return display;
}

/* What Accepted and Replaced have in common, from offset 9: 55 bytes. */
static void put_order(const struct msg_order *m, const char symbol[8], u8 *out)
{
    memcpy(out, m->terms.clordid, OUCH42_TOKEN);
    out[14] = m->side;
    put_be32(out + 15, m->qty);
    memcpy(out + 19, symbol, 8);
    put_be32(out + 27, m->price);
    put_be32(out + 31, tif_seconds(m->tif, &m->terms));
    memcpy(out + 35, "    ", 4);
    if ((m->terms.tags & TAG_BIT(2)) != 0)
        memcpy(out + 35, m->terms.firm, 4);
    out[39] = display_letter(m->display, &m->terms);
    put_be64(out + 40, m->order_ref);
    out[48] = m->capacity;
    out[49] = (m->head.flags & MSG_ISO) != 0 ? 'Y' : 'N';
    put_be32(out + 50, m->terms.min_qty);
    out[54] = m->cross_type;
    out[55] = (m->head.flags & MSG_DEAD) != 0 ? 'D' : 'L';
}

static u32 encode_accepted(const struct msg_order *m, const struct ouch42_context *c, u8 *out)
{
    out[0] = 'A';
    put_order(m, c->symbol, out + 9);
    out[65] = ' ';
    return 66;
}

static u32 encode_replaced(const struct msg_order *m, const struct ouch42_context *c, u8 *out)
{
    out[0] = 'U';
    put_order(m, c->symbol, out + 9);
    memcpy(out + 65, c->token, OUCH42_TOKEN);
    out[79] = ' ';
    return 80;
}

static u32 encode_cancelled(const struct msg_cancelled *m, u8 *out)
{
    out[0] = 'C';
    put_be32(out + 23, m->qty);
    out[27] = cancel_letter(m->reason);
    return 28;
}

static u32 encode_aiq_cancelled(const struct msg_aiq_cancelled *m, u8 *out)
{
    bool taker = (m->head.flags & MSG_TAKER) != 0;
    bool hidden = (m->head.flags & MSG_HIDDEN) != 0;

    out[0] = 'D';
    put_be32(out + 23, m->qty);
    out[27] = 'Q';
    put_be32(out + 28, m->prevented);
    put_be32(out + 32, m->price);
    out[36] = taker ? 'R' : hidden ? 'J' : 'A';
    return 37;
}

static u32 encode_executed(const struct msg_executed *m, u8 *out)
{
    out[0] = 'E';
    put_be32(out + 23, m->qty);
    put_be32(out + 27, m->price);
    out[31] = liquidity_letter(m->liquidity);
    put_be64(out + 32, m->match);
    return 40;
}

/* A reserve's next part has another place in the queue: what 4.2 calls a priority update. */
static u32 encode_restated(const struct msg_restated *m, u8 *out)
{
    out[0] = 'T';
    put_be32(out + 23, m->price);
    out[27] = 'Y';
    put_be64(out + 28, m->secondary);
    return 36;
}

static u32 encode_priority(const struct msg_priority *m, u8 *out)
{
    out[0] = 'T';
    put_be32(out + 23, m->price);
    out[27] = m->display;
    put_be64(out + 28, m->order_ref);
    return 36;
}

/* It names the order itself. */
static u32 encode_broken(const struct msg_broken *m, u8 *out)
{
    out[0] = 'B';
    memcpy(out + 9, m->clordid, OUCH42_TOKEN);
    put_be64(out + 23, m->match);
    out[31] = m->reason;
    return 32;
}

static u32 encode_modified(const struct msg_modified *m, u8 *out)
{
    out[0] = 'M';
    out[23] = m->side;
    put_be32(out + 24, m->leaves);
    return 28;
}

u32 ouch42_wants(const union msg *m)
{
    switch (m->ev.type) {
    case EV_REPLACED:
        return m->order.orig_user_ref;
    case EV_CANCELLED:
        return m->cancelled.user_ref;
    case EV_AIQ_CANCELLED:
        return m->aiq.user_ref;
    case EV_RESTATED:
        return m->restated.user_ref;
    case EV_CANCEL_PENDING:
    case EV_CANCEL_REJECTED:
        return m->late.user_ref;
    case EV_PRIORITY:
        return m->priority.user_ref;
    case EV_EXECUTED:
        return m->executed.user_ref;
    case EV_MODIFIED:
        return m->modified.user_ref;
    default:
        return 0;
    }
}

static u32 encode_body(const union msg *m, const struct ouch42_context *c, u8 *out)
{
    switch (m->ev.type) {
    case EV_SYSTEM:
        out[0] = 'S';
        out[9] = m->system.code;
        return 10;
    case EV_ACCEPTED:
        return encode_accepted(&m->order, c, out);
    case EV_REPLACED:
        return encode_replaced(&m->order, c, out);
    case EV_CANCELLED:
        return encode_cancelled(&m->cancelled, out);
    case EV_AIQ_CANCELLED:
        return encode_aiq_cancelled(&m->aiq, out);
    case EV_CANCEL_PENDING:
    case EV_CANCEL_REJECTED:
        out[0] = m->ev.type == EV_CANCEL_PENDING ? 'P' : 'I';
        return 23;
    case EV_PRIORITY:
        return encode_priority(&m->priority, out);
    case EV_RESTATED:
        return encode_restated(&m->restated, out);
    case EV_EXECUTED:
        return encode_executed(&m->executed, out);
    case EV_BROKEN:
        return encode_broken(&m->broken, out);
    case EV_MODIFIED:
        return encode_modified(&m->modified, out);
    default:
        ASSERT_EQ(m->ev.type, EV_REJECTED); /* the others answer what 4.2 cannot ask */
        out[0] = 'J';
        memcpy(out + 9, m->rejected.clordid, OUCH42_TOKEN);
        out[23] = reject_letter(m->rejected.reason);
        return 24;
    }
}

u32 ouch42_encode(const union msg *m, const struct ouch42_context *c, u8 *out)
{
    if (ouch42_wants(m) != 0)
        memcpy(out + 9, c->token, OUCH42_TOKEN); /* Replaced writes its new one over it */
    u32 n = encode_body(m, c, out);

    ASSERT_LE(n, OUCH42_OUT_MAX);
    put_be64(out + 1, m->ev.time_ns >= c->midnight_ns ? m->ev.time_ns - c->midnight_ns : 0);
    return n;
}
