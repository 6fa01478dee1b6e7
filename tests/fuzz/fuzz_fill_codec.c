/*
 * fuzz_fill_codec.c - any bytes as a fill: no crash, no memory for what is not there, and what is
 * taken can be encoded and decoded as the same.
 */
#include <string.h>

#include "engine/base/assert.h"
#include "persist/fill_codec.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    struct fill first, second;
    u8 bytes[FILL_BYTES_MAX];

    if (size > UINT32_MAX || fill_decode(data, (u32)size, &first))
        return 0;
    if (first.version == 0) /* means "ours" when encoding */
        first.version = FILL_VERSION;
    u32 n = fill_encode(&first, bytes);
    ASSERT(fill_decode(bytes, n, &second) == NULL);
    ASSERT(first.seq == second.seq && first.idx == second.idx && first.qty == second.qty);
    ASSERT(first.price == second.price && first.time_ns == second.time_ns);
    ASSERT(strcmp(first.symbol, second.symbol) == 0 && strcmp(first.user, second.user) == 0);
    ASSERT(first.side == second.side && first.taker == second.taker);
    return 0;
}
