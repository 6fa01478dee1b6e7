/*
 * ouch5_out.c - an event to the bytes that its client sees (PROTOCOL.md section 4). Pure.
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
    case EV_EXECUTED:
        out[0] = 'E';
        return encode_executed(&m->executed, out);
    case EV_REJECTED:
        out[0] = 'J';
        return encode_rejected(&m->rejected, out);
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
