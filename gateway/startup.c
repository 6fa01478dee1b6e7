/*
 * startup.c - how a topology begins to lead its shard, and how it ends in order (topology.h).
 *
 * Thread: the one that starts the process; it runs the agents' turns itself, so start and stop are
 * the ordinary path of commands through engine and journal and nothing special.
 */
#include <string.h>

#include "engine/base/log.h"
#include "gateway/admin/calendar.h"
#include "gateway/topology.h"

#define ROUNDS_A_LOOK 64 /* rounds of turns after which the clock is looked at in any case */

/* The commands that bring the engine's reference data to what the files say, one at a time. */
struct opening {
    struct topology *t;
    const struct refdata *refs;
    struct refdata_finder finder; /* in refs */
    u32 step;                     /* enum opening_step */
    u64 at;                       /* within the step */
    u32 accounts;                 /* known to the recovered engine */
    u32 instruments;
    u32 firms;
    u32 listed;
    u64 wanted; /* refdata_listed of the files */
};

enum opening_step {
    STEP_START,
    STEP_INSTRUMENTS,      /* of the files */
    STEP_INSTRUMENTS_GONE, /* known to the engine, no longer in the files */
    STEP_ACCOUNTS,
    STEP_ACCOUNTS_GONE,
    STEP_PROFILES,
    STEP_CHECKS,
    STEP_LIMITS, /* of accounts */
    STEP_FIRMS,
    STEP_FIRMS_GONE,
    STEP_LISTED_GONE,
    STEP_LISTED, /* behind what is gone, whose places it may need */
    STEP_DONE,
};

static bool start_command(struct opening *o, union msg *m)
{
    refdata_command(m, CMD_START);
    m->start.epoch = o->t->recovered.max_epoch + 1;
    m->start.shard = o->t->conf.shard;
    m->start.journal_id = o->t->journal_id;
    m->start.accounts_max = o->t->conf.engine.accounts_max;
    m->start.instruments_max = o->t->conf.engine.instruments_max;
    m->start.orders_max = o->t->conf.engine.orders_max;
    return true;
}

static bool terms_same(const struct msg_instrument *a, const struct msg_instrument *b)
{
    return a->tick == b->tick && a->lot == b->lot && a->reference_price == b->reference_price &&
           a->tier == b->tier && a->collar_bps == b->collar_bps;
}

/* The terms of the file. False: an operator has set others, which stay until he takes them back. */
static bool instrument_command(struct opening *o, union msg *m)
{
    const struct engine *e = o->t->engine;
    const struct refdata_instrument *r = &o->refs->instruments[o->at];
    const struct msg_instrument *known = engine_instrument(e, engine_instrument_find(e, r->symbol));

    refdata_instrument_command(r, m);
    return !known || !known->by_operator || terms_same(known, &m->instrument);
}

/* An instrument that the files no longer have is halted. False: it is still there. */
static bool instrument_gone_command(struct opening *o, union msg *m)
{
    const struct msg_instrument *known = engine_instrument(o->t->engine, (u16)(o->at + 1));

    if (known->by_operator || refdata_instrument(&o->finder, known->symbol))
        return false;
    refdata_instrument_gone(known, m);
    return true;
}

static bool account_command(struct opening *o, union msg *m)
{
    refdata_account_command(&o->refs->accounts[o->at], m);
    return true;
}

/* An account that the files no longer have is disabled. False: it is still there. */
static bool account_gone_command(struct opening *o, union msg *m)
{
    const struct msg_account *known = engine_account(o->t->engine, (u32)o->at + 1);

    if (refdata_account(&o->finder, known->user))
        return false;
    refdata_account_gone(known, m);
    return true;
}

/* A profile of the file. False: an operator has set others, which stay until he gives it back. */
static bool profile_command(struct opening *o, union msg *m)
{
    const struct refdata_profile *r = &o->refs->profiles[o->at];
    const struct msg_profile *known =
        engine_profile(o->t->engine, engine_profile_find(o->t->engine, r->terms.name));

    refdata_profile_command(r, m);
    return !known || known->source != CHECKS_OF_OPERATOR;
}

