/*
 * bench_run.c - one run of the benchmark.
 *
 * One thread for all sessions: it sleeps in epoll until the next request is due or an answer has
 * come, then takes in everything that came, queues everything that is due, and writes once per
 * session. With `spin` it never sleeps, and has the next request ready when it is due.
 *
 *     LOGIN -> RUN -> DRAIN -> CLEAN -> CLOSE (-> VERIFY) -> DONE
 *
 * LOGIN: all sessions know their first order number. RUN: the schedule. DRAIN: every answer is in,
 * shown by an account query that is answered behind them. CLEAN and CLOSE: open orders are
 * cancelled and those cancels answered, so that the book is left as it was found. VERIFY: the whole
 * stream once more.
 *
 * Failure modes: a session that fails ends the run with its exit code; a phase that does not end in
 * time ends it as wrong, with what is unanswered.
 */
#include "gateway/client/bench_run.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/assert.h"
#include "engine/base/clock.h"
#include "gateway/client/bench_report.h"
#include "gateway/client/wb_carrier.h"

#define LOGIN_NS   (200 * NS_PER_MS) /* for each session on top: a password check is slow */
#define LOGINS_MAX 32u               /* under way at once: a venue allows one source only so many */
#define LEAD_NS    (20 * NS_PER_MS)  /* from the last login to the first request */
#define IDLE_NS    (200 * NS_PER_MS) /* heartbeats and reconnects want a look that often */
#define EVENTS_MAX 256
#define NAP_NS     (20 * NS_PER_US) /* between two looks at a carrier that cannot wake us */
#define TURN_LOOKS 64 /* sessions that are looked at in the time of a carrier's turn */
#define PREPARE_NS (20 * NS_PER_US) /* so long before it is due a request is made */

enum phase {
    PHASE_LOGIN,
    PHASE_RUN,
    PHASE_DRAIN,
    PHASE_CLEAN,
    PHASE_CLOSE,
    PHASE_VERIFY,
    PHASE_DONE,
};

struct run {
    const struct bench_options *o;
    struct bench_shared shared;
    struct bench_session *sessions;
    int epoll;
    int *watched; /* the socket of each session that is in the epoll set; -1: none */
    u32 *interest;
    enum phase phase;
    u32 connected; /* sessions from the first on that have begun to log in */
    u64 deadline_ns;
    u64 polled_ns; /* when all sessions were last looked at */
    bool stopped;
    int code;
};

static volatile sig_atomic_t stop_wanted;

void bench_stop(void)
{
    stop_wanted = 1;
}

/* ---- sockets ---- */

/* Keeps the epoll set as the session's socket and its wish to write are now. */
static void watch(struct run *r, u32 i)
{
    struct bench_session *s = &r->sessions[i];
    if (wb_carrier()->turn != NULL)
        return;
    int fd = wb_client_fd(s->client);
    u32 wanted = EPOLLIN | (wb_client_wants_write(s->client) ? EPOLLOUT : 0);
    struct epoll_event ev = {.events = wanted, .data.u32 = i};
    if (fd != r->watched[i]) { /* the kernel forgot the old one when it was closed */
        r->watched[i] = fd;
        if (fd >= 0 && epoll_ctl(r->epoll, EPOLL_CTL_ADD, fd, &ev) != 0 && errno == EEXIST)
            epoll_ctl(r->epoll, EPOLL_CTL_MOD, fd, &ev);
    } else if (fd >= 0 && wanted != r->interest[i] &&
               epoll_ctl(r->epoll, EPOLL_CTL_MOD, fd, &ev) != 0 && errno == ENOENT) {
        epoll_ctl(r->epoll, EPOLL_CTL_ADD, fd, &ev); /* closed and opened again under its number */
    }
    r->interest[i] = wanted;
}

/* When the loop has to look again although nothing comes. */
static u64 next_look(const struct run *r)
{
    u64 at = r->polled_ns + IDLE_NS;
    for (u32 i = 0; i < r->o->sessions; i++) {
        const struct bench_session *s = &r->sessions[i];
        if (r->phase == PHASE_RUN)
            at = min_u64(at, bench_session_due(s));
        if (s->state == BENCH_AGAIN)
            at = min_u64(at, s->retry_ns);
    }
    return at;
}

