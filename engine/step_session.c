/*
 * step_session.c - logins, disconnects and queries. Engine thread.
 *
 * An account's session is bound to at most one connection. Bind ids are never used twice, so that
 * what a connection sent before it lost the session is recognised as stale.
 *
 *   unbound ── login ──▶ bound ── disconnect, day end, start ──▶ unbound
 *                        bound ── login elsewhere: UNBOUND T, BOUND ──▶ bound
 *
 * The account's events go to the gateway of its last login, bound or not; after a start to gateway
 * 0, whose stores of this process are as empty as all others.
 */
#include "engine/apply.h"
#include "engine/event.h"

/* The port is one that this process can have: else nobody knows what holds for who comes by it. */
static bool port_sound(const struct engine *e, const struct port_terms *p)
{
    return p->stp <= STP_MAX && p->stp_level <= STP_FIRM && p->drop <= 1 &&
           (!p->profile[0] || profile_find(e, p->profile));
}

/* SoupBinTCP's reason to refuse the login, 0 to grant it. */
static u8 login_refusal(const struct engine *e, const struct msg_login *c)
{
    u32 id = c->head.account;

    if (!account_known(&e->accounts, id) || e->accounts.at[id].terms.disabled ||
        e->accounts.at[id].barred)
        return 'A';
    if (!e->day || (c->requested_day && c->requested_day != e->day))
        return 'S';
    const struct account *a = &e->accounts.at[id];
    bool ahead = c->requested_seq > a->next_session_seq && !(c->terms & LOGIN_AHEAD_NEXT);
    bool taken = a->bind_id && (c->terms & LOGIN_NO_TAKEOVER);
    bool foreign = a->stream && a->stream != 1 + c->dialect;
    return ahead || taken || foreign || !port_sound(e, &c->port) ? 'S' : 0;
}

static void login_reject(struct engine *e, const struct msg_login *c, u8 reason)
{
    union msg *m = event_room(e, 1);

    m->login_rejected = (struct msg_login_rejected){
        .head = event_head(e, EV_LOGIN_REJECTED, 1, c->head.account),
        .conn = c->conn,
        .gateway = c->head.gateway,
        .reason = reason,
    };
}

static void login_grant(struct engine *e, const struct msg_login *c)
{
    u64 next = e->accounts.at[c->head.account].next_session_seq;
    u64 from = c->requested_seq ? min_u64(c->requested_seq, next) : max_u64(1, next - 1);
    union msg *m = event_room(e, 2);

    m->bound = (struct msg_bound){
        .head = event_head(e, EV_BOUND, 2, c->head.account),
        .conn = c->conn,
        .from_seq = from,
        .next_seq = next,
        .bind_id = e->next_bind_id,
        .gateway = c->head.gateway,
        .from = e->accounts.at[c->head.account].gateway,
        .port = c->port,
        .profile_id = profile_find(e, c->port.profile),
    };
    apply_bound(e, &m->bound);
}

void step_login(struct engine *e, const struct msg_login *c)
{
    u32 id = c->head.account;
    u8 refusal = login_refusal(e, c);

    ASSERT_LT(c->head.gateway, e->conf.gateways);
    ASSERT_LE(c->dialect, DIALECT_MAX);
    if (refusal) {
        login_reject(e, c, refusal);
        return;
    }
    if (e->accounts.at[id].bind_id)
        apply_unbound(e, event_unbound(e, id, UNBIND_TAKEOVER));
    login_grant(e, c);
    if (!e->accounts.at[id].stream)
        apply_system(e, event_system(e, id, 'S', c->dialect));
    if (engine_busy(e)) /* the port's profile has limits, and orders are open */
        work_count(e);
}

void step_disconnect(struct engine *e, const struct msg_unbind *c)
{
    u32 id = c->cmd.account;

    if (!sender_account(e, &c->cmd)) {
        metric_add(&e->metrics.stale_ends, 1);
        return;
    }
    apply_unbound(e, event_unbound(e, id, c->reason));
    const struct account *a = &e->accounts.at[id];
    if (account_drop(a) && !account_drop_ms(a) && a->open && unbind_drops(c->reason))
        drop_begin(e, id);
}

void step_query(struct engine *e, const struct msg_query *c)
{
    u32 id = c->cmd.account;

    if (!sender_account(e, &c->cmd))
        return;
    u32 last = account_last_ref(&e->accounts, id, c->user_ref_idx);
    union msg *m = event_room(e, 1);
    m->query = (struct msg_query){
        .ev = event_head_seq(e, EV_QUERIED, 1, id, 0),
        .next_user_ref = last + 1, /* 0 when all are used */
        .user_ref_idx = c->user_ref_idx,
    };
    apply_queried(e, &m->query);
}
