/*
 * fuzz_soup.c - a whole venue under a hostile client. The input is a script: a byte says what
 * happens next (raw bytes to a connection, a good frame around the bytes, a login, time, a hang-up,
 * something held up or let go), a second one how many bytes follow. Another client trades beside it
 * and must see its own stream exactly, whatever the first one does.
 * wb-test: runs=1500
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "gateway/session/soup.h"
#include "tests/lib/fake_transport.h"
#include "tests/lib/session_client.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

#define HOSTILE_MAX 16u

static struct rig rig;
static struct rig_client good;
static u32 good_ref;

struct hostile {
    struct fake_transport *f;
    u32 wire; /* the connection in use */
    u32 opened;
    bool open;
};

static void hostile_open(struct hostile *h)
{
    if (h->open || h->opened == HOSTILE_MAX)
        return;
    h->wire = h->f->wire.connect(&h->f->wire);
    h->opened++;
    h->open = true;
}

static void hostile_write(struct hostile *h, const u8 *bytes, u32 n)
{
    hostile_open(h);
    if (h->open)
        h->f->wire.write(&h->f->wire, h->wire, bytes, n);
}

static void hostile_frame(struct hostile *h, u8 type, const u8 *payload, u32 n)
{
    u8 frame[300];

    soup_head(frame, type, n);
    memcpy(frame + 3, payload, n);
    hostile_write(h, frame, 3 + n);
}

static void hostile_login(struct hostile *h, u8 how)
{
    u8 payload[46];

    memset(payload, ' ', sizeof payload);
    memcpy(payload, &"ALICE CAROL COPY  EVERY "[how / 4 % 4 * 6], 6);
    memcpy(payload + 6, how & 2 ? "WRONG     " : "SECRET    ", 10);
    payload[45] = (u8)('0' + how % 2);
    hostile_frame(h, SOUP_LOGIN, payload, sizeof payload);
}

/* One step; `rest` are the bytes that it may use. */
static void step(struct hostile *h, u8 op, const u8 *bytes, u32 n)
{
    u8 junk[4096];

    switch (op % 10) {
    case 0:
        hostile_write(h, bytes, n);
        break;
    case 1:
        hostile_frame(h, SOUP_UNSEQUENCED, bytes, n);
        break;
    case 2:
        hostile_login(h, op / 10);
        break;
    case 3:
        if (h->open)
            h->f->wire.hang_up(&h->f->wire, h->wire,
                               op >= 128 ? TRANSPORT_FINISH : TRANSPORT_RESET);
        h->open = false;
        break;
    case 4:
        if (h->open)
            h->f->wire.read(&h->f->wire, h->wire, junk, sizeof junk);
        break;
    case 5:
        rig.hold_durable = op & 16;
        rig.hold_auth = op & 32;
        rig.hold_reader = op & 64;
        break;
    case 6:
        h->f->piece = op / 10;
        h->f->room_max = 256u + 40u * op;
        break;
    case 7:
        rig.now_ns += op * 10 * NS_PER_MS;
        client_frame(&good, SOUP_CLIENT_HEARTBEAT);
        break;
    case 8:
        client_enter(&good, ++good_ref, op & 16 ? 'B' : 'S', 100, "AAPL", 1500000);
        break;
    default:
        hostile_frame(h, bytes[0], bytes, n);
        break;
    }
    rig_turns(&rig, 2);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    struct rig_conf conf = {.store_chunks = 2,
                            .cmd_slots = 64,
                            .ring_slots = 1024,
                            .orders_max = 5000,
                            .slow_timeout_ns = 3600 * NS_PER_SEC};
    struct hostile h = {.f = fake_new(1)};
    u8 want[256];

    if (size > 4096)
        size = 4096;
    rig_open(&rig, &h.f->wire, &conf);
    memset(&good, 0, sizeof good);
    good_ref = 0;
    client_open(&good, &rig);
    client_login(&good, "BOB", 1);
    for (size_t at = 0; at + 3 <= size;) {
        u8 op = data[at];
        u32 n = min_u32(1u + data[at + 1], (u32)(size - at - 2));
        step(&h, op, data + at + 2, n);
        at += 2 + n;
    }
    rig.hold_durable = rig.hold_auth = rig.hold_reader = false;
    h.f->room_max = FAKE_PIPE_BYTES;
    while (good.next_seq <= rig_stream(&rig, BOB)) {
        u64 seq = good.next_seq;
        struct rig_frame f = client_next(&good);
        ASSERT(f.type == SOUP_SERVER_HEARTBEAT || f.type == SOUP_SEQUENCED);
        if (f.type == SOUP_SEQUENCED) {
            ASSERT_EQ(f.len, rig_expected(&rig, BOB, seq, want));
            ASSERT(memcmp(f.payload, want, f.len) == 0);
        }
    }
    gateway_check(rig.gateway);
    rig_close(&rig);
    return 0;
}