/* What comes without being called: heartbeats, silence, a lost session's next try. */
static void poll_idle(struct run *r, u64 now)
{
    bool all = now - r->polled_ns >= IDLE_NS;
    for (u32 i = 0; i < r->o->sessions; i++)
        if (all || r->sessions[i].state == BENCH_AGAIN)
            bench_session_poll(&r->sessions[i], now);
    r->polled_ns = all ? now : r->polled_ns;
}

/*
 * Who spins and waits for nothing makes the request that is due next, at `at`: neither choosing nor
 * encoding it is the venue's time, nor the network's.
 */
static void prepare(struct run *r, u64 at, u64 now)
{
    const struct bench_shared *all = &r->shared;

    if (LIKELY(now + PREPARE_NS < at) || all->made + all->waiting > 0 || !r->o->spin ||
        r->phase != PHASE_RUN || stop_wanted != 0)
        return;
    for (u32 i = 0; i < r->o->sessions; i++)
        if (bench_session_due(&r->sessions[i]) == at) {
            bench_session_prepare(&r->sessions[i]);
            return;
        }
}

/*
 * The same where there is nothing to sleep on: turns the carrier until something is to be done. A
 * request that is due does not wait for a look at sessions that have nothing. Returns the time.
 */
static u64 turn_and_take(struct run *r)
{
    u64 at = next_look(r);
    u64 now = clock_now_ns();
    int news = wb_carrier()->turn(now);
    while (news == 0) {
        if (!r->o->spin)
            clock_sleep_ns(NAP_NS);
        prepare(r, at, now);
        now = clock_now_ns();
        if (now >= at)
            break;
        news = wb_carrier()->turn(now);
    }
    if (news == 0) {
        poll_idle(r, now);
        return now;
    }
    /* a turn brings a burst, however many sessions are looked at then */
    for (u32 more = r->o->sessions / TURN_LOOKS; more > 0 && news > 0; more--)
        news = wb_carrier()->turn(clock_now_ns());
    now = clock_now_ns(); /* what the turns brought has come by now, not before them */
    bench_cores_look(&r->shared.cores, now);
    for (u32 i = 0; i < r->o->sessions; i++)
        bench_session_poll(&r->sessions[i], now);
    r->polled_ns = now;
    return clock_now_ns();
}

static u64 sleep_and_take(struct run *r)
{
    if (wb_carrier()->turn != NULL)
        return turn_and_take(r);
    struct epoll_event events[EVENTS_MAX];
    u64 now = clock_now_ns();
    u64 at = next_look(r);
    u64 ns = r->o->spin || at <= now ? 0 : at - now;
    struct timespec ts = {
        .tv_sec = (time_t)(ns / NS_PER_SEC),
        .tv_nsec = (long)(ns % NS_PER_SEC),
    };
    int n = epoll_pwait2(r->epoll, events, EVENTS_MAX, &ts, NULL);
    now = clock_now_ns();
    if (n > 0)
        bench_cores_look(&r->shared.cores, now);
    for (int i = 0; i < n; i++)
        bench_session_poll(&r->sessions[events[i].data.u32], now);
    if (now - r->polled_ns >= IDLE_NS || now >= at)
        poll_idle(r, now);
    if (n == 0)
        prepare(r, at, now);
    return n == 0 ? now : clock_now_ns();
}

/* ---- phases ---- */

static void enter_phase(struct run *r, enum phase phase, u64 now)
{
    r->phase = phase;
    r->deadline_ns = now + r->o->drain_ms * NS_PER_MS;
}

/* Lets more sessions log in as others are through. True: all are. */
static bool log_in(struct run *r, u64 now)
{
    u32 ready = 0;

    for (u32 i = 0; i < r->connected; i++)
        ready += r->sessions[i].state == BENCH_READY;
    while (r->connected < r->o->sessions && r->connected - ready < LOGINS_MAX)
        bench_session_connect(&r->sessions[r->connected++], now);
    return ready == r->o->sessions;
}

