/* test_socket_listen.c - the socket transport's listeners: opened and shut one by one. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "gateway/socket.h"

static u32 seen; /* listener of the connection that came last */

/* Refuses everybody, but looks where he came. */
static bool opened(void *ctx, u64 conn, const struct transport_peer *peer)
{
    (void)conn;
    assert_int_equal(peer->local_port, socket_port(ctx, peer->listener));
    seen = peer->listener;
    return false;
}

static const struct transport_up up = {.opened = opened};

static int dial(u16 port)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) == 0)
        return fd;
    close(fd);
    return -1;
}

/* Turns until somebody has come; where. */
static u32 who_came(struct transport *t)
{
    seen = 9;
    for (u32 n = 0; n < 10000 && seen == 9; n++) {
        t->ops->poll(t, NS_PER_SEC);
        usleep(50);
    }
    return seen;
}

/* Before the first time nobody listens on any. */
static void listeners_one_by_one(void **state)
{
    static const u32 masks[] = {0, 2, 3, 1, 0, TRANSPORT_ALL};
    struct socket_conf conf = {.connections_max = 8, .listen_used = 2};
    struct mem mem;
    char error[256];
    (void)state;

    mem_init(&mem, 0);
    for (u32 i = 0; i < 2; i++)
        conf.listen[i].ipv4 = htonl(INADDR_LOOPBACK);
    struct transport *t = socket_new(&conf, &mem, error, sizeof error);
    assert_non_null(t);
    t->up = &up;
    t->up_ctx = t;
    for (u32 k = 0; k < ARRAY_LEN(masks); k++) {
        if (k > 0)
            assert_true(t->ops->accept(t, masks[k]));
        for (u32 i = 0; i < 2; i++) {
            int fd = dial(socket_port(t, i));
            assert_int_equal(fd >= 0, (masks[k] >> i & 1) != 0);
            if (fd < 0)
                continue;
            assert_int_equal(who_came(t), i);
            close(fd);
        }
    }
    socket_free(t);
    mem_free_all(&mem);
}

/* Whoever waits in the kernel when the listener is shut is told at once. */
static void shut_with_one_waiting(void **state)
{
    struct socket_conf conf = {.connections_max = 8, .listen_used = 1};
    struct mem mem;
    char error[256];
    u8 byte;
    (void)state;

    mem_init(&mem, 0);
    conf.listen[0].ipv4 = htonl(INADDR_LOOPBACK);
    struct transport *t = socket_new(&conf, &mem, error, sizeof error);
    assert_non_null(t);
    assert_true(t->ops->accept(t, TRANSPORT_ALL));
    int fd = dial(socket_port(t, 0));
    assert_true(fd >= 0);
    assert_true(t->ops->accept(t, 0));
    assert_int_equal(recv(fd, &byte, 1, 0), -1);
    close(fd);
    socket_free(t);
    mem_free_all(&mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(listeners_one_by_one),
        cmocka_unit_test(shut_with_one_waiting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
