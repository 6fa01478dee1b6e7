/* fuzz_client.c - see fuzz_client.h. */
#include "tests/lib/fuzz_client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "gateway/session/soup.h"
#include "tests/lib/fake_transport.h"

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

static void step(const struct fuzz_dialect *d, u8 op, const u8 *bytes, u32 n, u32 *at, u32 *logins)
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
        d->say(&client, bytes, n);
        break;
    }
    rig_turns(&rig, 2);
}

void fuzz_client_run(const struct fuzz_dialect *d, const u8 *data, size_t size)
{
    struct rig_conf conf = {.store_chunks = 2,
                            .cmd_slots = 64,
                            .ring_slots = 1024,
                            .orders_max = 1000,
                            .slow_timeout_ns = 3600 * NS_PER_SEC};
    struct fake_transport *f = fake_new(1);
    u32 at = 0;
    u32 logins = 1;

    seen_used = 0;
    rig_open(&rig, &f->wire, &conf);
    f->listener = d->listener;
    log_in(1);
    for (size_t i = 0; i + 3 <= size;) {
        u32 n = min_u32(1u + data[i + 1] % 64, (u32)(size - i - 2));
        step(d, data[i], data + i + 2, n, &at, &logins);
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
}
