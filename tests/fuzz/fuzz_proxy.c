/*
 * fuzz_proxy.c - any bytes as the beginning of a connection behind a balancer. The verdict must not
 * depend on the split, must end, and a client's must be what a plain reader of the whole header
 * makes of it.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/base/assert.h"
#include "engine/base/crc32c.h"
#include "gateway/net/proxy.h"

int LLVMFuzzerTestOneInput(const u8 *bytes, size_t n);

static enum proxy_status in_pieces(struct proxy_in *in, const u8 *bytes, u32 n, u32 piece, u32 *at)
{
    enum proxy_status status = PROXY_MORE;

    memset(in, 0, sizeof *in);
    for (*at = 0; status == PROXY_MORE && *at < n;) {
        u32 used;
        u32 len = min_u32(piece, n - *at);
        u8 *copy = malloc(len); /* exactly as long as it is: ASan sees any step beyond */
        memcpy(copy, bytes + *at, len);
        status = proxy_next(in, copy, len, &used);
        free(copy);
        ASSERT(used >= 1 && used <= len);
        ASSERT(status != PROXY_MORE || used == len);
        *at += used;
    }
    return status;
}

/* The sum that a header says it has is the sum that it has. */
static void check_sum(const u8 *bytes, u32 n)
{
    u8 whole[PROXY_FIXED_BYTES + PROXY_REST_MAX];
    u32 at = PROXY_FIXED_BYTES + (bytes[13] == 0x11 ? 12 : 36);
    u32 sum_at = 0;

    memcpy(whole, bytes, n);
    while (at < n) {
        ASSERT_LE(at + 3, n);
        u32 len = (u32)bytes[at + 1] << 8 | bytes[at + 2];
        ASSERT_LE(at + 3 + len, n);
        if (bytes[at] == 3 && len == 4) {
            ASSERT_EQ(sum_at, 0);
            sum_at = at + 3;
            memset(whole + sum_at, 0, 4);
        }
        at += 3 + len;
    }
    if (sum_at == 0)
        return;
    u32 sum = crc32c_table(0, whole, n);
    for (u32 i = 0; i < 4; i++)
        ASSERT_EQ(bytes[sum_at + i], sum >> (24 - 8 * i) & 0xFF);
}

int LLVMFuzzerTestOneInput(const u8 *bytes, size_t size)
{
    u32 n = min_u32((u32)size, 2 * PROXY_REST_MAX);
    struct proxy_in whole;
    struct proxy_in pieces;
    u32 at, other;

    if (n == 0)
        return 0;
    enum proxy_status want = in_pieces(&whole, bytes, n, n, &at);
    enum proxy_status got = in_pieces(&pieces, bytes, n, 1 + bytes[0] % 7, &other);
    ASSERT_EQ(got, want);
    ASSERT_EQ(other, at);
    ASSERT(memcmp(&whole, &pieces, sizeof whole) == 0);
    ASSERT_LT(strlen(whole.endpoint), sizeof whole.endpoint);
    if (want == PROXY_CLIENT)
        check_sum(bytes, at);
    return 0;
}
