/* test_drain.c - the notice before a process leaves, and the second signal that cuts it short. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "engine/base/clock.h"
#include "engine/base/log.h"
#include "gateway/drain.h"

static struct topology topology; /* of no gateways */
static u32 ticks;
static u32 ticks_max;

static bool tick(u64 now_ns)
{
    (void)now_ns;
    return ++ticks < ticks_max;
}

static void block(sigset_t *signals)
{
    sigemptyset(signals);
    sigaddset(signals, SIGTERM);
    sigaddset(signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, signals, NULL);
}

/* Runs `body` in a process of its own; its exit code, or 128 and the signal that ended it. */
static int in_child(void (*body)(void))
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        body();
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void notice_of_120_ms(void)
{
    sigset_t signals;

    block(&signals);
    ticks_max = 100;
    u64 from_ns = clock_now_ns();
    drain_notice(&topology, &signals, true, 120 * NS_PER_MS, tick);
    if (clock_now_ns() - from_ns < 120 * NS_PER_MS || ticks < 2 || ticks > 4)
        _exit(99);
}

static void the_journal_fails(void)
{
    sigset_t signals;

    block(&signals);
    ticks_max = 2;
    drain_notice(&topology, &signals, true, 3600 * NS_PER_SEC, tick);
}

static void no_notice(void)
{
    sigset_t signals;

    block(&signals);
    drain_notice(&topology, &signals, true, 0, tick);
    if (ticks != 0)
        _exit(99);
}

static void second_during_the_notice(void)
{
    sigset_t signals;

    block(&signals);
    ticks_max = UINT32_MAX;
    alarm(20);               /* if it is not heard */
    kill(getpid(), SIGTERM); /* blocked until the notice begins */
    drain_notice(&topology, &signals, true, 3600 * NS_PER_SEC, tick);
}

static void second_after_it(void)
{
    no_notice();
    kill(getpid(), SIGINT);
    sleep(20); /* if it is not heard */
}

/* A signal behind an operator's drain asks for what is under way; one more is a second one. */
static void signals_behind_a_drain(bool twice)
{
    sigset_t signals;

    block(&signals);
    ticks_max = UINT32_MAX;
    drain_notice(&topology, &signals, false, 0, tick);
    kill(getpid(), SIGTERM);
    clock_sleep_ns(200 * NS_PER_MS);
    if (!twice)
        _exit(42);
    kill(getpid(), SIGTERM);
    sleep(20);
}

static void one_behind_a_drain(void)
{
    signals_behind_a_drain(false);
}

static void two_behind_a_drain(void)
{
    signals_behind_a_drain(true);
}

static void all_of_it(void **state)
{
    (void)state;
    assert_int_equal(in_child(notice_of_120_ms), 0);
    assert_int_equal(in_child(the_journal_fails), 0);
    assert_int_equal(in_child(no_notice), 0);
    assert_int_equal(in_child(second_during_the_notice), DRAIN_EXIT_AT_ONCE);
    assert_int_equal(in_child(second_after_it), DRAIN_EXIT_AT_ONCE);
    assert_int_equal(in_child(one_behind_a_drain), 42);
    assert_int_equal(in_child(two_behind_a_drain), DRAIN_EXIT_AT_ONCE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(all_of_it)};

    clock_init();
    log_level_set(LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
