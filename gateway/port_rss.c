/* port_rss.c - see port_rss.h. */
#include "gateway/port_rss.h"

#include <string.h>

#include "engine/base/assert.h"

const u8 rss_key[RSS_KEY_BYTES] = {
    0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a,
    0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a,
    0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a,
};

#define FRAME_BYTES 38u /* Ethernet, IPv4 without options, the two ports */

/* For each bit of the input that is set, the 32 bits of the key that begin at the same place. */
u32 rss_hash(const u8 *key, const u8 *bytes, u32 n)
{
    u32 window = (u32)key[0] << 24 | (u32)key[1] << 16 | (u32)key[2] << 8 | key[3];
    u32 hash = 0;

    ASSERT_LE(n, RSS_KEY_BYTES - 4);
    for (u32 i = 0; i < n; i++) {
        for (int bit = 7; bit >= 0; bit--) {
            if ((bytes[i] >> bit & 1) != 0)
                hash ^= window;
            window = window << 1 | (key[i + 4] >> bit & 1);
        }
    }
    return hash;
}

bool rss_frame_hash(const u8 *frame, u32 n, u32 *hash)
{
    if (n < FRAME_BYTES || frame[12] != 0x08 || frame[13] != 0x00 || frame[14] != 0x45 ||
        frame[23] != 6 || (frame[20] & 0x3f) != 0 || frame[21] != 0)
        return false;
    *hash = rss_hash(rss_key, frame + 26, 12); /* both addresses and both ports, as they lie */
    return true;
}
