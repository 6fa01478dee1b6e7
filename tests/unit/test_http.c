/* test_http.c - the management address: pages, refusals, and peers that send slowly or too much. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/base/clock.h"
#include "gateway/admin/http.h"

static struct metric day = {20261122}, none;
static _Atomic u32 space;
static struct health health;
static struct http *http;

static int setup(void **state)
{
    struct health_conf conf = {&day, &none, &none, &space, NS_PER_SEC};

    (void)state;
    metrics_reset();
    health_init(&health, &conf);
    health_register_metrics(&health);
    health_course_set(&health, HEALTH_OPEN);
    http = http_new(htonl(INADDR_LOOPBACK), 0, &(struct http_tls){"", ""}, &health, NULL);
    assert_non_null(http);
    http_register_metrics(http);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    http_free(http);
    return 0;
}

static int dial(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons(http_port(http)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    return fd;
}

/* Runs turns until the peer has closed, or for two seconds; what came is in `text`. */
static const char *read_all(int fd)
{
    static char text[65536];
    size_t used = 0;
    u64 end_ns = clock_now_ns() + 2 * NS_PER_SEC;

    while (clock_now_ns() < end_ns) {
        http_do_work(http, clock_now_ns());
        ssize_t n = recv(fd, text + used, sizeof text - 1 - used, 0);
        if (n == 0 || (n < 0 && errno != EAGAIN))
            break;
        if (n > 0)
            used += (size_t)n;
    }
    text[used] = '\0';
    close(fd);
    return text;
}

static const char *ask(const char *method, const char *path)
{
    char request[256];
    int fd = dial();
    int n = snprintf(request, sizeof request,
                     "%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", method, path);

    assert_int_equal(send(fd, request, (size_t)n, 0), n);
    return read_all(fd);
}

static void test_metrics(void **state)
{
    (void)state;
    const char *text = ask("GET", "/metrics");

    assert_memory_equal(text, "HTTP/1.1 200 OK\r\n", 17);
    assert_non_null(strstr(text, "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
    assert_non_null(strstr(text, "\nwirebook_ready 1\n"));
    assert_non_null(strstr(text, "\nwirebook_http_requests_total 1\n"));
    text = ask("GET", "/metrics");
    assert_non_null(strstr(text, "\nwirebook_http_requests_total 2\n"));
}

static void test_health(void **state)
{
    (void)state;
    const char *text = ask("GET", "/readyz");
    assert_memory_equal(text, "HTTP/1.1 200 OK\r\n", 17);
    assert_non_null(strstr(text, "\r\n\r\nok course\nok space\nok day\nok clock\n"));

    health_course_set(&health, HEALTH_DRAINING);
    text = ask("GET", "/readyz");
    assert_memory_equal(text, "HTTP/1.1 503 ", 13);
    assert_non_null(strstr(text, "FAILED course: the venue is draining\n"));
    assert_memory_equal(ask("GET", "/livez"), "HTTP/1.1 200 OK\r\n", 17);
    health_course_set(&health, HEALTH_OPEN);
}

/* HEAD has the headers of GET and no body. */
static void test_head(void **state)
{
    (void)state;
    const char *text = ask("HEAD", "/readyz");

    assert_memory_equal(text, "HTTP/1.1 200 OK\r\n", 17);
    assert_non_null(strstr(text, "Content-Length: 35\r\n"));
    assert_string_equal(strstr(text, "\r\n\r\n"), "\r\n\r\n");
}

static void test_refusals(void **state)
{
    (void)state;
    const char *text = ask("GET", "/metrics/../../etc/passwd");
    assert_memory_equal(text, "HTTP/1.1 404 ", 13);
    text = ask("POST", "/metrics");
    assert_memory_equal(text, "HTTP/1.1 405 ", 13);
    assert_non_null(strstr(text, "Allow: GET, HEAD\r\n"));
    assert_int_equal(metrics_sum("wirebook_http_refused_total"), 2);
    assert_memory_equal(ask("GET", "/"), "HTTP/1.1 200 OK\r\n", 17);
}

/* Garbage and headers without an end are answered or cut; the next request is served. */
static void test_garbage(void **state)
{
    char junk[20000];
    int fd = dial();

    (void)state;
    memset(junk, 'A', sizeof junk);
    memcpy(junk, "GET / HTTP/1.1\r\nX: ", 19);
    assert_true(send(fd, junk, sizeof junk, 0) > 0);
    assert_null(strstr(read_all(fd), "200 OK"));
    fd = dial();
    assert_true(send(fd, "\0\1\2\3\r\n\r\n", 8, 0) == 8);
    assert_null(strstr(read_all(fd), "200 OK"));
    assert_memory_equal(ask("GET", "/livez"), "HTTP/1.1 200 OK\r\n", 17);
}

/* Those who connect and say nothing take places, and give them back when they go. */
static void test_silent_peers(void **state)
{
    int fds[80];

    (void)state;
    for (u32 i = 0; i < ARRAY_LEN(fds); i++) {
        fds[i] = dial();
        http_do_work(http, clock_now_ns());
    }
    for (u32 i = 0; i < ARRAY_LEN(fds); i++)
        close(fds[i]);
    for (u32 i = 0; i < 50; i++)
        http_do_work(http, clock_now_ns());
    assert_memory_equal(ask("GET", "/livez"), "HTTP/1.1 200 OK\r\n", 17);
}

static void test_address_taken(void **state)
{
    (void)state;
    assert_null(http_new(htonl(0xC0000201), 9, &(struct http_tls){"", ""}, &health,
                         NULL)); /* 192.0.2.1 is nobody's */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_metrics, setup, teardown),
        cmocka_unit_test_setup_teardown(test_health, setup, teardown),
        cmocka_unit_test_setup_teardown(test_head, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refusals, setup, teardown),
        cmocka_unit_test_setup_teardown(test_garbage, setup, teardown),
        cmocka_unit_test_setup_teardown(test_silent_peers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_address_taken, setup, teardown),
    };
    clock_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
