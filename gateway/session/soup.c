/*
 * soup.c - SoupBinTCP framing. Pure; called by the gateway's thread with a client's bytes.
 *
 * What enters is hostile: a length is checked against what its type may have before a single
 * payload byte is waited for, so a liar cannot make us wait for 64 KiB. After SOUP_BAD the caller
 * closes.
 */
#include "gateway/session/soup.h"

#include <string.h>

#include "engine/base/assert.h"

#define LOGIN_30_LEN 47u /* length field of a Login Request of version 3.00 and 4.00 */
#define LOGIN_41_LEN 52u /* ... of 4.1, with the heartbeat timeout */

/* Can a client's frame of this type have this length field? The one judge of inbound lengths. */
static bool legal(u8 type, u32 length)
{
    switch (type) {
    case SOUP_LOGIN:
        return length == LOGIN_30_LEN || length == LOGIN_41_LEN;
    case SOUP_UNSEQUENCED:
        return length >= 2;
    case SOUP_CLIENT_HEARTBEAT:
    case SOUP_LOGOUT:
        return length == 1;
    case SOUP_DEBUG:
        return true;
    default:
        return false;
    }
}

/* Looks at the `n` first bytes of a frame. `*total` is its size once it is known, else 0. */
static enum soup_status head_status(const u8 *b, u32 n, u32 *total)
{
    *total = 0;
    if (n < 2)
        return SOUP_MORE;
    u32 length = (u32)b[0] << 8 | b[1];
    if (length == 0 || length + 2 > SOUP_FRAME_IN_MAX)
        return SOUP_BAD;
    if (n < SOUP_HEAD_BYTES)
        return SOUP_MORE;
    if (!legal(b[2], length))
        return SOUP_BAD;
    *total = length + 2;
    return n >= *total ? SOUP_FRAME : SOUP_MORE;
}

static void set_frame(struct soup_frame *frame, const u8 *b, u32 total)
{
    frame->type = b[2];
    frame->len = total - SOUP_HEAD_BYTES;
    frame->payload = b + SOUP_HEAD_BYTES;
}

/* Goes on with a frame that began in an earlier call: first its head, then what that asks for. */
static enum soup_status go_on(struct soup_in *in, const u8 *bytes, u32 n, u32 *used,
                              struct soup_frame *frame)
{
    u32 total;
    enum soup_status status = head_status(in->bytes, in->used, &total);

    ASSERT_EQ(status, SOUP_MORE);
    *used = 0;
    while (*used < n && status == SOUP_MORE) {
        u32 want = total != 0 ? total : SOUP_HEAD_BYTES;
        u32 take = min_u32(want - in->used, n - *used);
        memcpy(in->bytes + in->used, bytes + *used, take);
        in->used = (u16)(in->used + take);
        *used += take;
        status = head_status(in->bytes, in->used, &total);
    }
    if (status == SOUP_FRAME) {
        set_frame(frame, in->bytes, total);
        in->used = 0;
    }
    return status;
}

enum soup_status soup_next(struct soup_in *in, const u8 *bytes, u32 n, u32 *used,
                           struct soup_frame *frame)
{
    u32 total;
    enum soup_status status;

    ASSERT_GT(n, 0);
    if (in->used > 0)
        return go_on(in, bytes, n, used, frame);
    status = head_status(bytes, n, &total);
    *used = n;
    if (status == SOUP_FRAME) {
        set_frame(frame, bytes, total);
        *used = total;
    } else if (status == SOUP_MORE) {
        memcpy(in->bytes, bytes, n);
        in->used = (u16)n;
    }
    return status;
}

/* The part of a field between the blanks (spaces, NULs) at its ends. */
static u32 trim(const u8 **text, u32 n)
{
    while (n > 0 && ((*text)[0] == ' ' || (*text)[0] == 0)) {
        (*text)++;
        n--;
    }
    while (n > 0 && ((*text)[n - 1] == ' ' || (*text)[n - 1] == 0))
        n--;
    return n;
}