/* What the files list. False: nothing here, or an operator holds it. */
static bool listed_command(struct opening *o, union msg *m)
{
    return refdata_listed_command(&o->finder, o->at, m) &&
           !(engine_listed_state(o->t->engine, &m->listed) & LISTED_HELD);
}

/* What they no longer list. False: they do, or it is an operator's. */
static bool listed_gone_command(struct opening *o, union msg *m)
{
    struct msg_listed known;

    engine_listed_entry(o->t->engine, (u32)o->at + 1, &known);
    if (!known.listed || known.source == CHECKS_OF_OPERATOR || refdata_lists(&o->finder, &known))
        return false;
    refdata_command(m, CMD_LISTED);
    known.cmd = m->cmd;
    m->listed = known;
    m->listed.listed = 0;
    m->listed.instrument = 0;
    m->listed.account = 0;
    return true;
}

/* An account's limits. False: it has none in the file, and none in the engine; or an operator has
 * set them, which stay until he gives them back. */
static bool limit_command(struct opening *o, union msg *m)
{
    const struct refdata_account *a = &o->refs->accounts[o->at];
    struct msg_limit known;
    bool some = refdata_limit_command(a, m);

    known = m->limit;
    some |= engine_limit(o->t->engine, &known);
    return some && known.source != CHECKS_OF_OPERATOR;
}

/* A firm's. False: as above. */
static bool firm_command(struct opening *o, union msg *m)
{
    struct msg_limit known = o->refs->firms[o->at];

    refdata_firm_command(&o->refs->firms[o->at], m);
    engine_limit(o->t->engine, &known);
    return known.source != CHECKS_OF_OPERATOR;
}

/* What the file lets gateways check. False: an operator has set it, or it is so already. */
static bool checks_command(struct opening *o, union msg *m)
{
    const struct refdata_account *a = &o->refs->accounts[o->at];
    u32 id = engine_account_find(o->t->engine, a->user);

    refdata_checks_command(a, m);
    return id == 0 || engine_checks(o->t->engine, id)->source != CHECKS_OF_OPERATOR;
}

/* A firm that the file no longer has has no limits any more. False: it is still there. */
static bool firm_gone_command(struct opening *o, union msg *m)
{
    struct msg_limit gone = {.scope = LIMIT_FIRM};

    struct msg_limit known;

    engine_firm(o->t->engine, (u32)o->at + 1, gone.firm);
    known = gone;
    engine_limit(o->t->engine, &known);
    if (known.source == CHECKS_OF_OPERATOR)
        return false;
    for (u32 i = 0; i < o->refs->firms_used; i++)
        if (memcmp(o->refs->firms[i].firm, gone.firm, sizeof gone.firm) == 0)
            return false;
    refdata_firm_command(&gone, m);
    return true;
}

