/*
 * test_far_link.c - a link to a far end over sockets of this machine: bytes there and back, and
 * each way in which it can go wrong. With certificates it meets a real server: test_redis_far.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "persist/far_link.h"
#include "persist/redis_conn.h"
#include "persist/tls.h"

static int server;
static u16 port;

static int set_up(void **state)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;

    (void)state;
    signal(SIGPIPE, SIG_IGN);
    server = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(server, (struct sockaddr *)&at, sizeof at) < 0 || listen(server, 4) < 0)
        return -1;
    getsockname(server, (struct sockaddr *)&at, &size);
    port = ntohs(at.sin_port);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    close(server);
    return 0;
}

static enum link_status ready(struct far_link *l)
{
    enum link_status status;

    for (u32 i = 0; (status = far_link_ready(l)) == LINK_BUSY && i < 2000; i++)
        usleep(1000);
    return status;
}

static enum link_status read_some(struct far_link *l, char *text, u32 room, u32 *n)
{
    enum link_status status;

    for (u32 i = 0; (status = far_link_read(l, text, room, n)) == LINK_BUSY && i < 2000; i++)
        usleep(1000);
    return status;
}

static void test_there_and_back(void **state)
{
    struct far_link l;
    char text[16];
    u32 n;

    (void)state;
    far_link_init(&l);
    far_link_open(&l, "127.0.0.1", port, NULL, NULL, 0);
    assert_int_equal(ready(&l), LINK_OK);
    int peer = accept(server, NULL, NULL);
    assert_int_equal(far_link_read(&l, text, sizeof text, &n), LINK_BUSY);
    assert_int_equal(far_link_write(&l, "ping", 4, &n), LINK_OK);
    assert_int_equal(n, 4);
    assert_int_equal(recv(peer, text, sizeof text, 0), 4);
    assert_int_equal(send(peer, "pong", 4, 0), 4);
    assert_int_equal(read_some(&l, text, sizeof text, &n), LINK_OK);
    assert_int_equal(n, 4);
    assert_memory_equal(text, "pong", 4);
    close(peer);
    assert_int_equal(read_some(&l, text, sizeof text, &n), LINK_LOST);
    assert_string_equal(l.error, "the server has closed");
    far_link_close(&l);
    far_link_close(&l);
}

/* A peer that takes nothing: a part is taken, then none, and nothing blocks. */
static void test_full(void **state)
{
    static char zeros[1 << 20];
    struct far_link l;
    u64 sum = 0;
    u32 n;

    (void)state;
    far_link_init(&l);
    far_link_open(&l, "127.0.0.1", port, NULL, NULL, 0);
    assert_int_equal(ready(&l), LINK_OK);
    enum link_status status = LINK_OK;
    while (status == LINK_OK && sum < 1ull << 30) {
        status = far_link_write(&l, zeros, sizeof zeros, &n);
        sum += n;
    }
    assert_int_equal(status, LINK_BUSY);
    assert_int_equal(n, 0);
    far_link_close(&l);
}

static void assert_lost(const char *host, u16 to, const char *path, const struct tls_conf *tls,
                        const char *why)
{
    struct far_link l;

    far_link_init(&l);
    far_link_open(&l, host, to, path, tls, 0);
    assert_int_equal(ready(&l), LINK_LOST);
    if (!strstr(l.error, why))
        fail_msg("\"%s\" does not say \"%s\"", l.error, why);
    far_link_close(&l);
}

static void test_cannot_connect(void **state)
{
    const struct tls_conf missing = {.ca_file = "/none"};
    char long_path[200];

    (void)state;
    memset(long_path, 'a', sizeof long_path - 1);
    long_path[sizeof long_path - 1] = '\0';
    assert_lost("127.0.0.1", 1, NULL, NULL, "refused");
    assert_lost("no host", 1, NULL, NULL, "");
    assert_lost(NULL, 0, "/none/redis.sock", NULL, "No such file");
    assert_lost(NULL, 0, long_path, NULL, "too long");
    assert_lost("127.0.0.1", port, NULL, &missing, "cannot read the authorities' file");
}