static bool is_digit(u8 c)
{
    return c >= '0' && c <= '9';
}

/* Copies a trimmed field in upper case; false when it is empty or not letters and digits. */
static bool read_word(char *out, const u8 *field, u32 n)
{
    bool ok;

    memset(out, ' ', n);
    n = trim(&field, n);
    ok = n > 0;
    for (u32 i = 0; i < n; i++) {
        u8 c = field[i];
        if (c >= 'a' && c <= 'z')
            c = (u8)(c - 'a' + 'A');
        ok = ok && (is_digit(c) || (c >= 'A' && c <= 'Z'));
        out[i] = (char)c;
    }
    return ok;
}

/* Reads a trimmed decimal; `blank` is what an empty field means. More than u64 holds is its end. */
static bool read_number(u64 *out, const u8 *field, u32 n, u64 blank)
{
    u64 value = 0;

    n = trim(&field, n);
    for (u32 i = 0; i < n; i++) {
        if (!is_digit(field[i]))
            return false;
        u64 digit = (u64)(field[i] - '0');
        value = value > (UINT64_MAX - digit) / 10 ? UINT64_MAX : value * 10 + digit;
    }
    *out = n == 0 ? blank : value;
    return true;
}

/* Reads the requested session: blank, or eight digits of the day and two of the shard. */
static bool read_session(struct soup_login *login, const u8 *field)
{
    u64 id;
    const u8 *text = field;
    u32 n = trim(&text, 10);

    login->day = 0;
    login->shard = 0;
    if (n == 0)
        return true;
    if (n != 10 || !read_number(&id, field, 10, 0))
        return false;
    login->day = (u32)(id / 100);
    login->shard = (u16)(id % 100);
    return login->day != 0;
}

void soup_login_read(const u8 *payload, u32 len, struct soup_login *login)
{
    u64 silence = 0;
    bool seq_ok;

    ASSERT(len == LOGIN_30_LEN - 1 || len == LOGIN_41_LEN - 1);
    login->user_ok = read_word(login->user, payload, 6);
    login->user_ok &= read_word(login->password, payload + 6, 10);
    login->session_ok = read_session(login, payload + 16);
    seq_ok = read_number(&login->seq, payload + 26, 20, 1);
    login->session_ok = login->session_ok && seq_ok;
    if (len == LOGIN_41_LEN - 1)
        read_number(&silence, payload + 46, 5, 0); /* stays 0 where that is no number */
    login->silence_ms = (u32)silence;
}

u32 soup_head(u8 *out, u8 type, u32 len)
{
    u32 length = len + 1;

    ASSERT_LE(length, 0xFFFF);
    out[0] = (u8)(length >> 8);
    out[1] = (u8)length;
    out[2] = type;
    return SOUP_HEAD_BYTES;
}

/* A decimal, right-justified in `width` places; `pad` fills the left. */
static void write_number(u8 *out, u64 value, u32 width, u8 pad)
{
    for (u32 i = width; i-- > 0;) {
        out[i] = value == 0 && i + 1 < width ? pad : (u8)('0' + value % 10);
        value /= 10;
    }
}

void soup_session_id(char out[10], u32 day, u16 shard)
{
    ASSERT_LT(shard, 100);
    write_number((u8 *)out, day, 8, '0');
    write_number((u8 *)out + 8, shard, 2, '0');
}

u32 soup_accepted(u8 *out, const char session[10], u64 seq)
{
    u32 at = soup_head(out, SOUP_ACCEPTED, SOUP_ACCEPTED_BYTES - SOUP_HEAD_BYTES);

    memcpy(out + at, session, 10);
    write_number(out + at + 10, seq, 20, ' ');
    return SOUP_ACCEPTED_BYTES;
}

u32 soup_rejected(u8 *out, u8 reason)
{
    u32 at = soup_head(out, SOUP_REJECTED, 1);

    out[at] = reason;
    return SOUP_REJECTED_BYTES;
}
