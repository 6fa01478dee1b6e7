/*
 * engine.c - the engine as others see it: making one, one step, and questions about its state.
 *
 * Engine thread. All memory is taken by engine_new, in proportion to the config. A step is: copy
 * the command into the transaction, let step_*.c decide, mark the end. See state.h for the drawing.
 */
#include "engine/engine.h"

#include "engine/peg.h"
#include "engine/phase.h"
#include "engine/transaction.h"

struct engine *engine_new(const struct engine_conf *conf, struct mem *m)
{
    struct engine *e = mem_alloc(m, sizeof *e, CACHE_LINE);

    ASSERT(conf->accounts_max >= 1 && conf->accounts_max <= ACCOUNTS_MAX);
    ASSERT(conf->gateways >= 1 && conf->gateways <= GATEWAYS_MAX);
    e->conf = *conf;
    e->next_order_ref = 1;
    e->next_match = 1;
    e->next_bind_id = 1;
    e->chunk_fills = CHUNK_FILLS_MAX;
    e->chunk_cancels = CHUNK_CANCELS_MAX;
    orders_init(&e->orders, m, conf->orders_max);
    books_init(&e->books, m, conf->instruments_max, &e->orders);
    dark_init(&e->dark, m, conf->instruments_max, &e->orders, conf->hash_key[1]);
    expiry_init(&e->expiry, m, &e->orders);
    refs_init(&e->refs, m, conf->orders_max, conf->hash_key);
    accounts_init(&e->accounts, m, conf->accounts_max, conf->hash_key[0]);
    e->instruments.terms =
        mem_alloc(m, ((u64)conf->instruments_max + 1) * sizeof *e->instruments.terms, CACHE_LINE);
    e->markets = mem_alloc(m, ((u64)conf->instruments_max + 1) * sizeof *e->markets, CACHE_LINE);
    e->windows = mem_alloc(m, ((u64)conf->instruments_max + 1) * sizeof *e->windows, CACHE_LINE);
    alarms_init(&e->alarms, m, conf->instruments_max);
    alarms_init(&e->drops, m, conf->accounts_max);
    e->venue.phase = PHASE_TRADING;
    metric_set(&e->metrics.phase, PHASE_TRADING);
    queues_init(&e->queues, m, &e->orders, conf->hash_key[1]);
    risk_init(e, m);
    listed_init(e, m);
    e->checks = mem_alloc(m, (conf->accounts_max + 1ull) * sizeof e->checks[0], CACHE_LINE);
    names_init(&e->instruments.names, m, conf->instruments_max, conf->hash_key[0] ^ 2);
    return e;
}

bool step_venue(struct engine *e, const union msg *cmd)
{
    switch (cmd->cmd.type) {
    case CMD_DAY_END:
        step_day_end(e, &cmd->day);
        return true;
    case CMD_INSTRUMENT:
        step_instrument(e, &cmd->instrument);
        return true;
    case CMD_ACCOUNT:
        step_account(e, &cmd->account);
        return true;
    case CMD_PHASE:
        step_phase(e, &cmd->course);
        return true;
    case CMD_BREAK:
        step_break(e, &cmd->broken_trade);
        return true;
    case CMD_LIMIT:
    case CMD_CHECKS:
    case CMD_PROFILE:
    case CMD_LISTED:
        step_risk(e, cmd);
        return true;
    case CMD_KILL:
    case CMD_RESTORE:
        step_kill(e, &cmd->kill);
        return true;
    default:
        return false;
    }
}

static void step_rare(struct engine *e, const union msg *cmd)
{
    switch (cmd->cmd.type) {
    case CMD_START:
        step_start(e, &cmd->start);
        break;
    case CMD_DAY_OPEN:
        step_day_open(e, &cmd->day);
        break;
    case CMD_LOGIN:
        step_login(e, &cmd->login);
        break;
    case CMD_DISCONNECT:
        step_disconnect(e, &cmd->unbind);
        break;
    case CMD_QUERY:
        step_query(e, &cmd->query);
        break;
    case CMD_TICK:
        step_tick(e);
        if (!e->tx_last)
            step_alarm(e);
        if (!e->tx_last)
            step_drop(e);
        break;
    case CMD_OPERATOR:
        step_operator(e, &cmd->operator);
        break;
    case CMD_LOOK:
        step_look(e, &cmd->look);
        break;
    case CMD_MODIFY:
        step_modify(e, &cmd->modify);
        break;
    case CMD_MASS_CANCEL:
        step_mass_cancel(e, &cmd->mass);
        break;
    case CMD_DISABLE:
    case CMD_ENABLE:
        step_firm(e, &cmd->firm);
        break;
    default:
        metric_add(&e->metrics.unknown, !step_venue(e, cmd));
    }
}

