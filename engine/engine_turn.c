/*
 * engine_turn.c - the agent around the engine: command rings in, event rings and transactions out.
 *
 * Engine thread. A command is started only when every ring that it may write to has room for the
 * longest transaction, so a transaction never waits half way; until then commands stay in their
 * ring, and the gateways stop reading. Long work goes before all commands. What a ring is given
 * becomes visible in whole transactions, once a batch. Commands that wait in a ring are announced
 * to the engine (ahead.h) before they are stepped.
 */
#include "engine/engine.h"

#include "engine/rules.h"
#include "engine/state.h"

#define PAUSE_ROOM (SIDE_RING_SLOTS / 2) /* of the ring of answers, which must stay free */
#define BATCH_CMDS 32u                   /* commands of one ring before it is the next one's turn */

#define SHORT_SLOTS 64u /* a transaction up to here is one command's worth of a turn */

static void register_metrics(const struct engine *e)
{
    const struct engine_metrics *m = &e->metrics;

    metrics_register("wirebook_engine_transactions_total", "", "Transactions made.", METRIC_COUNTER,
                     &m->transactions);
    metrics_register("wirebook_engine_fills_total", "", "Fills, each counted once.", METRIC_COUNTER,
                     &m->fills);
    metrics_register("wirebook_engine_resends_total", "", "Orders ignored as retransmissions.",
                     METRIC_COUNTER, &m->resends);
    metrics_register("wirebook_engine_stale_total", "", "Commands of ended bindings, ignored.",
                     METRIC_COUNTER, &m->stale);
    metrics_register("wirebook_engine_stale_disconnects_total", "",
                     "Disconnects among the commands of ended bindings.", METRIC_COUNTER,
                     &m->stale_ends);
    metrics_register("wirebook_engine_superfluous_total", "",
                     "Commands that changed nothing, such as cancels that came too late.",
                     METRIC_COUNTER, &m->superfluous);
    metrics_register("wirebook_engine_rejects_total", "", "Orders rejected.", METRIC_COUNTER,
                     &m->rejects);
    for (u32 i = 0; i < RULES_RISKS; i++)
        metrics_register("wirebook_engine_orders_refused_by_reason_total", rules_risks[i].labels,
                         "Orders that the engine refused for risk, replacements included.",
                         METRIC_COUNTER, &e->metrics.refused_for[i]);
    metrics_register("wirebook_engine_pool_full_total", "",
                     "Orders rejected because a pool of the config was full.", METRIC_COUNTER,
                     &m->pool_full);
    metrics_register("wirebook_engine_refused_total", "",
                     "Starts, days and reference data refused as impossible.", METRIC_COUNTER,
                     &m->refused);
    metrics_register("wirebook_engine_unanswered_total", "",
                     "Answers to operators that were dropped because nobody took them.",
                     METRIC_COUNTER, &m->unanswered);
    metrics_register("wirebook_engine_unknown_total", "", "Commands of an unknown type.",
                     METRIC_COUNTER, &m->unknown);
    metrics_register("wirebook_engine_continues_total", "", "Further pieces of long work.",
                     METRIC_COUNTER, &m->continues);
    metrics_register("wirebook_engine_trading_day", "", "The open day as yyyymmdd; 0: none.",
                     METRIC_GAUGE, &m->day);
    metrics_register("wirebook_engine_phase", "", "The venue's phase, as its letter's code.",
                     METRIC_GAUGE, &m->phase);
    metrics_register("wirebook_engine_orders_open", "", "Open orders.", METRIC_GAUGE,
                     &m->orders_open);
    metrics_register("wirebook_engine_orders_open_max", "", "The most orders open at once.",
                     METRIC_GAUGE, &m->orders_open_max);
}

void engine_attach(struct engine *e, const struct engine_rings *rings)
{
    ASSERT_LE(rings->cmd_used, ENGINE_CMD_RINGS_MAX);
    ASSERT_GE(rings->events_used, e->conf.gateways);
    ASSERT(rings->tx != NULL);
    e->rings = *rings;
    e->next_ring = 0;
    memset(e->announced, 0, sizeof e->announced);
    e->started = false;
    register_metrics(e);
}

void engine_answer(struct engine *e, const union msg *m, u32 slots)
{
    if (e->rings.answers && !ring_push(e->rings.answers, m, slots))
        metric_add(&e->metrics.unanswered, 1);
}