/* The next command to `m`; false when this place needs none. Moves on in either case. */
static bool next_command(struct opening *o, union msg *m)
{
    const struct refdata *r = o->refs;
    u64 counts[STEP_DONE] = {
        [STEP_START] = 1,
        [STEP_INSTRUMENTS] = r->instruments_used,
        [STEP_INSTRUMENTS_GONE] = o->instruments,
        [STEP_ACCOUNTS] = r->accounts_used,
        [STEP_ACCOUNTS_GONE] = o->accounts,
        [STEP_PROFILES] = r->profiles_used,
        [STEP_CHECKS] = r->accounts_used,
        [STEP_LIMITS] = r->accounts_used,
        [STEP_FIRMS] = r->firms_used,
        [STEP_FIRMS_GONE] = o->firms,
        [STEP_LISTED_GONE] = o->listed,
        [STEP_LISTED] = o->wanted,
    };
    static bool (*const makers[STEP_DONE])(struct opening *, union msg *) = {
        [STEP_START] = start_command,
        [STEP_INSTRUMENTS] = instrument_command,
        [STEP_INSTRUMENTS_GONE] = instrument_gone_command,
        [STEP_ACCOUNTS] = account_command,
        [STEP_ACCOUNTS_GONE] = account_gone_command,
        [STEP_PROFILES] = profile_command,
        [STEP_CHECKS] = checks_command,
        [STEP_LIMITS] = limit_command,
        [STEP_FIRMS] = firm_command,
        [STEP_FIRMS_GONE] = firm_gone_command,
        [STEP_LISTED_GONE] = listed_gone_command,
        [STEP_LISTED] = listed_command,
    };

    if (o->at == counts[o->step]) {
        o->step++;
        o->at = 0;
        return false;
    }
    bool some = makers[o->step](o, m);
    o->at++;
    return some;
}

/* What the engine knows is never forgotten: it and what the files add must fit together. */
static bool pool_fits(const char *what, u32 max, u32 known, u32 added)
{
    if (known + added <= max)
        return true;
    log_error("engine.%s_max is %u, but the journal knows %u %s and the %s file adds %u: raise it "
              "to at least %u",
              what, max, known, what, what, added, known + added);
    return false;
}

static bool refs_fit(const struct opening *o)
{
    const struct engine *e = o->t->engine;
    const struct engine_conf *max = &o->t->conf.engine;
    u32 instruments = 0;
    u32 accounts = 0;

    for (u32 i = 0; i < o->refs->instruments_used; i++)
        instruments += engine_instrument_find(e, o->refs->instruments[i].symbol) == 0;
    for (u32 i = 0; i < o->refs->accounts_used; i++)
        accounts += engine_account_find(e, o->refs->accounts[i].user) == 0;
    bool fits = pool_fits("instruments", max->instruments_max, o->instruments, instruments);
    return pool_fits("accounts", max->accounts_max, o->accounts, accounts) && fits;
}

/* One turn of every agent but the cold ones that nobody waits for here. */
static int turn(struct topology *t, u64 now_ns)
{
    int work = 0;

    for (u32 g = 0; g < t->conf.gateways; g++)
        work += gateway_do_work(t->gateways[g], now_ns);
    work += engine_do_work(t->engine, now_ns);
    work += persist_do_work(t->persist, now_ns);
    work += persist_segments_do_work(t->persist, now_ns);
    return work;
}

/*
 * The time after a round of turns that did `work`. It passes when there was nothing to do, and now
 * and then in any case, so that a deadline comes also where somebody always finds something.
 */
static u64 time_after(struct topology *t, int work, u32 *rounds, u64 now_ns)
{
    bool pass = work == 0 || ++*rounds % ROUNDS_A_LOOK == 0;

    return pass ? t->world.pass_time(t->world.ctx) : now_ns;
}

/* Nothing is on its way from any command ring to the disk. */
static bool settled(struct topology *t)
{
    for (u32 g = 0; g < t->conf.gateways; g++)
        if (ring_avail(&t->rings.cmd[g], 1) > 0)
            return false;
    return ring_avail(&t->rings.admin_cmd, 1) == 0 && !engine_busy(t->engine) &&
           persist_idle(t->persist) &&
           durable_get(persist_stored(t->persist)) == engine_seq(t->engine);
}

/* What the recovered engine knows: earlier messages of the day may speak of any of it. */
static void gateway_learn_recovered(struct gateway *g, const struct engine *e)
{
    u32 day = engine_day(e);

    for (u32 id = 1; id <= engine_instruments(e); id++)
        gateway_instrument_add(g, (u16)id, engine_instrument(e, (u16)id)->symbol,
                               engine_instrument(e, (u16)id)->reference_price);
    for (u32 id = 1; id <= engine_accounts(e); id++)
        gateway_account_add(g, id, engine_account(e, id)->user);
    for (u32 id = 1; id <= engine_profiles(e); id++)
        gateway_profile(g, engine_profile(e, id));
    for (u32 id = 1; id <= engine_accounts(e); id++)
        if (engine_checks(e, id)->account)
            gateway_account_checks(g, engine_checks(e, id));
    gateway_day_set(g, day, day ? calendar_midnight_ns(day) : 0);
}