bool engine_step(struct engine *e, const union msg *cmd, u64 now_ns, struct tx *out)
{
    ASSERT(!engine_busy(e));
    ASSERT_EQ(e->taker, 0);
    tx_begin(e, out, cmd, now_ns);
    if (LIKELY(cmd->cmd.type == CMD_ENTER))
        step_enter(e, &cmd->enter);
    else if (cmd->cmd.type == CMD_CANCEL)
        step_cancel(e, &cmd->cancel);
    else if (cmd->cmd.type == CMD_REPLACE)
        step_replace(e, &cmd->replace);
    else
        step_rare(e, cmd);
    return tx_end(e);
}

bool engine_due(const struct engine *e, u64 now_ns)
{
    u64 at_ns = max_u64(e->time_ns, now_ns);

    return expiry_first(&e->expiry, at_ns) || alarm_first(&e->alarms, at_ns) ||
           alarm_first(&e->drops, at_ns);
}

bool engine_busy(const struct engine *e)
{
    return e->work.kind != WORK_NONE;
}

void engine_continue(struct engine *e, u64 now_ns, struct tx *out)
{
    static const union msg go_on = {
        .bare = {.cmd = {.type = CMD_CONTINUE, .slots = 1}},
    };

    ASSERT(engine_busy(e));
    ASSERT_EQ(e->taker != 0, e->work.kind == WORK_MATCH);
    tx_begin(e, out, &go_on, now_ns);
    if (e->work.kind == WORK_MATCH)
        work_match(e);
    else if (e->work.kind == WORK_MASS)
        work_mass(e);
    else if (e->work.kind == WORK_PEGS)
        work_pegs(e);
    else if (e->work.kind == WORK_KILL)
        work_kill(e);
    else if (e->work.kind == WORK_COUNT)
        work_count(e);
    else if (e->work.kind == WORK_DROP)
        work_drop(e);
    else if (e->work.kind >= WORK_COURSE)
        work_course(e);
    else
        work_day_end(e);
    bool made = tx_end(e);
    ASSERT(made);
    metric_add(&e->metrics.continues, 1);
}

/* ---- questions ---- */

void engine_gateways_set(struct engine *e, u32 gateways)
{
    ASSERT(gateways >= 1 && gateways <= GATEWAYS_MAX);
    e->conf.gateways = gateways;
}

const struct engine_conf *engine_conf(const struct engine *e)
{
    return &e->conf;
}

u64 engine_seq(const struct engine *e)
{
    return e->seq;
}

u64 engine_time_ns(const struct engine *e)
{
    return e->time_ns;
}

u64 engine_epoch(const struct engine *e)
{
    return e->epoch;
}

u64 engine_journal_id(const struct engine *e)
{
    return e->journal_id;
}

u32 engine_day(const struct engine *e)
{
    return e->day;
}

u32 engine_day_last(const struct engine *e)
{
    return e->day_last;
}

const struct metric *engine_day_gauge(const struct engine *e)
{
    return &e->metrics.day;
}

const struct metric *engine_phase_gauge(const struct engine *e)
{
    return &e->metrics.phase;
}

const struct metric *engine_course_gauge(const struct engine *e)
{
    return &e->metrics.course_due;
}

u32 engine_accounts(const struct engine *e)
{
    return e->accounts.names.used;
}

u32 engine_instruments(const struct engine *e)
{
    return e->instruments.names.used;
}

const struct msg_account *engine_account(const struct engine *e, u32 account)
{
    return account_known(&e->accounts, account) ? &e->accounts.at[account].terms : NULL;
}

const struct msg_instrument *engine_instrument(const struct engine *e, u16 instrument)
{
    if (instrument == 0 || instrument > e->instruments.names.used)
        return NULL;
    return &e->instruments.terms[instrument];
}

u32 engine_account_find(const struct engine *e, const char user[6])
{
    return names_find(&e->accounts.names, names_key(user, 6));
}

u16 engine_instrument_find(const struct engine *e, const char symbol[8])
{
    return (u16)names_find(&e->instruments.names, names_key(symbol, 8));
}

u64 engine_next_session_seq(const struct engine *e, u32 account)
{
    ASSERT(account_known(&e->accounts, account));
    return e->accounts.at[account].next_session_seq;
}

u32 engine_open_orders(const struct engine *e)
{
    return e->orders.pool.used;
}

u32 engine_best_price(const struct engine *e, u16 instrument, char side)
{
    ASSERT(engine_instrument(e, instrument) != NULL);
    return e->books.at[instrument].best_price[side_is_sell((u8)side) ? SELL : BUY];
}

u64 engine_best_qty(const struct engine *e, u16 instrument, char side)
{
    ASSERT(engine_instrument(e, instrument) != NULL);
    u32 level = e->books.at[instrument].best_level[side_is_sell((u8)side) ? SELL : BUY];
    return level ? e->books.levels[level].qty : 0;
}

u8 engine_phase(const struct engine *e, u16 instrument)
{
    ASSERT(engine_instrument(e, instrument) != NULL);
    return e->markets[instrument].phase;
}
