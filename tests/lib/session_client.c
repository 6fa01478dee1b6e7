/* session_client.c - frames written and read by hand, with turns of the rig while it waits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "tests/lib/session_client.h"

#include "gateway/session/bytes.h"
#include "gateway/session/ouch5.h"
#include "gateway/session/soup.h"

/* Turns to wait before it is believed that nothing comes, and before it is given up that something
 * does: on a busy machine even loopback takes its time. */
#define TURNS_QUIET   12u
#define TURNS_PATIENT 5000u

void client_open(struct rig_client *c, struct rig *r)
{
    c->rig = r;
    c->in_used = 0;
    c->next_seq = 0;
    c->wire = r->wire->connect(r->wire);
}

void client_bytes(struct rig_client *c, const void *bytes, u32 n)
{
    const u8 *from = bytes;

    for (u32 tries = 0; n > 0; tries++) {
        u32 taken = c->rig->wire->write(c->rig->wire, c->wire, from, n);
        from += taken;
        n -= taken;
        if (n > 0)
            rig_turns(c->rig, 1);
        assert_true(tries < 100000);
    }
}

static void put_text(u8 *to, const char *text, u32 width)
{
    size_t n = strlen(text);

    assert_true(n <= width);
    memset(to, ' ', width);
    memcpy(to, text, n);
}

void client_ask_login41(struct rig_client *c, const char *user, const char *password,
                        const char *session, const char *seq, const char *timeout_ms)
{
    u8 frame[54];
    u32 len = timeout_ms != NULL ? 51 : 46;

    soup_head(frame, SOUP_LOGIN, len);
    put_text(frame + 3, user, 6);
    put_text(frame + 9, password, 10);
    put_text(frame + 19, session, 10);
    put_text(frame + 29, seq, 20);
    if (timeout_ms != NULL)
        put_text(frame + 49, timeout_ms, 5);
    client_bytes(c, frame, 3 + len);
}

void client_ask_login(struct rig_client *c, const char *user, const char *password,
                      const char *session, const char *seq)
{
    client_ask_login41(c, user, password, session, seq, NULL);
}

void client_login(struct rig_client *c, const char *user, u64 seq)
{
    char text[24];

    snprintf(text, sizeof text, "%llu", (unsigned long long)seq);
    client_ask_login(c, user, "secret", "", text);
    struct rig_frame f = client_expect(c, SOUP_ACCEPTED);
    assert_int_equal(f.len, 30);
    assert_memory_equal(f.payload, RIG_SESSION, 10);
    snprintf(text, sizeof text, "%.20s", (const char *)f.payload + 10);
    c->next_seq = strtoull(text, NULL, 10);
    if (seq != 0)
        assert_int_equal(c->next_seq, seq);
}

void client_message(struct rig_client *c, const void *bytes, u32 n)
{
    u8 frame[512];

    soup_head(frame, SOUP_UNSEQUENCED, n);
    memcpy(frame + 3, bytes, n);
    client_bytes(c, frame, 3 + n);
}

void client_frame(struct rig_client *c, u8 type)
{
    u8 frame[3];

    client_bytes(c, frame, soup_head(frame, type, 0));
}

void client_enter(struct rig_client *c, u32 ref, char side, u32 qty, const char *symbol, u64 price)
{
    u8 m[47];

    m[0] = 'O';
    put_be32(m + 1, ref);
    m[5] = (u8)side;
    put_be32(m + 6, qty);
    put_text(m + 10, symbol, 8);
    put_be64(m + 18, price);
    memcpy(m + 26, "0YANN", 5);
    put_text(m + 31, "ID", 14);
    put_be16(m + 45, 0);
    client_message(c, m, sizeof m);
}

void client_replace(struct rig_client *c, u32 orig, u32 ref, u32 qty, u64 price, char tif)
{
    u8 m[40];

    m[0] = 'U';
    put_be32(m + 1, orig);
    put_be32(m + 5, ref);
    put_be32(m + 9, qty);
    put_be64(m + 13, price);
    m[21] = (u8)tif;
    memcpy(m + 22, "YN", 2);
    put_text(m + 24, "ID", 14);
    put_be16(m + 38, 0);
    client_message(c, m, sizeof m);
}

