/*
 * fuzz_ouch5.c - any bytes as an OUCH message: no crash, and what becomes a command is fit for the
 * journal and for what comes of it on the way out.
 */
#include "engine/msg/msg.h"
#include "gateway/session/ouch5.h"

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

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    u8 out[OUCH5_OUT_MAX];
    union msg m;

    if (size == 0 || size > 510 || ouch5_decode(data, (u32)size, &m) != OUCH5_COMMAND)
        return 0;
    ASSERT(msg_check(m.slots, MSG_SLOTS_MAX) == NULL);
    if (m.cmd.type != CMD_ENTER)
        return 0;
    union msg a = accepted(&m.enter);
    u32 n = ouch5_encode(&a, m.enter.symbol, 0, out);
    ASSERT(n >= 64 && n <= OUCH5_OUT_MAX);
    a.ev.type = EV_REPLACED;
    n = ouch5_encode(&a, m.enter.symbol, 0, out);
    ASSERT(n >= 68 && n <= OUCH5_OUT_MAX);
    return 0;
}
