/*
 * fuzz_ouch5.c - any bytes as an OUCH message: no crash, and what becomes a command is fit for the
 * journal and for what comes of it on the way out. Then the same bytes as the script of a client
 * that is logged in and says anything (tests/lib/fuzz_client.h).
 * wb-test: runs=1500
 */
#include <string.h>

#include "gateway/session/bytes.h"
#include "gateway/session/ouch5.h"
#include "tests/lib/fuzz_client.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

/* The Accepted that an engine would make of an Enter. */
static union msg accepted(const struct msg_enter *in)
{
    union msg m = {.order = {.user_ref = in->user_ref,
                             .qty = in->qty,
                             .price = in->price,
                             .side = in->side,
                             .tif = in->tif,
                             .display = in->display,
                             .capacity = in->capacity,
                             .cross_type = in->cross_type,
                             .user_ref_idx = in->user_ref_idx,
                             .terms = in->terms}};

    m.ev.type = EV_ACCEPTED;
    m.ev.slots = 2;
    m.ev.session_seq = 1;
    return m;
}

/* As one message. */
static void decode(const u8 *data, u32 size)
{
    u8 out[OUCH5_OUT_MAX];
    union msg m;

    if (size == 0 || size > 510 || ouch5_decode(data, size, &m) != OUCH5_COMMAND)
        return;
    ASSERT(msg_check(m.slots, MSG_SLOTS_MAX) == NULL);
    if (m.cmd.type != CMD_ENTER)
        return;
    union msg a = accepted(&m.enter);
    u32 n = ouch5_encode(&a, m.enter.symbol, 0, out);
    ASSERT(n >= 64 && n <= OUCH5_OUT_MAX);
    a.ev.type = EV_REPLACED;
    n = ouch5_encode(&a, m.enter.symbol, 0, out);
    ASSERT(n >= 68 && n <= OUCH5_OUT_MAX);
}

struct shape {
    const char *text; /* a good message; where numbers stand, their places */
    u32 size;         /* without an appendage */
    bool must;        /* the appendage's length must be there */
};

static const struct shape shapes[] = {
    {"O....B....AAPL    ........0YANNCLIENTORDERID", 45, true},
    {"U............................0YNCLIENTORDERID", 38, true},
    {"X........", 9, false},
    {"M....B....", 10, false},
    {"C....FIRM        ", 17, false},
    {"D....FIRM", 9, false},
    {"E....FIRM", 9, false},
    {"Q", 1, false},
};

static void numbers(u8 *m, u8 ref, u8 qty)
{
    if (m[0] != 'Q')
        put_be32(m + 1, ref);
    if (m[0] == 'O') {
        put_be32(m + 6, 100u * qty);
        put_be64(m + 18, 1500000);
    } else if (m[0] == 'U') {
        put_be32(m + 5, ref + 1u + qty % 4);
        put_be32(m + 9, 100u * qty);
        put_be64(m + 13, 1500000);
        memcpy(m + 21, "0YNCLIENTORDERID ", 17);
    } else if (m[0] == 'X') {
        put_be32(m + 5, qty % 4 ? 0 : qty);
    } else if (m[0] == 'M') {
        put_be32(m + 6, 100u * qty);
    }
}

/* One of all types over a few numbers; some bytes are the input's, and the rest of the input is its
 * appendage. */
static void say(struct rig_client *c, const u8 *bytes, u32 n)
{
    const struct shape *shape = &shapes[bytes[0] % ARRAY_LEN(shapes)];
    u8 m[45 + 2 + 64];
    u32 size = shape->size;
    u32 at = 4;

    memset(m, ' ', sizeof m);
    memcpy(m, shape->text, strlen(shape->text));
    numbers(m, n > 1 ? 1 + bytes[1] % 32 : 1, n > 2 ? bytes[2] % 16 : 1);
    for (u32 changes = n > 3 ? bytes[3] % 4 : 0; changes > 0 && at + 2 <= n; changes--, at += 2)
        m[bytes[at] % size] = bytes[at + 1];
    u32 rest = at < n ? n - at : 0;
    if (shape->must || rest > 0) {
        put_be16(m + size, (u16)rest);
        memcpy(m + size + 2, bytes + at, rest);
        size += 2 + rest;
    }
    client_message(c, m, size);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    static const struct fuzz_dialect dialect = {.listener = 0, .say = say};

    decode(data, (u32)size);
    if (size > 600)
        size = 600;
    fuzz_client_run(&dialect, data, size);
    return 0;
}
