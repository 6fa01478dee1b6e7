/*
 * fuzz_ouch42.c - a venue under a 4.2 client that is logged in and then says anything: the input is
 * a script of messages over a few tokens, with bytes of its own anywhere in them, of takeovers and
 * of answers that are held up. The venue's invariants hold at the end, and a replay from 1 is what
 * was seen live.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "gateway/session/ouch42.h"
#include "gateway/session/soup.h"
#include "tests/lib/fake_transport.h"
#include "tests/lib/session_client.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

#define SEEN_MAX (1u << 16)
#define LOGINS   4u

static struct rig rig;
static struct rig_client client;
static u8 seen[SEEN_MAX]; /* every sequenced message, one after the other */
static u32 seen_used;
static u64 seen_next; /* number of the next one */

static void log_in(u64 seq)
{
    memset(&client, 0, sizeof client);
    client_open(&client, &rig);
    client_login(&client, "ALICE", seq);
}

/* Takes what has come; new messages are kept, old ones must be the same bytes. */
static void take(u32 *at)
{
    struct rig_frame f;

    while ((f = client_next(&client)).type != 0) {
        if (f.type != SOUP_SEQUENCED || seen_used + f.len > SEEN_MAX)
            continue;
        if (*at < seen_used) {
            ASSERT(memcmp(seen + *at, f.payload, f.len) == 0);
        } else {
            memcpy(seen + seen_used, f.payload, f.len);
            seen_used += f.len;
            seen_next = client.next_seq;
        }
        *at += f.len;
    }
}

/* A message of a legal size whose tokens are two of eight and whose rest is the input's. */
static void say(const u8 *bytes, u32 n)
{
    static const u8 types[] = {'O', 'O', 'U', 'X', 'M'};
    static const u32 sizes[] = {49, 48, 47, 19, 20};
    u8 m[64];
    u32 kind = bytes[0] % 5;

    memcpy(m, "O              B...dAAPL    ..u0...^    YAN....NN", 49);
    for (u32 i = 0; i + 3 < n; i += 2)
        m[15 + bytes[i + 2] % 34] = bytes[i + 3];
    m[0] = types[kind];
    m[16] = 0;
    m[17] = 0;
    memset(m + 1, ' ', 14);
    m[1] = (u8)('A' + (bytes[0] >> 5));
    if (kind == 2) {
        memset(m + 15, ' ', 14);
        m[15] = (u8)('A' + (n > 1 ? bytes[1] & 7 : 0));
        memset(m + 29, 0, 3);
        memcpy(m + 41, "YN\0\0\0", 6);
    }
    client_message(&client, m, sizes[kind]);
}

static void step(u8 op, const u8 *bytes, u32 n, u32 *at, u32 *logins)
{
    switch (op % 8) {
    case 0:
        client_message(&client, bytes, n);
        break;
    case 1:
        take(at);
        break;
    case 2:
        if (++*logins < LOGINS) {
            rig.hold_auth = rig.hold_durable = rig.hold_engine = false;
            take(at);
            log_in(1);
            *at = 0;
        }
        break;
    case 3:
        rig.hold_durable = op & 16;
        rig.hold_engine = op & 32;
        break;
    default:
        say(bytes, n);
        break;
    }
    rig_turns(&rig, 2);
}

/* Decoding alone, in memory of exactly that size. */
static void decode(const u8 *data, size_t size)
{
    u32 n = min_u32((u32)size, 64);
    struct ouch42_names names;
    union msg m;

    if (n == 0)
        return;
    u8 *copy = malloc(n);
    memcpy(copy, data, n);
    if (ouch42_decode(copy, n, &m, &names) == OUCH5_COMMAND)
        ASSERT(msg_type_slots(m.cmd.type) == m.cmd.slots);
    free(copy);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    struct rig_conf conf = {.store_chunks = 2,
                            .cmd_slots = 64,
                            .ring_slots = 1024,
                            .orders_max = 1000,
                            .slow_timeout_ns = 3600 * NS_PER_SEC};
    struct fake_transport *f = fake_new(1);
    u32 at = 0;
    u32 logins = 1;

    if (size > 600)
        size = 600;
    decode(data, size);
    seen_used = 0;
    rig_open(&rig, &f->wire, &conf);
    f->listener = RIG_OUCH42;
    log_in(1);
    for (size_t i = 0; i + 3 <= size;) {
        u32 n = min_u32(1u + data[i + 1] % 64, (u32)(size - i - 2));
        step(data[i], data + i + 2, n, &at, &logins);
        i += 2 + n;
    }
    rig.hold_durable = rig.hold_engine = false;
    take(&at);
    log_in(1);
    at = 0;
    take(&at);
    ASSERT_EQ(at, seen_used);
    gateway_check(rig.gateway);
    rig_close(&rig);
    return 0;
}