/* Reference prices, networks and ports, which only the files say. New ids, checks and profiles come
 * by the event ring. */
static void gateway_learn_refs(struct gateway *g, const struct engine *e,
                               const struct refdata *refs)
{
    for (u32 i = 0; i < refs->instruments_used; i++) {
        const struct refdata_instrument *r = &refs->instruments[i];
        gateway_instrument_add(g, engine_instrument_find(e, r->symbol), r->symbol,
                               r->reference_price);
    }
    for (u32 i = 0; i < refs->accounts_used; i++) {
        const struct refdata_account *r = &refs->accounts[i];
        u32 id = engine_account_find(e, r->user);
        gateway_account_add(g, id, r->user);
        gateway_account_access(g, r->user, &r->networks, &r->ports);
        gateway_account_copy(g, r->user, r->copy);
    }
}

static int text_len(const char *padded, int max)
{
    while (max > 0 && padded[max - 1] == ' ')
        max--;
    return max;
}

/* What the engine has refused of `refs` is said: it goes on with what it had. */
static void compare(const struct engine *e, const struct refdata *refs)
{
    for (u32 i = 0; i < refs->instruments_used; i++) {
        const struct refdata_instrument *r = &refs->instruments[i];
        const struct msg_instrument *m = engine_instrument(e, engine_instrument_find(e, r->symbol));
        if (m->by_operator)
            log_info("instrument %.*s keeps the terms that an operator has set",
                     text_len(r->symbol, 8), r->symbol);
        if (m->by_operator ||
            (m->tick == r->tick && m->lot == r->lot && m->reference_price == r->reference_price))
            continue;
        log_error(
            "instrument %.*s, line %u: its new terms are refused: tick %u.%04u is no multiple "
            "of the one that its open orders have; it goes on with tick %u.%04u, lot %u: "
            "start again when no order is open, or take another tick",
            text_len(r->symbol, 8), r->symbol, r->line, r->tick / 10000, r->tick % 10000,
            m->tick / 10000, m->tick % 10000, m->lot);
    }
    for (u32 i = 0; i < refs->accounts_used; i++) {
        const struct refdata_account *r = &refs->accounts[i];
        const struct msg_account *m = engine_account(e, engine_account_find(e, r->user));
        union msg wanted;
        refdata_account_command(r, &wanted);
        if (msg_account_same(m, &wanted.account))
            continue;
        log_error("account %.*s, line %u: its new terms are refused by the engine; it goes on as "
                  "firm %.4s, %s",
                  text_len(r->user, 6), r->user, r->line, m->firm,
                  m->disabled ? "disabled" : "enabled");
    }
}

/* Everything that the files want listed is. An open list is no list: we do not start with one. */
static bool lists_hold(const struct opening *o)
{
    const struct engine *e = o->t->engine;
    union msg m;

    for (u64 at = 0; at < o->wanted; at++) {
        if (!refdata_listed_command(&o->finder, at, &m) ||
            engine_listed_state(e, &m.listed) & (LISTED_ON | LISTED_HELD))
            continue;
        log_error("symbol %.8s cannot be put on a list: more than %u are on lists, operators' "
                  "included: take some off",
                  m.listed.symbol, LISTED_MAX);
        return false;
    }
    return true;
}

