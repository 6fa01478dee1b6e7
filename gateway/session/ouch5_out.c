/*
 * ouch5_out.c - an event to the bytes that its client sees (CONFORMANCE.md section 4). Pure.
 *
 * Nothing but the event, its instrument's symbol and the day goes in, so a replay after any crash
 * gives the same bytes as the first time.
 */
#include "gateway/session/bytes.h"
#include "gateway/session/ouch5.h"
#include "gateway/session/ouch5_tags.h"

/* Appends tag 28 as a whole appendage when the channel is not the base one; else nothing. */
static u32 channel_if_any(u8 *out, u8 user_ref_idx)
{
    static const u8 head[4] = {0, 3, 2, 28};

    if (user_ref_idx == 0)
        return 0;
    memcpy(out, head, sizeof head);
    out[4] = user_ref_idx;
    return 5;
}

static u32 encode_system(const struct msg_system *m, u8 *out)
{
    out[9] = m->code;
    return 10;
}

/* What Accepted (from offset 13) and Replaced (from 17) have in common: 49 bytes. */
static void put_order(const struct msg_order *m, const char symbol[8], u8 *out)
{
    out[0] = m->side;
    put_be32(out + 1, m->qty);
    memcpy(out + 5, symbol, 8);
    put_be64(out + 13, m->price);
    out[21] = m->tif;
    out[22] = m->display;
    put_be64(out + 23, m->order_ref);
    out[31] = m->capacity;
    out[32] = (m->head.flags & MSG_ISO) != 0 ? 'Y' : 'N';
    out[33] = m->cross_type;
    out[34] = (m->head.flags & MSG_DEAD) != 0 ? 'D' : 'L';
    memcpy(out + 35, m->terms.clordid, 14);
}

static u32 encode_accepted(const struct msg_order *m, const char symbol[8], u8 *out)
{
    put_be32(out + 9, m->user_ref);
    put_order(m, symbol, out + 13);
    return 62 + ouch5_tags_write(out + 62, TAGS_ACCEPTED, &m->terms, m->user_ref_idx);
}

static u32 encode_replaced(const struct msg_order *m, const char symbol[8], u8 *out)
{
    put_be32(out + 9, m->orig_user_ref);
    put_be32(out + 13, m->user_ref);
    put_order(m, symbol, out + 17);
    return 66 + ouch5_tags_write(out + 66, TAGS_REPLACED, &m->terms, m->user_ref_idx);
}

static u32 encode_cancelled(const struct msg_cancelled *m, u8 *out)
{
    put_be32(out + 9, m->user_ref);
    put_be32(out + 13, m->qty);
    out[17] = m->reason;
    return 18 + channel_if_any(out + 18, m->user_ref_idx);
}

/* What did not happen: the liquidity flag is that of the fill that it would have been. */
static u32 encode_aiq_cancelled(const struct msg_aiq_cancelled *m, u8 *out)
{
    bool taker = (m->head.flags & MSG_TAKER) != 0;
    bool hidden = (m->head.flags & MSG_HIDDEN) != 0;

    put_be32(out + 9, m->user_ref);
    put_be32(out + 13, m->qty);
    out[17] = 'Q';
    put_be32(out + 18, m->prevented);
    put_be64(out + 22, m->price);
    out[30] = taker ? 'R' : hidden ? 'J' : 'A';
    out[31] = m->strategy;
    return 32 + channel_if_any(out + 32, m->user_ref_idx);
}

/* Always a list: what is shown (22), under which number (1), at which price (23), and tag 28. */
static u32 encode_restated(const struct msg_restated *m, u8 *out)
{
    u32 at = 32;

    put_be32(out + 9, m->user_ref);
    out[13] = m->reason;
    out[16] = 5, out[17] = 22;
    put_be32(out + 18, m->qty);
    out[22] = 9, out[23] = 1;
    put_be64(out + 24, m->secondary);
    if (m->price != 0) {
        out[at] = 9, out[at + 1] = 23;
        put_be64(out + at + 2, m->price);
        at += 10;
    }
    if (m->user_ref_idx != 0) {
        out[at] = 2, out[at + 1] = 28;
        out[at + 2] = m->user_ref_idx;
        at += 3;
    }
    put_be16(out + 14, (u16)(at - 16));
    return at;
}

static u32 encode_executed(const struct msg_executed *m, u8 *out)
{
    put_be32(out + 9, m->user_ref);
    put_be32(out + 13, m->qty);
    put_be64(out + 17, m->price);
    out[25] = m->liquidity;
    put_be64(out + 26, m->match);
    if (m->user_ref_idx != 0)
        return 34 + channel_if_any(out + 34, m->user_ref_idx);
    put_be16(out + 34, 0); /* on this message the length is always there */
    return 36;
}

static u32 encode_rejected(const struct msg_rejected *m, u8 *out)
{
    put_be32(out + 9, m->user_ref);
    put_be16(out + 13, m->reason);
    memcpy(out + 15, m->clordid, 14);
    return 29 + channel_if_any(out + 29, m->user_ref_idx);
}

static u32 encode_queried(const struct msg_query *m, u8 *out)
{
    put_be32(out + 9, m->next_user_ref);
    return 13 + channel_if_any(out + 13, m->user_ref_idx);
}

