/*
 * fuzz_flow.c - whose flow a frame concerns, for frames of any content and length: nothing behind
 * the frame is read, what a network card would hash has the card's hash, and the other direction of
 * a flow has the same.
 */
#include <string.h>

#include "engine/base/assert.h"
#include "gateway/port_rss.h"

#define FLOW_AT 26u /* addresses and ports in a segment without IPv4 options */

int LLVMFuzzerTestOneInput(const u8 *bytes, size_t n);

int LLVMFuzzerTestOneInput(const u8 *bytes, size_t n)
{
    u8 back[2048];
    u32 card, flow, other;

    if (n > sizeof back)
        return 0;
    bool has_flow = rss_flow_hash(bytes, (u32)n, &flow);
    if (!rss_frame_hash(bytes, (u32)n, &card))
        return 0;
    ASSERT(has_flow);
    ASSERT_EQ(flow, card);
    ASSERT_EQ(card, rss_hash(rss_key, bytes + FLOW_AT, 12));
    memcpy(back, bytes, n);
    memcpy(back + FLOW_AT, bytes + FLOW_AT + 4, 4);
    memcpy(back + FLOW_AT + 4, bytes + FLOW_AT, 4);
    memcpy(back + FLOW_AT + 8, bytes + FLOW_AT + 10, 2);
    memcpy(back + FLOW_AT + 10, bytes + FLOW_AT + 8, 2);
    ASSERT(rss_flow_hash(back, (u32)n, &other));
    ASSERT_EQ(other, flow);
    return 0;
}
