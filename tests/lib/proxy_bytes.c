/* proxy_bytes.c - see proxy_bytes.h; written from proxy-protocol.txt, not from our reader. */
#include "tests/lib/proxy_bytes.h"

#include <string.h>

#include "engine/base/assert.h"
#include "engine/base/crc32c.h"

static void put(struct proxy_bytes *p, const void *bytes, u32 n)
{
    ASSERT_LE(p->used + n, sizeof p->at);
    memcpy(p->at + p->used, bytes, n);
    p->used += n;
}

static void put16(struct proxy_bytes *p, u16 v)
{
    u8 b[2] = {(u8)(v >> 8), (u8)v};
    put(p, b, 2);
}

void proxy_begin(struct proxy_bytes *p, u8 command, u8 family)
{
    p->used = 0;
    put(p, "\x0D\x0A\x0D\x0A\x00\x0D\x0A\x51\x55\x49\x54\x0A", 12);
    put(p, &command, 1);
    put(p, &family, 1);
    put16(p, 0);
}

void proxy_tcp4(struct proxy_bytes *p, u32 client, u16 client_port, u32 server, u16 server_port)
{
    put(p, &client, 4);
    put(p, &server, 4);
    put16(p, client_port);
    put16(p, server_port);
}

void proxy_tlv(struct proxy_bytes *p, u8 type, const void *value, u16 n)
{
    put(p, &type, 1);
    put16(p, n);
    put(p, value, n);
}

void proxy_end(struct proxy_bytes *p, bool crc)
{
    u32 sum_at = p->used + 3;
    u32 sum;

    if (crc)
        proxy_tlv(p, 0x03, "\0\0\0\0", 4);
    p->at[14] = (u8)((p->used - 16) >> 8);
    p->at[15] = (u8)(p->used - 16);
    if (!crc)
        return;
    sum = crc32c_table(0, p->at, p->used);
    for (u32 i = 0; i < 4; i++)
        p->at[sum_at + i] = (u8)(sum >> (24 - 8 * i));
}
