/*
 * session_copy.c - drop copies: sessions that read what the venue has said to all accounts of their
 * firm, or to all, and that may say nothing.
 *
 * Thread: the gateway's. The account of a drop copy is bound by the engine like any other, so there
 * is one connection of it at a time, through any gateway. What it is sent comes from the reader
 * alone, so it costs the engine nothing and other sessions no more than a replay; its numbers count
 * those messages in the order of the journal (engine/msg/side.h). Each carries in front whose it is
 * and which number it has in that account's own stream, then the message as OUCH 5.0.
 *
 *   LEARN: what number comes next? ──▶ BOUND ──▶ REPLAY: ask, send, ask ... nothing: a moment later
 *      ╰─ wanted one beyond it ─▶ REFUSED          ╰─ the day is over, and nothing more: Z
 *
 * An Enter is numbered and rejected by the engine, and the Rejected is in the stream; all else is
 * ignored: no request of a drop copy may touch the firm's orders.
 */
#include "gateway/session/session.h"

#include "engine/base/log.h"
#include "gateway/session/bytes.h"

_Static_assert(SOUP_HEAD_BYTES + SESSION_COPY_HEAD + OUCH5_OUT_MAX <= SOUP_FRAME_OUT_MAX,
               "the longest message of a drop copy fits a frame");

bool session_copy_takes(struct sessions *S, union msg *m)
{
    metric_add(&S->metrics.copy_refused, 1);
    if (m->cmd.type != CMD_ENTER)
        return false;
    m->enter.reject = OUCH5_NOT_AUTHORIZED;
    return true;
}

void session_copy_learn(struct sessions *S, struct session *s)
{
    ASSERT_EQ(s->state, SESSION_LEARN);
    session_ask_reader(S, s, 1, 0);
}

/* The stream's next number is known: where does the client begin? */
static void begin_at(struct sessions *S, struct session *s, u64 next)
{
    u64 wanted = s->login.seq;

    if (wanted > next && !(S->conf.login_terms & LOGIN_AHEAD_NEXT)) {
        metric_add(&S->metrics.logins_refused, 1);
        session_refuse(S, s, 'S', 0, "its number is yet to come");
        return;
    }
    s->next_seq = wanted ? min_u64(wanted, next) : max_u64(1, next - 1);
    session_move(S, s, SESSION_BOUND);
    session_wake(S, s, 0);
}

/* The reader has nothing more. */
static void on_none(struct sessions *S, struct session *s, const struct reader_answer *answer)
{
    if (s->state == SESSION_LEARN) {
        begin_at(S, s, max_u64(1, answer->next_seq));
    } else if (s->asked_last) {
        s->all_copied = true;
        session_wake(S, s, 0);
    } else {
        session_retry(S, s);
    }
}

bool session_copy_answered(struct sessions *S, struct session *s,
                           const struct reader_answer *answer)
{
    ASSERT_EQ(answer->scope, s->account->copy);
    switch (answer->status) {
    case READER_OK:
        ASSERT_EQ(s->state, SESSION_REPLAY);
        ASSERT_EQ(answer->from_seq, s->next_seq);
        return true;
    case READER_NONE:
        on_none(S, s, answer);
        return false;
    case READER_NOT_YET:
        session_retry(S, s);
        return false;
    default:
        log_error("gateway: the reader has no drop copy of day %u for %.6s", answer->day,
                  s->account->user);
        session_end(S, s, UNBIND_SHUTDOWN, false);
        return false;
    }
}

u32 session_copy_head(const struct sessions *S, const union msg *m, u8 *out)
{
    const struct account *a = directory_account(&S->directory, m->ev.account);

    ASSERT(a != NULL); /* replay_copy has looked */
    memcpy(out, a->user, sizeof a->user);
    put_be64(out + sizeof a->user, m->ev.session_seq);
    return SESSION_COPY_HEAD;
}
