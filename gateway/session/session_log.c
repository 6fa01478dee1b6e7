/*
 * session_log.c - see session_log.h. Thread: the gateway's; the log's thread writes.
 *
 * Users are as clients have sent them, so only their letters and digits are told; passwords never
 * come here.
 */
#include "gateway/session/session_log.h"

#include "engine/base/log.h"

/* An address, for people. */
struct address_text {
    char text[24];
};

static struct address_text address(const struct session *s)
{
    const u8 *b = (const u8 *)&s->peer_ipv4;
    struct address_text out;

    snprintf(out.text, sizeof out.text, "%u.%u.%u.%u:%u", b[0], b[1], b[2], b[3], s->peer_port);
    return out;
}

void session_log_login(const struct sessions *S, const struct session *s)
{
    char user[8];

    log_event(LOG_INFO, "login", "user=%s gateway=%u peer=%s dialect=%s day=%u next=%llu",
              log_word(user, sizeof user, s->account->user, 6), S->conf.gateway, address(s).text,
              s->dialect == DIALECT_OUCH42 ? "ouch42" : "ouch50", S->day,
              (unsigned long long)s->next_seq);
}

void session_log_refused(const struct sessions *S, const struct session *s, const char *why)
{
    char user[8];

    log_event(LOG_WARN, "login_refused", "user=%s gateway=%u peer=%s code=%c why=\"%s\"",
              log_word(user, sizeof user, s->login.user, 6), S->conf.gateway, address(s).text,
              s->reject, why);
}

void session_log_logout(const struct sessions *S, const struct session *s,
                        enum unbind_reason reason)
{
    char user[8];

    log_event(LOG_INFO, "logout", "user=%s gateway=%u peer=%s reason=%s next=%llu",
              log_word(user, sizeof user, s->account->user, 6), S->conf.gateway, address(s).text,
              session_end_word(reason), (unsigned long long)s->next_seq);
}

void session_log_reject(const struct sessions *S, struct account *a, u16 reason)
{
    char user[8];

    if (S->now_ns - a->rejects_since_ns >= NS_PER_SEC) {
        a->rejects_since_ns = S->now_ns;
        a->rejects = 0;
    }
    if (++a->rejects != SESSION_REJECT_BURST)
        return;
    log_event(LOG_WARN, "reject_burst", "user=%s gateway=%u rejects=%u within_ms=%llu last=0x%04x",
              log_word(user, sizeof user, a->user, 6), S->conf.gateway, a->rejects,
              (unsigned long long)((S->now_ns - a->rejects_since_ns) / NS_PER_MS), reason);
}