static bool have_room(struct engine *e)
{
    if (ring_room(e->rings.tx, TX_SLOTS_MAX) < TX_SLOTS_MAX)
        return false;
    for (u32 i = 0; i < e->rings.events_used; i++) {
        if (ring_room(e->rings.events[i], TX_SLOTS_MAX) < TX_SLOTS_MAX)
            return false;
    }
    return true;
}

static void put_all(struct engine *e, const union msg *m, u32 n)
{
    for (u32 i = 0; i < e->rings.events_used; i++)
        ring_put(e->rings.events[i], m, n);
}

/*
 * The gateway that holds the account's session, or held it last. Long work that a recovery goes on
 * with comes before the start: by then accounts are still where the process before had them, but
 * all stores of this one are at gateway 0.
 */
static void put_owner(struct engine *e, u32 account, const union msg *m, u32 n)
{
    u16 gateway = e->started ? e->accounts.at[account].gateway : 0;

    ASSERT_LT(gateway, e->rings.events_used);
    ring_put(e->rings.events[gateway], m, n);
}

/* To the gateway that has the session from now on, and behind its last event to the one before. */
static void put_bound(struct engine *e, const struct msg_bound *m)
{
    ring_put(e->rings.events[m->gateway], m, m->head.slots);
    if (m->from != m->gateway)
        ring_put(e->rings.events[m->from], m, m->head.slots);
}

/* A pause, or its end, is told to operators, behind the terms of what it is of, as long as their
 * answers have room. */
static void pause_tell(struct engine *e, const union msg *m)
{
    bool pause = m->phase.reason == COURSE_LIMIT || m->phase.reason == COURSE_OVER;
    union msg of;

    if (!pause || !e->rings.answers || ring_room(e->rings.answers, PAUSE_ROOM) < PAUSE_ROOM)
        return;
    of.instrument = e->instruments.terms[m->phase.instrument];
    of.ev = (struct event_head){.type = EV_INSTRUMENT, .slots = 1};
    engine_answer(e, &of, 1);
    engine_answer(e, m, 1);
}

static void route(struct engine *e, const union msg *m)
{
    u32 n = m->ev.slots;

    switch (m->ev.type) {
    case EV_WORK:
    case EV_KILLED:
    case EV_RESTORED:
    case EV_COURSE:
    case EV_CROSS:
    case EV_BANDS:
    case EV_LIMIT:
    case EV_UNTRADED:
    case EV_LISTED:
    case EV_OPERATOR:
    case EV_BARRED:
    case EV_UNBARRED:
        break;
    case EV_PHASE:
        pause_tell(e, m);
        break;
    case EV_OPERATED:
        engine_answer(e, m, n);
        break;
    case EV_STARTED:
        e->started = true;
        put_all(e, m, n);
        break;
    case EV_DAY_OPENED:
    case EV_DAY_ENDED:
    case EV_INSTRUMENT:
    case EV_ACCOUNT:
    case EV_CHECKS:
    case EV_PROFILE:
        put_all(e, m, n);
        break;
    case EV_BOUND:
        put_bound(e, &m->bound);
        break;
    case EV_LOGIN_REJECTED:
        ring_put(e->rings.events[m->login_rejected.gateway], m, n);
        break;
    case EV_UNBOUND:
        if (m->unbind.gateway < e->rings.events_used)
            ring_put(e->rings.events[m->unbind.gateway], m, n);
        break;
    default:
        put_owner(e, m->ev.account, m, n);
    }
}

/* Stages e->out on all rings that it concerns. */
static void hand_out(struct engine *e)
{
    const struct tx *tx = &e->out;

    ring_put(e->rings.tx, tx->slots, tx->used);
    for (u32 at = msg_slots(tx->slots); at < tx->used;) {
        const union msg *m = (const union msg *)(const void *)&tx->slots[at];
        route(e, m);
        at += m->ev.slots;
    }
}

static void publish(struct engine *e)
{
    for (u32 i = 0; i < e->rings.events_used; i++)
        ring_publish(e->rings.events[i]);
    ring_publish(e->rings.tx);
    metric_set(&e->metrics.orders_open, e->orders.pool.used);
    metric_max(&e->metrics.orders_open_max, e->orders.pool.used);
}

/*
 * A piece of long work, if there is some and there is room. It takes all of a turn: an order that
 * goes may have to be looked for in trees that are in no cache. Returns what was used of a turn.
 */
static u32 go_on(struct engine *e, u64 now_ns)
{
    if (LIKELY(!engine_busy(e)) || !have_room(e))
        return 0;
    engine_continue(e, now_ns, &e->out);
    hand_out(e);
    return ENGINE_CMDS_PER_TURN;
}