static int open_all(struct opening *o, u64 now_ns)
{
    struct topology *t = o->t;
    union msg m;

    if (!refs_fit(o))
        return TOPOLOGY_EXIT_CONF;
    if (engine_time_ns(t->engine) > now_ns)
        log_warn("the journal's last transaction is %.3f s ahead of the machine's clock: the "
                 "venue's time stands still until the clock has caught up; is it right?",
                 (double)(engine_time_ns(t->engine) - now_ns) / NS_PER_SEC);
    for (u32 g = 0; g < t->conf.gateways; g++) {
        gateway_learn_recovered(t->gateways[g], t->engine);
        gateway_learn_refs(t->gateways[g], t->engine, o->refs);
    }
    while (o->step != STEP_DONE || !settled(t) || !admin_settled(&t->admin, now_ns)) {
        while (o->step != STEP_DONE &&
               ring_room(&t->rings.admin_cmd, MSG_SLOTS_MAX) >= MSG_SLOTS_MAX)
            if (next_command(o, &m)) {
                bool pushed = ring_push(&t->rings.admin_cmd, &m, m.cmd.slots);
                ASSERT(pushed); /* there was room for any */
            }
        if (o->step == STEP_DONE)
            admin_do_work(&t->admin, now_ns);
        if (turn(t, now_ns) == 0)
            now_ns = t->world.pass_time(t->world.ctx);
        if (persist_failed(t->persist))
            return PERSIST_EXIT_FAILED;
    }
    if (!lists_hold(o))
        return TOPOLOGY_EXIT_CONF;
    compare(t->engine, o->refs);
    mem_seal(&t->engine_mem);
    mem_seal(&t->mem);
    return 0;
}

int topology_open(struct topology *t, const struct refdata *refs, u64 now_ns)
{
    struct opening o = {
        .t = t,
        .refs = refs,
        .accounts = engine_accounts(t->engine),
        .instruments = engine_instruments(t->engine),
        .firms = engine_firms(t->engine),
        .listed = engine_listed(t->engine),
        .wanted = refdata_listed(refs),
    };

    refdata_finder_make(&o.finder, refs);
    int rc = open_all(&o, now_ns);
    refdata_finder_free(&o.finder);
    return rc;
}

/* Every gateway has said what it had to say. */
static bool all_quiet(const struct topology *t)
{
    for (u32 g = 0; g < t->conf.gateways; g++)
        if (!gateway_quiet(t->gateways[g]))
            return false;
    return true;
}

/*
 * What clients have asked so far is done, stored and told; nothing more is read from them. A client
 * that takes nothing is not waited for. Returns the time.
 */
static u64 finish_in_flight(struct topology *t, u64 now_ns, u64 deadline_ns)
{
    u32 rounds = 0;

    for (u32 g = 0; g < t->conf.gateways; g++)
        gateway_drain(t->gateways[g]);
    while (now_ns < deadline_ns && !persist_failed(t->persist)) {
        int work = turn(t, now_ns);
        if (settled(t) && all_quiet(t))
            break;
        now_ns = time_after(t, work, &rounds, now_ns);
    }
    return now_ns;
}

bool topology_close(struct topology *t, u64 now_ns, u64 deadline_ns)
{
    u32 rounds = 0;
    u32 open = 1;

    now_ns = finish_in_flight(t, now_ns, now_ns + (deadline_ns - now_ns) / 2);
    for (u32 g = 0; g < t->conf.gateways; g++)
        gateway_shutdown(t->gateways[g]);
    while (now_ns < deadline_ns && !persist_failed(t->persist)) {
        int work = turn(t, now_ns);
        work += export_do_work(&t->exporter, now_ns);
        open = 0;
        for (u32 g = 0; g < t->conf.gateways; g++)
            open += gateway_sessions(t->gateways[g]);
        if (open == 0 && settled(t) && !export_awaits(&t->exporter, engine_seq(t->engine), now_ns))
            break;
        now_ns = time_after(t, work, &rounds, now_ns);
    }
    export_say_behind(&t->exporter, engine_seq(t->engine));
    return open == 0 && settled(t);
}
