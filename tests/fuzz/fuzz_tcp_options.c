/* fuzz_tcp_options.c - any bytes as the options of a segment: parsing ends, and within them. */
#include <stdlib.h>
#include <string.h>

#include "engine/base/assert.h"
#include "gateway/net/tcp.h"

int LLVMFuzzerTestOneInput(const u8 *bytes, size_t n);

int LLVMFuzzerTestOneInput(const u8 *bytes, size_t n)
{
    struct tcp_segment seg = {0};
    u32 len = min_u32((u32)n, TCP_OPTS_MAX);
    u8 *copy = malloc(len + (len == 0)); /* exactly as long as it is: ASan sees any step beyond */

    if (len > 0)
        memcpy(copy, bytes, len);
    tcp_options_parse(copy, len, &seg);
    ASSERT_LE(seg.wscale, TCP_WSCALE_MAX);
    ASSERT_LE(seg.sacks_used, ARRAY_LEN(seg.sacks));
    free(copy);
    return 0;
}
