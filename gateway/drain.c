/*
 * drain.c - see drain.h. Thread: main's; the gateways follow in theirs. No End of Session is sent
 * here: that would tell clients that their day is over, while their sessions go on in the next
 * process. Z belongs to the day's end.
 */
#include "gateway/drain.h"

#include <unistd.h>

#include "engine/base/clock.h"
#include "engine/base/log.h"

#define TICK_NS (50 * NS_PER_MS)

/* Only what a signal handler may do. The kernel resets the connections. */
static void end_at_once(int signal)
{
    static const char line[] = "wirebook: a second signal: ending at once\n";
    ssize_t n = write(STDERR_FILENO, line, sizeof line - 1);

    (void)signal, (void)n;
    _exit(DRAIN_EXIT_AT_ONCE);
}

/* The agents' threads keep the signals blocked; this thread takes the next one. */
static void second_signal_ends(const sigset_t *signals)
{
    struct sigaction action = {.sa_handler = end_at_once};

    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    pthread_sigmask(SIG_UNBLOCK, signals, NULL);
}

static void stage_all(struct topology *t, enum gateway_stage stage)
{
    for (u32 g = 0; g < t->conf.gateways; g++)
        gateway_stage_set(t->gateways[g], stage);
}

void drain_notice(struct topology *t, const sigset_t *signals, u64 notice_ns,
                  bool (*tick)(u64 now_ns))
{
    u64 now_ns = clock_now_ns();
    u64 end_ns = now_ns + notice_ns;

    second_signal_ends(signals);
    stage_all(t, GATEWAY_LEAVING);
    while (now_ns < end_ns && tick(now_ns)) {
        clock_sleep_ns(min_u64(TICK_NS, end_ns - now_ns));
        now_ns = clock_now_ns();
    }
    stage_all(t, GATEWAY_CLOSED);
    log_info("no new connections; finishing what clients have asked");
}