static bool all_quiet(const struct run *r)
{
    for (u32 i = 0; i < r->o->sessions; i++)
        if (!bench_session_quiet(&r->sessions[i]))
            return false;
    return true;
}

static void ask_all(struct run *r)
{
    for (u32 i = 0; i < r->o->sessions; i++)
        bench_session_ask(&r->sessions[i]);
}

static void begin_run(struct run *r, u64 now)
{
    const struct bench_options *o = r->o;

    bench_schedule_init(&r->shared.schedule, o->shape, o->burst, now + LEAD_NS, o->rate,
                        o->warmup_ms, o->run_ms);
    if (o->catch_up > 0)
        r->shared.gap_ns = NS_PER_SEC / (o->rate * o->catch_up);
    for (u32 i = 0; i < o->sessions; i++)
        bench_session_begin(&r->sessions[i], o->seed + i);
    enter_phase(r, PHASE_RUN, now);
}

/* The one that has been due for the longest time, of those that may go. */
static void send_oldest(struct run *r, u64 now)
{
    struct bench_session *oldest = NULL;

    for (u32 i = 0; i < r->o->sessions; i++) {
        struct bench_session *s = &r->sessions[i];
        if (bench_session_due(s) <= now &&
            (oldest == NULL || bench_pace_due(&s->pace) < bench_pace_due(&oldest->pace)))
            oldest = s;
    }
    if (oldest != NULL)
        bench_session_send(oldest, now);
}

static void send_due(struct run *r, u64 now)
{
    if (r->shared.gap_ns > 0)
        send_oldest(r, now);
    else
        for (u32 i = 0; i < r->o->sessions; i++)
            bench_session_send(&r->sessions[i], now);
    bool stop = stop_wanted != 0 && r->shared.made == 0;
    if (!stop && r->shared.sent < r->shared.schedule.total)
        return;
    r->stopped = r->shared.sent < r->shared.schedule.total;
    ask_all(r);
    enter_phase(r, PHASE_DRAIN, now);
}

static void clean_up(struct run *r, u64 now)
{
    bool done = true;
    for (u32 i = 0; i < r->o->sessions; i++)
        done = bench_session_cancel_all(&r->sessions[i], now) && done;
    if (!done)
        return;
    ask_all(r);
    enter_phase(r, PHASE_CLOSE, now);
}

static void begin_verify(struct run *r, u64 now)
{
    for (u32 i = 0; i < r->o->sessions; i++)
        bench_session_verify(&r->sessions[i], now);
    enter_phase(r, PHASE_VERIFY, now);
}

/* What the phase does in this round, and whether the next one begins. */
static void turn(struct run *r, u64 now)
{
    switch (r->phase) {
    case PHASE_LOGIN:
        if (log_in(r, now))
            begin_run(r, now);
        break;
    case PHASE_RUN:
        send_due(r, now);
        return; /* takes as long as it takes */
    case PHASE_DRAIN:
        if (all_quiet(r))
            enter_phase(r, r->o->keep ? PHASE_CLOSE : PHASE_CLEAN, now);
        break;
    case PHASE_CLEAN:
        clean_up(r, now);
        break;
    case PHASE_CLOSE:
        if (all_quiet(r) && r->o->verify_replay)
            begin_verify(r, now);
        else if (all_quiet(r))
            r->phase = PHASE_DONE;
        break;
    default:
        if (all_quiet(r))
            r->phase = PHASE_DONE;
        break;
    }
    if (r->phase != PHASE_DONE && now >= r->deadline_ns) {
        r->code = r->phase == PHASE_LOGIN ? BENCH_LOST : BENCH_WRONG;
        r->phase = PHASE_DONE;
    }
}

static void check_failed(struct run *r)
{
    for (u32 i = 0; i < r->o->sessions && r->phase != PHASE_DONE; i++) {
        if (r->sessions[i].failed == 0)
            continue;
        r->code = r->sessions[i].failed;
        r->phase = PHASE_DONE;
    }
}