void client_cancel(struct rig_client *c, u32 ref, u32 qty)
{
    u8 m[9];

    m[0] = 'X';
    put_be32(m + 1, ref);
    put_be32(m + 5, qty);
    client_message(c, m, sizeof m);
}

/* Takes one whole frame from what has arrived; false: there is none. */
static bool take_frame(struct rig_client *c, struct rig_frame *f)
{
    if (c->in_used < 3)
        return false;
    u32 total = get_be16(c->in) + 2u;
    assert_true(total >= 3 && total - 3 <= sizeof f->payload);
    if (c->in_used < total)
        return false;
    f->type = c->in[2];
    f->len = total - 3;
    memcpy(f->payload, c->in + 3, f->len);
    c->in_used -= total;
    memmove(c->in, c->in + total, c->in_used);
    c->next_seq += f->type == SOUP_SEQUENCED;
    return true;
}

static void read_wire(struct rig_client *c)
{
    c->in_used += c->rig->wire->read(c->rig->wire, c->wire, c->in + c->in_used,
                                     (u32)sizeof c->in - c->in_used);
}

/* The next frame, with at most so many turns to wait for it; type 0 when none comes. */
static struct rig_frame wait_frame(struct rig_client *c, u32 turns)
{
    struct rig_frame f = {0};

    for (u32 i = 0; i < turns && !take_frame(c, &f); i++) {
        rig_turns(c->rig, 1);
        read_wire(c);
    }
    if (f.type == 0)
        take_frame(c, &f);
    return f;
}

struct rig_frame client_next(struct rig_client *c)
{
    return wait_frame(c, TURNS_QUIET);
}

struct rig_frame client_expect(struct rig_client *c, u8 type)
{
    struct rig_frame f;

    do
        f = wait_frame(c, TURNS_PATIENT);
    while (f.type == SOUP_SERVER_HEARTBEAT && type != SOUP_SERVER_HEARTBEAT);
    assert_int_equal(f.type, type);
    return f;
}

struct rig_frame client_expect_message(struct rig_client *c, u8 letter)
{
    struct rig_frame f = client_expect(c, SOUP_SEQUENCED);

    assert_int_equal(f.payload[0], letter);
    return f;
}

void client_expect_nothing(struct rig_client *c)
{
    struct rig_frame f;

    do
        f = client_next(c);
    while (f.type == SOUP_SERVER_HEARTBEAT);
    assert_int_equal(f.type, 0);
}

static enum wire_end wait_end(struct rig_client *c, u32 turns)
{
    struct wire *w = c->rig->wire;

    for (u32 i = 0; i < turns && w->end(w, c->wire) == WIRE_OPEN; i++) {
        rig_turns(c->rig, 1);
        read_wire(c);
    }
    return w->end(w, c->wire);
}

enum wire_end client_end(struct rig_client *c)
{
    return wait_end(c, TURNS_QUIET);
}

void client_expect_end(struct rig_client *c)
{
    enum wire_end end = wait_end(c, TURNS_PATIENT);

    struct rig_frame f;

    assert_int_not_equal(end, WIRE_OPEN);
    while (end == WIRE_EOF && take_frame(c, &f))
        assert_int_equal(f.type, SOUP_SERVER_HEARTBEAT);
    assert_true(end == WIRE_RESET || c->in_used == 0);
}

void client_expect_stream(struct rig_client *c, u32 account, u64 last)
{
    u8 want[OUCH5_OUT_MAX];

    while (c->next_seq <= last) {
        u64 seq = c->next_seq;
        struct rig_frame f = client_expect(c, SOUP_SEQUENCED);
        assert_int_equal(f.len, rig_expected(c->rig, account, seq, want));
        assert_memory_equal(f.payload, want, f.len);
    }
    assert_int_equal(c->next_seq, last + 1);
}
