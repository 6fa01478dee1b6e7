/*
 * session_timer.c - what happens to a session because nothing happened (PROTOCOL.md 2.5).
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
 * The login deadline, or nothing was heard. The deadline stands still while this gateway has no
 * turn: what the client has sent in time may lie with the kernel, behind everybody else's.
 */
static void in_due(struct sessions *S, struct session *s)
{
    u64 due_ns = s->heard_ns + s->silence_ns;
    u64 away_ns = S->away_ns - s->away_ns;

    if (s->state == SESSION_LOGIN && away_ns > 0) {
        s->away_ns = S->away_ns;
        wheel_start(&S->wheel, &s->timers[TIMER_IN], S->now_ns + away_ns);
    } else if (s->state == SESSION_LOGIN)
        session_end(S, s, UNBIND_SILENT, true);
    else if (S->now_ns >= due_ns)
        session_end(S, s, UNBIND_SILENT, false);
    else
        wheel_start(&S->wheel, &s->timers[TIMER_IN], due_ns);
}

/* Was nothing said for a heartbeat's time? Does the client still take what we say? */
static void beat_due(struct sessions *S, struct session *s, u64 stalled_ns)
{
    u64 due_ns = s->sent_ns + S->conf.heartbeat_ns;

    if (stalled_ns > S->conf.slow_timeout_ns) {
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
    s->sent_ns = S->now_ns;
    wheel_start(&S->wheel, &s->timers[TIMER_IN], S->now_ns + s->silence_ns);
    wheel_start(&S->wheel, &s->timers[TIMER_BEAT], S->now_ns + S->conf.heartbeat_ns);
}
