/*
 * step_limit.c - limits of accounts and firms, at the start and during the day. Engine thread.
 *
 * A limit counts from its event on; what is open stays, whatever it is worth. The first limit of a
 * party makes its open orders count, e->chunk_cancels of them, or of accounts, a transaction. What
 * cannot be is counted as refused, what is so already as superfluous.
 */
#include "engine/event.h"
#include "engine/listed.h"
#include "engine/risk_party.h"
#include "engine/apply.h"

/* The party that is named; one that is unknown has no limits. */
static const struct party *limit_find(const struct engine *e, const struct msg_limit *c)
{
    bool account = c->scope == LIMIT_ACCOUNT;
    u64 key = account ? names_key(c->user, sizeof c->user) : names_key(c->firm, sizeof c->firm);
    u32 id = names_find(account ? &e->accounts.names : &e->risk.firm_names, key);

    return party_at(e, account ? id : FIRM_PARTY | id);
}

bool engine_limit(const struct engine *e, struct msg_limit *m)
{
    const struct party *p = limit_find(e, m);

    m->exposure_max = p->own.exposure_max;
    m->daily_max = p->own.daily_max;
    m->position_max = p->own.position_max;
    m->collar_bps = p->own.last_bps;
    m->inherits = p->own.inherits;
    m->open_max = p->own.open_max;
    m->source = p->source;
    return p->own.exposure_max || p->own.daily_max || p->own.position_max || p->own.last_bps ||
           p->own.inherits || p->own.open_max || p->source;
}

u32 engine_firms(const struct engine *e)
{
    return e->risk.firm_names.used;
}

void engine_firm(const struct engine *e, u32 id, char firm[4])
{
    ASSERT(id >= 1 && id <= e->risk.firm_names.used);
    memcpy(firm, &e->risk.firm_names.keys[id], 4);
}

/* The party's limits are these already. */
static bool limit_same(const struct engine *e, const struct msg_limit *c)
{
    struct msg_limit now = *c;

    engine_limit(e, &now);
    return memcmp(&now, c, sizeof now) == 0;
}

static void step_limit(struct engine *e, const struct msg_limit *c)
{
    union msg *m;

    if (!limit_sound(e, c)) {
        bool stranger = c->scope == LIMIT_ACCOUNT &&
                        !names_find(&e->accounts.names, names_key(c->user, sizeof c->user));
        request_refuse(e, stranger ? WHY_ACCOUNT : WHY_TERMS);
        return;
    }
    if (limit_same(e, c)) {
        request_superfluous(e);
        return;
    }
    m = event_room(e, 2);
    m->limit = (struct msg_limit){
        .ev = event_head(e, EV_LIMIT, 2, 0),
        .exposure_max = c->exposure_max,
        .daily_max = c->daily_max,
        .position_max = c->position_max,
        .collar_bps = c->collar_bps,
        .scope = c->scope,
        .source = c->source,
        .inherits = c->inherits,
        .open_max = c->open_max,
    };
    if (c->scope == LIMIT_ACCOUNT) {
        memcpy(m->limit.user, c->user, sizeof c->user);
        m->limit.account = names_find(&e->accounts.names, names_key(c->user, sizeof c->user));
    } else {
        memcpy(m->limit.firm, c->firm, sizeof c->firm);
    }
    apply_limit(e, &m->limit);
    if (engine_busy(e))
        work_count(e);
}

/* Passes over orders, as many as one transaction may look at, and says how far that is. */
void work_count(struct engine *e)
{
    u32 account = owner_account(e->work.owner);
    u32 id = e->work.cursor ? refs_find(&e->refs, e->work.owner, e->work.cursor)
                            : account_first_order(e, account, 0);
    u32 budget = e->chunk_cancels;

    for (;;) {
        for (; id && budget; budget--)
            id = account_next_order(e, e->orders.hot[id].owner, e->orders.hot[id].user_ref);
        if (id) {
            apply_work(e, event_work_order(e, WORK_COUNT, id));
            return;
        }
        account = risk_next_account(e, account);
        if (!account)
            break;
        if (budget < 2) {
            apply_work(e, event_work_account(e, WORK_COUNT, account));
            return;
        }
        budget--;
        id = account_first_order(e, account, 0);
    }
    apply_work(e, event_work(e, WORK_NONE, 0));
}

void risk_break(struct engine *e, const struct msg_break *c)
{
    union msg *m;
    u32 sold = c->side[0].sold ? 0 : 1; /* which of the halves */

    if (c->qty == 0 || !e->risk_on)
        return;
    m = event_room(e, 2);
    m->untraded = (struct msg_untraded){
        .head = event_head(e, EV_UNTRADED, 2, 0),
        .match = c->match,
        .account = {c->side[1 - sold].account, c->side[sold].account},
        .qty = c->qty,
        .price = c->price,
        .instrument = c->instrument,
    };
    memcpy(m->untraded.firm[0], c->firm[1 - sold], 4);
    memcpy(m->untraded.firm[1], c->firm[sold], 4);
    apply_untraded(e, &m->untraded);
}

static bool of_operator(const struct engine *e, const union msg *c)
{
    struct msg_limit limit;

    switch (c->cmd.type) {
    case CMD_LIMIT:
        limit = c->limit;
        return engine_limit(e, &limit) && limit.source == CHECKS_OF_OPERATOR;
    case CMD_CHECKS:
        return e->checks[engine_account_find(e, c->checks.user)].source == CHECKS_OF_OPERATOR;
    case CMD_PROFILE:
        return e->risk.profiles[profile_find(e, c->profile.name)].source == CHECKS_OF_OPERATOR;
    default:
        return listed_state(e, &c->listed) & LISTED_HELD;
    }
}

/* Who says it, where that is a reload: the files, unless an operator does. False: he does. */
static bool source_settle(const struct engine *e, union msg *c)
{
    bool limit = c->cmd.type == CMD_LIMIT, profile = c->cmd.type == CMD_PROFILE;
    u8 *source = limit                       ? &c->limit.source
                 : profile                   ? &c->profile.source
                 : c->cmd.type == CMD_LISTED ? &c->listed.source
                                             : NULL;
    u32 said = source ? *source : c->checks.source;

    if (said != CHECKS_OF_RELOAD)
        return true;
    if (source)
        *source = CHECKS_OF_FILES;
    else
        c->checks.source = CHECKS_OF_FILES;
    return !of_operator(e, c);
}

void step_risk(struct engine *e, const union msg *cmd)
{
    union msg settled;
    const union msg *c = &settled;

    memcpy(&settled, cmd, (size_t)cmd->cmd.slots * SLOT_BYTES);
    if (!source_settle(e, &settled)) {
        request_superfluous(e);
        return;
    }
    switch (c->cmd.type) {
    case CMD_LIMIT:
        step_limit(e, &c->limit);
        break;
    case CMD_CHECKS:
        step_checks(e, &c->checks);
        break;
    case CMD_PROFILE:
        step_profile(e, &c->profile);
        break;
    default:
        ASSERT_EQ(c->cmd.type, CMD_LISTED);
        step_listed(e, &c->listed);
    }
}
