/*
 * The socket around the client's protocol part, against a listening socket of our own: connect,
 * login, messages, a peer that closes in the middle, one that refuses, one that is silent.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/base/clock.h"
#include "gateway/client/wb_client.h"

#define ACCEPTED \
    "001f41534553533030303030312020202020202020202020202020202020202035" /* next is 5 */
#define QUERIED "000e535100001f1aced9f07b00000006"

struct venue {
    int listener;
    int fd;
    u16 port;
    struct wb_client *client;
    struct wb_login login;
};

static int open_venue(void **state)
{
    struct venue *v = calloc(1, sizeof(*v));
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(at);
    v->listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(v->listener, (struct sockaddr *)&at, n), 0);
    assert_int_equal(listen(v->listener, 4), 0);
    assert_int_equal(getsockname(v->listener, (struct sockaddr *)&at, &n), 0);
    v->port = ntohs(at.sin_port);
    v->fd = -1;
    v->client = wb_client_new();
    v->login = (struct wb_login){.user = "A", .password = "B", .seq = 5};
    *state = v;
    return 0;
}

static int close_venue(void **state)
{
    struct venue *v = *state;
    wb_client_free(v->client);
    if (v->fd >= 0)
        close(v->fd);
    close(v->listener);
    free(v);
    return 0;
}

static void say(struct venue *v, const char *hex)
{
    u8 bytes[512];
    i32 n = wb_unhex(bytes, sizeof(bytes), hex);
    assert_true(n > 0);
    assert_int_equal(write(v->fd, bytes, (size_t)n), n);
}

/* What the client has sent, at least `n` bytes, as hex. */
static const char *hear(struct venue *v, u32 n)
{
    static char hex[1025];
    u8 bytes[512];
    u32 got = 0;
    while (got < n) {
        ssize_t more = read(v->fd, bytes + got, sizeof(bytes) - got);
        assert_true(more > 0);
        got += (u32)more;
    }
    wb_hex(hex, bytes, got);
    return hex;
}

/* The next event, waited for at most two seconds. */
static struct wb_event next(struct venue *v)
{
    struct wb_event ev;
    for (u32 i = 0; i < 200; i++) {
        if (wb_client_poll(v->client, clock_now_ns(), &ev) != WB_NOTHING)
            return ev;
        wb_client_wait(v->client, -1, 10 * NS_PER_MS);
    }
    fail_msg("nothing happened");
    return ev;
}

/* A client that has logged in. */
static void live(struct venue *v)
{
    struct wb_event ev;
    assert_null(wb_client_connect(v->client, "127.0.0.1", v->port, &v->login, clock_now_ns()));
    wb_client_wait(v->client, -1, NS_PER_SEC);
    assert_int_equal(wb_client_poll(v->client, clock_now_ns(), &ev), WB_NOTHING);
    v->fd = accept(v->listener, NULL, NULL);
    assert_true(v->fd >= 0);
    hear(v, 49);
    say(v, ACCEPTED);
    ev = next(v);
    assert_int_equal(ev.kind, WB_LOGGED_IN);
    assert_int_equal(ev.seq, 5);
    assert_true(wb_client_live(v->client));
}

static void test_conversation(void **state)
{
    struct venue *v = *state;
    live(v);
    assert_string_equal(wb_client_session(v->client), "SESS000001");
    assert_true(wb_client_query(v->client));
    assert_true(wb_client_wants_write(v->client));
    assert_true(wb_client_cancel(v->client, 1, 0));
    assert_int_equal(wb_client_flush(v->client, clock_now_ns()), 0);
    assert_string_equal(hear(v, 16), "00025551"
                                     "000a55580000000100000000");
    say(v, QUERIED "00025373"
                   "00035303ff"); /* good, malformed, unknown */
    struct wb_event ev = next(v);
    assert_int_equal(ev.kind, WB_MESSAGE);
    assert_int_equal(ev.seq, 5);
    assert_int_equal(ev.msg.user_ref, 6);
    ev = next(v);
    assert_int_equal(ev.kind, WB_MESSAGE);
    assert_false(ev.msg.known);
    ev = next(v);
    assert_int_equal(ev.seq, 7);
    assert_int_equal(wb_client_next_seq(v->client), 8);
    say(v, "00025341"); /* an Accepted of one byte */
    ev = next(v);
    assert_int_equal(ev.kind, WB_MALFORMED);
    assert_non_null(ev.why);
    wb_client_logout(v->client, clock_now_ns());
    assert_string_equal(hear(v, 3), "00014f");
    assert_false(wb_client_live(v->client));
}

/* What had arrived before the end is handed out before it; then the client connects again. */
static void test_lost_and_again(void **state)
{
    struct venue *v = *state;
    live(v);
    say(v, QUERIED "0010"); /* and the head of a packet that never comes */
    close(v->fd);
    v->fd = -1;
    assert_int_equal(next(v).kind, WB_MESSAGE);
    struct wb_event ev = next(v);
    assert_int_equal(ev.kind, WB_LOST);
    assert_non_null(ev.why);
    assert_int_equal(wb_client_fd(v->client), -1);
    assert_int_equal(wb_client_poll(v->client, clock_now_ns(), &ev), WB_NOTHING);
    assert_false(wb_client_query(v->client));
    assert_int_equal(wb_client_next_seq(v->client), 6); /* what a resume asks for */
    live(v);
}

static void test_refused(void **state)
{
    struct venue *v = *state;
    close(v->listener);
    assert_null(wb_client_connect(v->client, "127.0.0.1", v->port, &v->login, clock_now_ns()));
    struct wb_event ev = next(v);
    assert_int_equal(ev.kind, WB_LOST);
    assert_non_null(strstr(ev.why, "refused"));
    assert_non_null(wb_client_connect(v->client, "no such host", 1, &v->login, clock_now_ns()));
    v->listener = socket(AF_INET, SOCK_STREAM, 0);
}

static void test_silent(void **state)
{
    struct venue *v = *state;
    wb_client_silence(v->client, 50 * NS_PER_MS);
    live(v);
    say(v, QUERIED);
    assert_int_equal(next(v).kind, WB_MESSAGE);
    struct wb_event ev = next(v);
    assert_int_equal(ev.kind, WB_LOST);
    assert_non_null(strstr(ev.why, "silent"));
}

static void test_rejected(void **state)
{
    struct venue *v = *state;
    struct wb_event ev;
    assert_null(wb_client_connect(v->client, "127.0.0.1", v->port, &v->login, clock_now_ns()));
    wb_client_wait(v->client, -1, NS_PER_SEC);
    wb_client_poll(v->client, clock_now_ns(), &ev);
    v->fd = accept(v->listener, NULL, NULL);
    say(v, "00024a53");
    ev = next(v);
    assert_int_equal(ev.kind, WB_REJECTED);
    assert_int_equal(ev.reason, 'S');
    assert_int_equal(wb_client_fd(v->client), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_conversation, open_venue, close_venue),
        cmocka_unit_test_setup_teardown(test_lost_and_again, open_venue, close_venue),
        cmocka_unit_test_setup_teardown(test_refused, open_venue, close_venue),
        cmocka_unit_test_setup_teardown(test_silent, open_venue, close_venue),
        cmocka_unit_test_setup_teardown(test_rejected, open_venue, close_venue),
    };
    clock_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
