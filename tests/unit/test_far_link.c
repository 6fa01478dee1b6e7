/*
 * test_far_link.c - a link to a far end over sockets of this machine, plain and by TLS: bytes there
 * and back, and each way in which it can go wrong. With Redis at the other end: test_redis_far.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <arpa/inet.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "persist/far_link.h"
#include "persist/redis_conn.h"
#include "persist/tls.h"
#include "tests/lib/tls_peer.h"

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

static int option(const struct far_link *l, int level, int name)
{
    int value = -1;
    socklen_t size = sizeof value;

    assert_int_equal(getsockopt(l->fd, level, name, &value, &size), 0);
    return value;
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
    assert_int_equal(fcntl(l.fd, F_GETFD), FD_CLOEXEC);
    assert_int_equal(option(&l, IPPROTO_TCP, TCP_NODELAY), 1);
    assert_int_equal(option(&l, SOL_SOCKET, SO_KEEPALIVE), 1); /* a dead machine: after 11 s */
    assert_int_equal(option(&l, IPPROTO_TCP, TCP_KEEPIDLE), 5);
    assert_int_equal(option(&l, IPPROTO_TCP, TCP_KEEPINTVL), 2);
    assert_int_equal(option(&l, IPPROTO_TCP, TCP_KEEPCNT), 3);
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
    signal(SIGPIPE, SIG_DFL); /* nobody reads there: an answer, not the process' end */
    for (u32 i = 0; i < 100 && far_link_write(&l, "ping", 4, &n) != LINK_LOST; i++)
        usleep(1000);
    assert_non_null(strstr(l.error, "pipe"));
    int fd = l.fd;
    far_link_close(&l);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    far_link_close(&l);
}

