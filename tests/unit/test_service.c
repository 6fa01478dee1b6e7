/* test_service.c - what the service manager hears, and that without one nothing happens. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "gateway/admin/service.h"

/* An abstract address: nothing is left behind in any directory. */
static int manager_open(void)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    char name[64];
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    int n = snprintf(name, sizeof name, "@wirebook-test-%d", (int)getpid());

    memcpy(at.sun_path, name, (size_t)n);
    at.sun_path[0] = '\0';
    socklen_t bytes = (socklen_t)offsetof(struct sockaddr_un, sun_path) + (socklen_t)n;
    assert_int_equal(bind(fd, (struct sockaddr *)&at, bytes), 0);
    setenv("NOTIFY_SOCKET", name, 1);
    return fd;
}

static const char *heard(int fd)
{
    static char text[512];
    ssize_t n = recv(fd, text, sizeof text - 1, 0);

    text[n > 0 ? n : 0] = '\0';
    return text;
}

static void test_words(void **state)
{
    int fd = manager_open();

    (void)state;
    service_starting(3 * NS_PER_SEC);
    assert_string_equal(heard(fd), "STATUS=starting\nEXTEND_TIMEOUT_USEC=3000000");
    service_ready("open");
    assert_string_equal(heard(fd), "READY=1\nSTATUS=open");
    service_alive();
    assert_string_equal(heard(fd), "WATCHDOG=1");
    service_stopping(70 * NS_PER_SEC);
    assert_string_equal(heard(fd),
                        "STOPPING=1\nSTATUS=ending in order\nEXTEND_TIMEOUT_USEC=70000000");
    close(fd);
    unsetenv("NOTIFY_SOCKET");
}

static void test_watchdog(void **state)
{
    (void)state;
    unsetenv("WATCHDOG_USEC");
    assert_int_equal(service_watchdog_ns(), 0);
    setenv("WATCHDOG_USEC", "600000", 1);
    assert_int_equal(service_watchdog_ns(), 600 * NS_PER_MS);
    setenv("WATCHDOG_USEC", "soon", 1);
    assert_int_equal(service_watchdog_ns(), 0);
    unsetenv("WATCHDOG_USEC");
}

static void test_nobody_listens(void **state)
{
    (void)state;
    unsetenv("NOTIFY_SOCKET");
    service_ready("open");
    setenv("NOTIFY_SOCKET", "@wirebook-test-nobody", 1);
    service_alive();
    unsetenv("NOTIFY_SOCKET");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_watchdog),
        cmocka_unit_test(test_nobody_listens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
