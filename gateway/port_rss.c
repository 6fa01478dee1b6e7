/* port_rss.c - see port_rss.h. */
#include "gateway/port_rss.h"

#include <string.h>

#include "engine/base/assert.h"

const u8 rss_key[RSS_KEY_BYTES] = {
    0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a,
    0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a,
    0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a, 0x6d, 0x5a,
};

#define ETH_BYTES   14u
#define IP_BYTES    20u /* without options */
#define ICMP_BYTES  8u
#define FLOW_BYTES  12u /* both addresses and both ports */
#define TCP         6
#define ICMP        1
#define UNREACHABLE 3 /* RFC 792 */

/* For each bit of the input that is set, the 32 bits of the key that begin at the same place. */
u32 rss_hash(const u8 *key, const u8 *bytes, u32 n)
{
    u32 window = (u32)key[0] << 24 | (u32)key[1] << 16 | (u32)key[2] << 8 | key[3];
    u32 hash = 0;

    ASSERT_LE(n, RSS_KEY_BYTES - 4);
    for (u32 i = 0; i < n; i++) {
        for (int bit = 7; bit >= 0; bit--) {
            hash ^= window & -(u32)(bytes[i] >> bit & 1);
            window = window << 1 | (key[i + 4] >> bit & 1);
        }
    }
    return hash;
}

/* An IPv4 header of `proto` without options that is no fragment, in `room` bytes. */
static bool plain_ip(const u8 *ip, u32 room, u8 proto)
{
    return room >= IP_BYTES && ip[0] == 0x45 && ip[9] == proto && (ip[6] & 0x3f) == 0 && ip[7] == 0;
}

/*
 * Addresses and ports as they lie. Our key repeats two bytes, so the hash of all is that of their
 * sum without carries, folded to two bytes.
 */
static u32 flow_hash(const u8 *ip)
{
    const u8 *flow = ip + IP_BYTES - 8;
    u8 folded[2] = {0, 0};

    for (u32 i = 0; i < FLOW_BYTES; i += 2) {
        folded[0] ^= flow[i];
        folded[1] ^= flow[i + 1];
    }
    return rss_hash(rss_key, folded, sizeof folded);
}

static bool segment_hash(const u8 *ip, u32 room, u32 *hash)
{
    if (room < IP_BYTES + 4 || !plain_ip(ip, room, TCP))
        return false;
    *hash = flow_hash(ip);
    return true;
}

static bool is_ipv4(const u8 *frame, u32 n)
{
    return n >= ETH_BYTES && frame[12] == 0x08 && frame[13] == 0x00;
}

bool rss_frame_hash(const u8 *frame, u32 n, u32 *hash)
{
    return is_ipv4(frame, n) && segment_hash(frame + ETH_BYTES, n - ETH_BYTES, hash);
}

bool rss_flow_hash(const u8 *frame, u32 n, u32 *hash)
{
    const u8 *ip = frame + ETH_BYTES;
    const u32 quoted = IP_BYTES + ICMP_BYTES;

    if (!is_ipv4(frame, n))
        return false;
    if (segment_hash(ip, n - ETH_BYTES, hash))
        return true;
    return n >= ETH_BYTES + quoted && plain_ip(ip, n - ETH_BYTES, ICMP) &&
           ip[IP_BYTES] == UNREACHABLE && segment_hash(ip + quoted, n - ETH_BYTES - quoted, hash);
}
