/*
 * session_timer.c - what happens to a session because nothing happened (CONFORMANCE.md 2.5).
 *
 * Thread: the gateway's. Timers are lazy: bytes in or out only note the time, and a timer that
 * fires looks how much of its period is left. So a busy session costs two turns of the wheel a
 * second.
 */
#include "gateway/session/session.h"

struct session *session_timer_pop(struct sessions *S, enum session_timer *kind)
{
    struct wheel_timer *t = wheel_pop(&S->wheel);

    if (t == NULL)
        return NULL;
    *kind = (enum session_timer)t->kind;
    return CONTAINER_OF(t - t->kind, struct session, timers);
}

/*
 * The login deadline, or nothing was heard. Time in which this gateway had no turn does not count:
 * what the client has sent in time may lie with the kernel, behind everybody else's.
 */
static void in_due(struct sessions *S, struct session *s)
{
    bool login = s->state == SESSION_LOGIN;
    u64 away_ns = S->away_ns - s->away_ns;
    u64 due_ns = (login ? S->now_ns : s->heard_ns + s->silence_ns) + away_ns;

    s->away_ns = S->away_ns;
    if (S->now_ns >= due_ns)
        session_end(S, s, UNBIND_SILENT, login);
    else
        wheel_start(&S->wheel, &s->timers[TIMER_IN], due_ns);
}

/* Was nothing said for a heartbeat's time? Does the client still take what we say? Its word on that
 * may wait for us, too. */
static void beat_due(struct sessions *S, struct session *s, u64 stalled_ns)
{
    u64 due_ns = s->sent_ns + S->conf.heartbeat_ns;

    if (stalled_ns > S->conf.slow_timeout_ns + (S->away_ns - s->away_ns)) {
        session_end(S, s, UNBIND_SLOW, true);
        return;
    }
    if (S->now_ns >= due_ns) {
        s->beat_due = true;
        session_wake(S, s, 0);
        due_ns = S->now_ns + S->conf.heartbeat_ns;
    }
    wheel_start(&S->wheel, &s->timers[TIMER_BEAT], due_ns);
}

void session_timer(struct sessions *S, struct session *s, enum session_timer kind, u64 stalled_ns)
{
    switch (kind) {
    case TIMER_IN:
        in_due(S, s);
        break;
    case TIMER_BEAT:
        beat_due(S, s, stalled_ns);
        break;
    case TIMER_RETRY:
        session_wake(S, s, 0);
        break;
    }
}

void session_timers_start(struct sessions *S, struct session *s)
{
    s->heard_ns = S->now_ns;
    s->away_ns = S->away_ns;
    s->sent_ns = S->now_ns;
    wheel_start(&S->wheel, &s->timers[TIMER_IN], S->now_ns + s->silence_ns);
    wheel_start(&S->wheel, &s->timers[TIMER_BEAT], S->now_ns + S->conf.heartbeat_ns);
}
