/*
 * proxy.c - see proxy.h. Pure. The bytes come from a trusted balancer's address, which is no reason
 * to trust them: whoever reaches the balancer may reach its bugs. One byte at a time: a connection
 * has one such header in its life.
 */
#include "gateway/net/proxy.h"

#include <string.h>

#include "engine/base/assert.h"
#include "engine/base/crc32c.h"

#define COMMAND_LOCAL 0x20u /* version 2 in the upper half */
#define COMMAND_PROXY 0x21u
#define FAMILY_UNSPEC 0x00u
#define FAMILY_TCP4   0x11u
#define FAMILY_TCP6   0x21u
#define TLV_CRC32C    0x03u
#define TLV_AWS       0xEAu
#define AWS_ENDPOINT  0x01u
#define TLV_HEAD      3u

static const u8 signature[12] = "\r\n\r\n\0\r\nQUIT\n";

/* Bytes of addresses that a family has; what stands behind them are TLVs. */
static u32 address_bytes(u8 family)
{
    return family == FAMILY_TCP4 ? 12 : family == FAMILY_TCP6 ? 36 : 0;
}

/* One of the 16 fixed bytes. False: it cannot be. */
static bool take_fixed(struct proxy_in *in, u8 b)
{
    if (in->at < sizeof signature)
        return b == signature[in->at];
    switch (in->at) {
    case 12:
        in->command = b;
        return b == COMMAND_LOCAL || b == COMMAND_PROXY;
    case 13:
        in->family = b;
        return in->command == COMMAND_LOCAL || b == FAMILY_UNSPEC || b == FAMILY_TCP4 ||
               b == FAMILY_TCP6;
    case 14:
        in->rest = (u32)b << 8;
        return true;
    default:
        in->rest |= b;
        return in->rest <= PROXY_REST_MAX &&
               (in->command == COMMAND_LOCAL || in->rest >= address_bytes(in->family));
    }
}

/* Is it a character that may be shown to people? */
static bool printable(u8 b)
{
    return b > ' ' && b < 0x7F;
}

/* One byte of a TLV's value, `at` from its start. */
static void take_value(struct proxy_in *in, u8 b, u32 at)
{
    if (in->tlv_type == TLV_CRC32C && in->tlv_bytes == 4) {
        in->crc_said = in->crc_said << 8 | b;
        in->crc_used++;
    } else if (in->tlv_type == TLV_AWS && at == 0) {
        in->tlv_sub = b;
        if (b == AWS_ENDPOINT)
            memset(in->endpoint, 0, sizeof in->endpoint);
    } else if (in->tlv_type == TLV_AWS && in->tlv_sub == AWS_ENDPOINT && at <= PROXY_ENDPOINT_MAX) {
        in->endpoint[at - 1] = printable(b) ? (char)b : '?';
    }
}

/* One byte of the TLVs; `left` are the header's bytes from it on. False: they do not fit. */
static bool take_tlv(struct proxy_in *in, u8 b, u32 left)
{
    if (in->tlv_at < TLV_HEAD) {
        if (in->tlv_at == 0) {
            in->tlv_type = b;
            in->tlv_bytes = 0;
            if (left < TLV_HEAD)
                return false;
        } else {
            in->tlv_bytes = in->tlv_bytes << 8 | b;
        }
    } else {
        take_value(in, b, in->tlv_at - TLV_HEAD);
    }
    in->tlv_at++;
    if (in->tlv_at == TLV_HEAD && in->tlv_bytes > left - 1)
        return false;
    if (in->tlv_at >= TLV_HEAD && in->tlv_at == TLV_HEAD + in->tlv_bytes)
        in->tlv_at = 0;
    return true;
}

/* One byte behind the fixed ones. */
static bool take_rest(struct proxy_in *in, u8 b)
{
    u32 at = in->at - PROXY_FIXED_BYTES;

    if (in->command == COMMAND_LOCAL || in->family == FAMILY_UNSPEC)
        return true; /* skipped by length alone */
    if (at < address_bytes(in->family)) {
        in->address[at] = b;
        return true;
    }
    return take_tlv(in, b, in->rest - at);
}

/* The checksum goes over the header with zeros in its own place. */
static void add_crc(struct proxy_in *in, u8 b)
{
    bool own = in->command == COMMAND_PROXY && in->tlv_type == TLV_CRC32C && in->tlv_bytes == 4 &&
               in->at >= PROXY_FIXED_BYTES + address_bytes(in->family) && in->tlv_at >= TLV_HEAD;
    u8 counted = own ? 0 : b;

    in->crc = crc32c(in->crc, &counted, 1);
}

/* The client's address and port out of the whole header. */
static enum proxy_status client_of(struct proxy_in *in)
{
    static const u8 mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
    const u8 *ip = in->address;
    const u8 *port = in->address + 8;

    if (in->family == FAMILY_TCP6) {
        if (memcmp(ip, mapped, sizeof mapped) != 0)
            return PROXY_BAD;
        ip += sizeof mapped;
        port = in->address + 32;
    }
    memcpy(&in->ipv4, ip, sizeof in->ipv4);
    in->port = (u16)(port[0] << 8 | port[1]);
    return PROXY_CLIENT;
}

static enum proxy_status verdict(struct proxy_in *in)
{
    if (in->command == COMMAND_LOCAL)
        return PROXY_LOCAL;
    if (in->family == FAMILY_UNSPEC)
        return PROXY_DIRECT;
    if (in->crc_used != 0 && (in->crc_used != 4 || in->crc_said != in->crc))
        return PROXY_BAD; /* two of them count as wrong */
    return client_of(in);
}

enum proxy_status proxy_next(struct proxy_in *in, const u8 *bytes, u32 n, u32 *used)
{
    ASSERT_GT(n, 0);
    for (*used = 0; *used < n;) {
        u8 b = bytes[(*used)++];
        add_crc(in, b);
        if (!(in->at < PROXY_FIXED_BYTES ? take_fixed(in, b) : take_rest(in, b)))
            return PROXY_BAD;
        in->at++;
        if (in->at >= PROXY_FIXED_BYTES && in->at == PROXY_FIXED_BYTES + in->rest)
            return verdict(in);
    }
    return PROXY_MORE;
}