/* Cancel Pending and Cancel Reject. */
static u32 encode_late(const struct msg_late *m, u8 *out)
{
    put_be32(out + 9, m->user_ref);
    return 13 + channel_if_any(out + 13, m->user_ref_idx);
}

static u32 encode_broken(const struct msg_broken *m, u8 *out)
{
    put_be32(out + 9, m->user_ref);
    put_be64(out + 13, m->match);
    out[21] = m->reason;
    memcpy(out + 22, m->clordid, sizeof m->clordid);
    return 36 + channel_if_any(out + 36, m->user_ref_idx);
}

static u32 encode_priority(const struct msg_priority *m, u8 *out)
{
    put_be32(out + 9, m->user_ref);
    put_be64(out + 13, m->price);
    out[21] = m->display;
    put_be64(out + 22, m->order_ref);
    return 30 + channel_if_any(out + 30, m->user_ref_idx);
}

/* Here tags 25 and 26 are echoed too; without any tag there is no appendage. */
static u32 encode_modified(const struct msg_modified *m, u8 *out)
{
    struct order_terms terms = {0};

    put_be32(out + 9, m->user_ref);
    out[13] = m->side;
    put_be32(out + 14, m->leaves);
    if (m->located != 0)
        terms.tags |= TAG_BIT(25);
    terms.yes = m->located == 'Y' ? YES_SHARES_LOCATED : 0;
    if (m->locate_broker[0] != 0)
        terms.tags |= TAG_BIT(26);
    memcpy(terms.locate_broker, m->locate_broker, sizeof terms.locate_broker);
    if (terms.tags == 0 && m->user_ref_idx == 0)
        return 18;
    return 18 + ouch5_tags_write(out + 18, TAGS_MODIFY, &terms, m->user_ref_idx);
}

/* Always a list: what tags 24, 27 and 28 said. */
static u32 encode_mass(const struct msg_mass *m, u8 *out)
{
    u32 at = 27;

    put_be32(out + 9, m->user_ref);
    memcpy(out + 13, m->firm, sizeof m->firm);
    memcpy(out + 17, m->symbol, sizeof m->symbol);
    if (m->has_group) {
        out[at] = 3;
        out[at + 1] = 24;
        put_be16(out + at + 2, m->group_id);
        at += 4;
    }
    if (m->side != 0) {
        out[at] = 2;
        out[at + 1] = 27;
        out[at + 2] = m->side;
        at += 3;
    }
    if (m->user_ref_idx != 0) {
        out[at] = 2;
        out[at + 1] = 28;
        out[at + 2] = m->user_ref_idx;
        at += 3;
    }
    put_be16(out + 25, (u16)(at - 27));
    return at;
}

static u32 encode_firm(const struct msg_firm *m, u8 *out)
{
    put_be32(out + 9, m->user_ref);
    memcpy(out + 13, m->firm, sizeof m->firm);
    if (m->user_ref_idx != 0)
        return 17 + channel_if_any(out + 17, m->user_ref_idx);
    put_be16(out + 17, 0);
    return 19;
}

/* The message's letter and its body behind the timestamp. */
static u32 encode_body(const union msg *m, const char symbol[8], u8 *out)
{
    switch (m->ev.type) {
    case EV_SYSTEM:
        out[0] = 'S';
        return encode_system(&m->system, out);
    case EV_ACCEPTED:
        out[0] = 'A';
        return encode_accepted(&m->order, symbol, out);
    case EV_REPLACED:
        out[0] = 'U';
        return encode_replaced(&m->order, symbol, out);
    case EV_CANCELLED:
        out[0] = 'C';
        return encode_cancelled(&m->cancelled, out);
    case EV_AIQ_CANCELLED:
        out[0] = 'D';
        return encode_aiq_cancelled(&m->aiq, out);
    case EV_RESTATED:
        out[0] = 'R';
        return encode_restated(&m->restated, out);
    case EV_EXECUTED:
        out[0] = 'E';
        return encode_executed(&m->executed, out);
    case EV_REJECTED:
        out[0] = 'J';
        return encode_rejected(&m->rejected, out);
    case EV_MODIFIED:
        out[0] = 'M';
        return encode_modified(&m->modified, out);
    case EV_MASS_CANCELLED:
        out[0] = 'X';
        return encode_mass(&m->mass, out);
    case EV_DISABLED:
    case EV_ENABLED:
        out[0] = m->ev.type == EV_DISABLED ? 'G' : 'K';
        return encode_firm(&m->firm, out);
    case EV_CANCEL_PENDING:
    case EV_CANCEL_REJECTED:
        out[0] = m->ev.type == EV_CANCEL_PENDING ? 'P' : 'I';
        return encode_late(&m->late, out);
    case EV_BROKEN:
        out[0] = 'B';
        return encode_broken(&m->broken, out);
    case EV_PRIORITY:
        out[0] = 'T';
        return encode_priority(&m->priority, out);
    default:
        ASSERT_EQ(m->ev.type, EV_QUERIED); /* no other event has a session_seq */
        out[0] = 'Q';
        return encode_queried(&m->query, out);
    }
}

u32 ouch5_encode(const union msg *m, const char symbol[8], u64 midnight_ns, u8 *out)
{
    u32 n = encode_body(m, symbol, out);

    ASSERT_LE(n, OUCH5_OUT_MAX);
    put_be64(out + 1, m->ev.time_ns >= midnight_ns ? m->ev.time_ns - midnight_ns : 0);
    return n;
}