static void loop(struct run *r)
{
    u64 now = clock_now_ns();
    enter_phase(r, PHASE_LOGIN, now);
    r->deadline_ns += r->o->sessions * LOGIN_NS;
    r->polled_ns = now;
    while (r->phase != PHASE_DONE) {
        turn(r, now);
        for (u32 i = 0; i < r->o->sessions; i++) {
            bench_session_flush(&r->sessions[i], now);
            watch(r, i);
        }
        if (r->phase != PHASE_DONE)
            now = sleep_and_take(r);
        check_failed(r);
    }
    now = clock_now_ns();
    for (u32 i = 0; i < r->o->sessions; i++)
        wb_client_logout(r->sessions[i].client, now);
}

/* ---- setting up ---- */

static void *zeroed(size_t n, size_t size)
{
    void *p = calloc(n, size);
    if (p == NULL) {
        fprintf(stderr, "wirebook-bench: no memory\n");
        exit(BENCH_USAGE);
    }
    return p;
}

/* True: all threads that the options name are watched, or none is to be. */
static bool watch_cores(struct bench_cores *cores, const struct bench_options *o)
{
    bool all = !o->on_core || bench_cores_watch(cores, 0);

    for (u32 i = 0; i < o->beside_used; i++)
        if (!bench_cores_watch(cores, o->beside[i])) {
            fprintf(stderr, "wirebook-bench: no thread %u whose times can be read\n", o->beside[i]);
            all = false;
        }
    return all;
}

static void set_up(struct run *r, const struct bench_options *o)
{
    r->o = o;
    r->shared.host = o->host;
    r->shared.port = o->port;
    r->shared.reconnect = o->reconnect;
    r->shared.reconnect_ns = o->reconnect_ms * NS_PER_MS;
    r->shared.verify_replay = o->verify_replay;
    r->shared.sessions = o->sessions;
    r->shared.first_due_ns = UINT64_MAX;
    for (u32 k = 0; k < BENCH_KINDS; k++)
        histogram_init(&r->shared.latency[k]);
    histogram_init(&r->shared.on_core);
    r->sessions = zeroed(o->sessions, sizeof(*r->sessions));
    r->watched = zeroed(o->sessions, sizeof(*r->watched));
    r->interest = zeroed(o->sessions, sizeof(*r->interest));
    for (u32 i = 0; i < o->sessions; i++) {
        struct bench_session *s = &r->sessions[i];
        bench_flow_init(&s->flow, &o->symbols, o->percent, o->open_max, o->seed + i);
        bench_session_init(s, &r->shared, i, &o->logins[i]);
        r->watched[i] = -1;
    }
    r->epoll = epoll_create1(EPOLL_CLOEXEC);
    ASSERT_GE(r->epoll, 0);
    prctl(PR_SET_TIMERSLACK, 1); /* ns: wake when a request is due, not up to 50 us later */
}

static void tear_down(struct run *r)
{
    for (u32 i = 0; i < r->o->sessions; i++)
        bench_session_free(&r->sessions[i]);
    if (r->shared.ack_log != NULL)
        fclose(r->shared.ack_log);
    bench_cores_free(&r->shared.cores);
    close(r->epoll);
    free(r->sessions);
    free(r->watched);
    free(r->interest);
    free(r);
}

int bench_run(const struct bench_options *o, struct bench_result *result)
{
    struct run *r = zeroed(1, sizeof(*r));

    memset(result, 0, sizeof(*result));
    if (o->ack_log != NULL) {
        r->shared.ack_log = fopen(o->ack_log, "a");
        if (r->shared.ack_log == NULL) {
            fprintf(stderr, "wirebook-bench: %s: %s\n", o->ack_log, strerror(errno));
            free(r);
            return result->code = BENCH_USAGE;
        }
    }
    set_up(r, o);
    if (!watch_cores(&r->shared.cores, o)) {
        tear_down(r);
        return result->code = BENCH_USAGE;
    }
    loop(r);
    bench_result_make(result, o, &r->shared, r->sessions, r->stopped, r->code);
    tear_down(r);
    return result->code;
}