/* A server that speaks no TLS. */
static void test_no_tls_there(void **state)
{
    const struct tls_conf any = {.name = "x"};
    struct far_link l;

    (void)state;
    far_link_init(&l);
    far_link_open(&l, "127.0.0.1", port, NULL, &any, 0);
    for (u32 i = 0; far_link_ready(&l) == LINK_BUSY && i < 50; i++)
        usleep(1000);
    int peer = accept(server, NULL, NULL);
    assert_int_equal(send(peer, "-ERR unknown command\r\n", 22, 0), 22);
    assert_int_equal(ready(&l), LINK_LOST);
    assert_non_null(strstr(l.error, "TLS: no handshake"));
    close(peer);
    far_link_close(&l);
}

/*
 * libc's look-up, but that two.test has two addresses: at the first one nobody listens, as with
 * ::1 of a server that listens at 127.0.0.1 alone.
 */
int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                struct addrinfo **found)
{
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);

    *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    if (strcmp(host, "two.test") != 0)
        return real(host, service, hints, found);
    int rc = real("127.0.0.1", "1", hints, found);
    return rc ? rc : real("127.0.0.1", service, hints, &(*found)->ai_next);
}

static void test_addresses_in_turn(void **state)
{
    struct redis_conf conf;
    static struct redis_conn c;
    char hosts[80], seen[8] = "";
    struct mem m;

    (void)state;
    mem_init(&m, 0);
    redis_conf_defaults(&conf);
    snprintf(hosts, sizeof hosts, "127.0.0.1:1,two.test:%u", port);
    conf.host = hosts;
    redis_conn_init(&c, &conf, &m, 4096);
    for (u32 i = 0; i < 6; i++) {
        enum link_status status;
        redis_conn_open(&c);
        while ((status = redis_conn_ready(&c)) == LINK_BUSY)
            usleep(1000);
        seen[i] = status == LINK_OK ? '+' : '-';
        redis_conn_close(&c);
    }
    assert_string_equal(seen, "---+--");
    mem_free_all(&m);
}

/* An answer that is no RESP, and the hosts' turns. */
static void test_conn(void **state)
{
    struct redis_conf conf;
    static struct redis_conn c;
    struct redisReply *reply;
    struct mem m;
    char hosts[64], why[200];

    (void)state;
    mem_init(&m, 0);
    redis_conf_defaults(&conf);
    snprintf(hosts, sizeof hosts, "127.0.0.1:1,127.0.0.1:%u", port);
    conf.host = hosts;
    redis_conn_init(&c, &conf, &m, 4096);
    redis_conn_open(&c);
    while (redis_conn_ready(&c) == LINK_BUSY)
        usleep(1000);
    redis_conn_why(&c, why, sizeof why);
    assert_string_equal(why, "127.0.0.1:1: Connection refused");
    redis_conn_close(&c);
    redis_conn_open(&c);
    while (redis_conn_ready(&c) == LINK_BUSY)
        usleep(1000);
    int peer = accept(server, NULL, NULL);
    assert_int_equal(redis_conn_reply(&c, &reply), LINK_BUSY);
    assert_int_equal(send(peer, "HTTP/1.1 400\r\n", 14, 0), 14);
    enum link_status status;
    while ((status = redis_conn_reply(&c, &reply)) == LINK_BUSY)
        usleep(1000);
    assert_int_equal(status, LINK_LOST);
    redis_conn_why(&c, why, sizeof why);
    assert_non_null(strstr(why, "the answer is no RESP"));
    assert_true(redis_conn_redirect(&c, "ASK 5 127.0.0.9:77"));
    assert_false(redis_conn_redirect(&c, "ERR something"));
    redis_conn_close(&c);
    redis_conn_open(&c); /* sent there once, then again as the config says */
    assert_string_equal(c.host.name, "127.0.0.9");
    assert_true(c.asking);
    redis_conn_close(&c);
    redis_conn_open(&c);
    assert_int_equal(c.host.port, 1);
    assert_false(c.asking);
    redis_conn_close(&c);
    close(peer);
    mem_free_all(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_there_and_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_full, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cannot_connect, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_tls_there, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_addresses_in_turn, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_conn, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
