/*
 * drain.c - see drain.h. Thread: main's; the gateways follow in theirs. No End of Session is sent
 * here: that would tell clients that their day is over, while their sessions go on in the next
 * process. Z belongs to the day's end.
 */
#include "gateway/drain.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/clock.h"
#include "engine/base/log.h"

#define TICK_NS (50 * NS_PER_MS)

/* Main's, until it has made the thread that waits; then that thread's. */
static struct {
    sigset_t signals;
    bool let_pass; /* the next one asks for what is under way already */
} ends;

static void say(const char *line)
{
    ssize_t n = write(STDERR_FILENO, line, strlen(line));

    (void)n;
}

/*
 * A thread that does nothing but wait for signals, which all others keep blocked: so none comes
 * amid a call of theirs. The kernel resets the connections.
 */
static void *await_signals(void *unused)
{
    int signal;

    (void)unused;
    int rc = sigwait(&ends.signals, &signal);
    if (ends.let_pass) {
        say("wirebook: a signal: it is ending in order already, one more ends it at once\n");
        rc |= sigwait(&ends.signals, &signal);
    }
    ASSERT_EQ(rc, 0); /* of signals that there are */
    say("wirebook: a second signal: ending at once\n");
    _exit(DRAIN_EXIT_AT_ONCE);
}

static void second_signal_ends(const sigset_t *signals, bool asked_by_signal)
{
    pthread_t thread;

    ends.signals = *signals;
    ends.let_pass = !asked_by_signal;
    int rc = pthread_create(&thread, NULL, await_signals, NULL);
    if (rc != 0)
        log_warn("no thread to wait for a second signal: %s", strerror(rc));
    else
        pthread_detach(thread);
}

static void stage_all(struct topology *t, enum gateway_stage stage)
{
    for (u32 g = 0; g < t->conf.gateways; g++)
        gateway_stage_set(t->gateways[g], stage);
}

void drain_notice(struct topology *t, const sigset_t *signals, bool asked_by_signal, u64 notice_ns,
                  bool (*tick)(u64 now_ns))
{
    u64 now_ns = clock_now_ns();
    u64 end_ns = now_ns + notice_ns;

    second_signal_ends(signals, asked_by_signal);
    stage_all(t, GATEWAY_LEAVING);
    while (now_ns < end_ns && tick(now_ns)) {
        clock_sleep_ns(min_u64(TICK_NS, end_ns - now_ns));
        now_ns = clock_now_ns();
    }
    stage_all(t, GATEWAY_CLOSED);
    log_info("no new connections; finishing what clients have asked");
}