/*
 * What the transaction in e->out counts for in a turn: a long one for its slots, so that the
 * longest is worth as much as a piece of long work, whatever has made it.
 */
static inline u32 turn_cost(const struct engine *e)
{
    _Static_assert(ENGINE_CMDS_PER_TURN <= TX_SLOTS_MAX, "the longest one takes all of a turn");
    u32 used = e->out.used;

    return LIKELY(used <= SHORT_SLOTS) ? 1 : used;
}

/* Orders whose time is over go before all commands. Returns what was used of the budget. */
static u32 expire(struct engine *e, u64 now_ns, u32 budget)
{
    static const union msg tick = {.bare = {.cmd = {.type = CMD_TICK, .slots = 1}}};
    u32 done = 0;

    while (!engine_busy(e) && engine_due(e, now_ns) && done < budget && have_room(e)) {
        done++;
        if (engine_step(e, &tick, now_ns, &e->out)) {
            done += turn_cost(e) - 1;
            hand_out(e);
        }
    }
    return min_u32(done, budget);
}

/*
 * Announces what waits in ring `i`, as far as it is worth it; what was announced and not reached in
 * this turn stays so. In a burst that is one command for each that is stepped, which is why they
 * are counted: slots would make it none, one or two, and a branch that nobody foresees. A command
 * alone would gain nothing.
 */
static void announce(struct engine *e, u32 i)
{
    struct announced *a = &e->announced[i];
    struct ring *r = e->rings.cmd[i];
    u64 known = r->head_own + ring_avail(r, 1);

    if (a->up_to <= r->head_own)
        *a = (struct announced){.up_to = r->head_own};
    if (known - r->head_own <= MSG_SLOTS_MAX)
        return;
    for (; a->cmds < ENGINE_AHEAD_CMDS && a->up_to < known; a->cmds++) {
        const struct slot *s = ring_at(r, a->up_to - r->head_own);
        engine_ahead(e, (const union msg *)(const void *)s);
        a->up_to += msg_slots(s);
    }
}

/* The command at the ring's head has become the transaction in e->out. Returns the count now. */
static u64 stamp(struct engine *e, u32 i, u64 taken)
{
    const struct cmd_head *head = (const struct cmd_head *)(const void *)&e->out.slots[0];

    return stamps_matched(e->rings.stamps, i, e->rings.cmd[i]->head_own, taken, head->seq,
                          head->account);
}

/* Commands of ring `i`. Returns what was used of the budget, 0 when none was taken. */
static u32 serve(struct engine *e, u32 i, u64 now_ns, u32 budget)
{
    struct ring *r = e->rings.cmd[i];
    bool stamped = e->rings.stamps != NULL && ring_avail(r, 1) > 0;
    u64 taken = stamped ? clock_ticks() : 0;
    union msg copy;
    const union msg *cmd;
    u32 done = 0;

    while (done < budget && !engine_busy(e) && have_room(e) && (cmd = msg_peek(r, &copy))) {
        announce(e, i);
        u32 n = cmd->cmd.slots;
        done++;
        if (engine_step(e, cmd, now_ns, &e->out)) {
            if (UNLIKELY(stamped))
                taken = stamp(e, i, taken);
            done += turn_cost(e) - 1;
            hand_out(e);
        } else if (UNLIKELY(cmd->cmd.type == CMD_LOOK)) {
            done = budget; /* it may have been at many prices (look.c): one a turn */
        }
        ring_take(r, n);
        e->announced[i].cmds -= e->announced[i].cmds > 0;
    }
    return min_u32(done, budget);
}

int engine_do_work(void *engine, u64 now_ns)
{
    struct engine *e = engine;
    u32 done = go_on(e, now_ns);
    u32 first = e->next_ring;

    done += expire(e, now_ns, ENGINE_CMDS_PER_TURN - done);
    bool waiting = engine_due(e, now_ns);
    for (u32 i = 0; i < e->rings.cmd_used && !waiting && !engine_busy(e); i++) {
        u32 budget = min_u32(BATCH_CMDS, ENGINE_CMDS_PER_TURN - done);
        u32 ring = (first + i) % e->rings.cmd_used;
        u32 here = budget ? serve(e, ring, now_ns, budget) : 0;
        if (here)
            publish(e);
        done += here;
    }
    if (e->rings.cmd_used)
        e->next_ring = (first + 1) % e->rings.cmd_used;
    if (done)
        publish(e);
    return (int)done;
}