/* A listener that takes no more keeps us waiting: that is no connection yet. */
static void test_not_yet(void **state)
{
    struct far_link links[8];
    u32 waiting = 0;

    (void)state;
    assert_int_equal(listen(server, 0), 0);
    for (u32 i = 0; i < ARRAY_LEN(links); i++) {
        far_link_init(&links[i]);
        far_link_open(&links[i], "127.0.0.1", port, NULL, NULL, 0);
    }
    usleep(20000);
    for (u32 i = 0; i < ARRAY_LEN(links); i++)
        waiting += far_link_ready(&links[i]) == LINK_BUSY;
    assert_true(waiting > 0);
    for (u32 i = 0; i < ARRAY_LEN(links); i++)
        far_link_close(&links[i]);
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
    int peer = accept(server, NULL, NULL);
    enum link_status status = LINK_OK;
    while (status == LINK_OK && sum < 1ull << 30) {
        status = far_link_write(&l, zeros, sizeof zeros, &n);
        sum += n;
    }
    assert_int_equal(status, LINK_BUSY);
    assert_int_equal(n, 0);
    far_link_close(&l);
    for (ssize_t got; (got = recv(peer, zeros, sizeof zeros, 0)) > 0;)
        sum -= (u64)got;
    assert_int_equal(sum, 0); /* no more was taken than was sent */
    close(peer);
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
    long_path[108] = '\0'; /* a name of sun_path's length has no room for its end */
    assert_lost(NULL, 0, long_path, NULL, "too long");
    long_path[107] = '\0';
    assert_lost(NULL, 0, long_path, NULL, "No such file");
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

/* ---- TLS ---- */

static char dir[40];
static char cert[64], key[64], other[64], other_key[64];

/* Two certificates: for redis.test and 127.0.0.1, and for nobody who is asked for. */
static int tls_set_up(void **state)
{
    snprintf(dir, sizeof dir, "/tmp/wirebook-link-XXXXXX");
    if (set_up(state) < 0 || !mkdtemp(dir))
        return -1;
    snprintf(cert, sizeof cert, "%s/cert", dir);
    snprintf(key, sizeof key, "%s/key", dir);
    snprintf(other, sizeof other, "%s/other", dir);
    snprintf(other_key, sizeof other_key, "%s/other.key", dir);
    tls_peer_certify("DNS:redis.test,IP:127.0.0.1", cert, key);
    tls_peer_certify("DNS:x.test,IP:127.0.0.9", other, other_key);
    return 0;
}

static int tls_tear_down(void **state)
{
    const char *const files[] = {cert, key, other, other_key};

    for (u32 i = 0; i < ARRAY_LEN(files); i++)
        unlink(files[i]);
    rmdir(dir);
    return tear_down(state);
}

struct pair {
    struct far_link l;
    struct tls_peer peer;
    int fd; /* the peer's */
};

/* A link by `conf` to a server with that certificate: what becomes of it. */
static enum link_status meet(struct pair *p, const struct tls_conf *conf, const char *with,
                             const char *with_key)
{
    enum link_status status = LINK_BUSY;

    far_link_init(&p->l);
    far_link_open(&p->l, "127.0.0.1", port, NULL, conf, 0);
    p->fd = accept(server, NULL, NULL);
    tls_peer_start(&p->peer, p->fd, with, with_key);
    for (u32 i = 0; status == LINK_BUSY && i < 2000; i++) {
        ERR_raise(ERR_LIB_USER, 1); /* somebody else's, libpq's say: not ours */
        status = far_link_ready(&p->l);
        if (SSL_do_handshake(p->peer.ssl) != 1)
            usleep(100);
    }
    return status;
}

static void part(struct pair *p)
{
    tls_peer_free(&p->peer);
    far_link_close(&p->l);
    close(p->fd);
}

static void test_tls_there_and_back(void **state)
{
    const struct tls_conf conf = {.ca_file = cert, .name = "redis.test"};
    struct pair p;
    char text[16];
    u32 n;

    (void)state;
    assert_int_equal(meet(&p, &conf, cert, key), LINK_OK);
    assert_string_equal(SSL_get_servername(p.peer.ssl, TLSEXT_NAMETYPE_host_name), "redis.test");
    ERR_raise(ERR_LIB_USER, 1);
    assert_int_equal(far_link_read(&p.l, text, sizeof text, &n), LINK_BUSY);
    assert_int_equal(far_link_write(&p.l, "", 0, &n), LINK_OK);
    assert_int_equal(far_link_write(&p.l, "ping", 4, &n), LINK_OK);
    assert_int_equal(n, 4);
    for (u32 i = 0; SSL_read(p.peer.ssl, text, sizeof text) != 4 && i < 2000; i++)
        usleep(1000);
    assert_memory_equal(text, "ping", 4);
    assert_int_equal(SSL_write(p.peer.ssl, "pong", 4), 4);
    assert_int_equal(read_some(&p.l, text, sizeof text, &n), LINK_OK);
    assert_int_equal(n, 4);
    assert_memory_equal(text, "pong", 4);
    SSL_shutdown(p.peer.ssl);
    assert_int_equal(read_some(&p.l, text, sizeof text, &n), LINK_LOST);
    assert_string_equal(p.l.error, "TLS: the server has closed");
    part(&p);
}

/* What a peer takes late: parts, then none; then the rest from another place in memory. */
static void test_tls_full(void **state)
{
    const struct tls_conf conf = {.ca_file = cert};
    static u8 out[1 << 24], moved[1 << 16], in[1 << 14];
    enum link_status status = LINK_OK;
    u32 n, sent = 0, got = 0;
    struct pair p;

    (void)state;
    for (u32 i = 0; i < sizeof out; i++)
        out[i] = (u8)(i * 2654435761u >> 24);
    assert_int_equal(meet(&p, &conf, cert, key), LINK_OK);
    while (status == LINK_OK && sent < sizeof out) {
        status = far_link_write(&p.l, out + sent, sizeof out - sent, &n);
        sent += n;
    }
    assert_int_equal(status, LINK_BUSY);
    assert_true(n == 0 && sent > 0);
    for (u32 i = 0; got < sizeof out && i < 200000; i++) {
        u32 more = min_u32(sizeof out - sent, sizeof moved);
        memcpy(moved, out + sent, more);
        ERR_raise(ERR_LIB_USER, 1);
        assert_int_not_equal(far_link_write(&p.l, moved, more, &n), LINK_LOST);
        sent += n;
        int rc = SSL_read(p.peer.ssl, in, sizeof in);
        if (rc <= 0)
            continue;
        assert_memory_equal(in, out + got, rc);
        got += (u32)rc;
    }
    assert_int_equal(got, sizeof out);
    part(&p);
}

/* Who is at the other end, by its certificate: anything but the right one is not spoken to. */
static void test_tls_strangers(void **state)
{
    static const struct {
        const char *name, *why;
        bool trusts_other;
    } cases[] = {
        {"redis.other", "TLS: the server's certificate: hostname mismatch", false},
        {"127.0.0.2", "TLS: the server's certificate: IP address mismatch", false},
        {"", "TLS: the server's certificate: self-signed certificate", true},
    };

    (void)state;
    for (u32 i = 0; i < ARRAY_LEN(cases); i++) {
        struct tls_conf conf = {.ca_file = cases[i].trusts_other ? other : cert,
                                .name = cases[i].name};
        struct pair p;
        assert_int_equal(meet(&p, &conf, cert, key), LINK_LOST);
        assert_string_equal(p.l.error, cases[i].why);
        part(&p);
    }
}

/* Without a file of authorities it is the system's; our own certificate goes with its own key. */
static void test_tls_files(void **state)
{
    struct tls_conf conf = {.ca_file = NULL};
    struct pair p;

    (void)state;
    setenv("SSL_CERT_FILE", cert, 1);
    assert_int_equal(meet(&p, &conf, cert, key), LINK_OK);
    part(&p);
    setenv("SSL_CERT_FILE", other, 1);
    assert_int_equal(meet(&p, &conf, cert, key), LINK_LOST);
    part(&p);
    unsetenv("SSL_CERT_FILE");
    conf.ca_file = cert;
    conf.cert_file = other;
    conf.key_file = other_key;
    assert_int_equal(meet(&p, &conf, cert, key), LINK_OK);
    part(&p);
    conf.key_file = key;
    assert_lost("127.0.0.1", port, NULL, &conf, "cannot read our certificate or its key");
    conf.cert_file = "/none";
    assert_lost("127.0.0.1", port, NULL, &conf, "cannot read our certificate or its key");
    conf.cert_file = other;
    conf.key_file = "/none";
    assert_lost("127.0.0.1", port, NULL, &conf, "cannot read our certificate or its key");
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
        cmocka_unit_test_setup_teardown(test_not_yet, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_full, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cannot_connect, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_tls_there, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_tls_there_and_back, tls_set_up, tls_tear_down),
        cmocka_unit_test_setup_teardown(test_tls_full, tls_set_up, tls_tear_down),
        cmocka_unit_test_setup_teardown(test_tls_strangers, tls_set_up, tls_tear_down),
        cmocka_unit_test_setup_teardown(test_tls_files, tls_set_up, tls_tear_down),
        cmocka_unit_test_setup_teardown(test_addresses_in_turn, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_conn, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
