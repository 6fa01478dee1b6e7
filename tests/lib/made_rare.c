/*
 * made_rare.c - see made_journal.h. What happens once in a while: modifications, self-trade
 * prevention, restatements, late cancels, new priorities, broken trades, what is stopped and
 * allowed again, and an instrument's day.
 */
#include <string.h>

#include "tests/lib/made_impl.h"

static struct made_order *any_order(struct made_journal *j)
{
    return &j->open[made_below(j, j->open_used)];
}

static u16 side_flag(const struct made_order *o)
{
    return o->side == 'B' ? 0 : MSG_SELL;
}

static void modify(struct made_journal *j)
{
    struct made_order *o = any_order(j);
    u32 qty = o->leaves > 100 ? 100 : 0;

    made_put(j, CMD_MODIFY, 1, o->account)->modify.user_ref = o->user_ref;
    union msg *m = made_put(j, EV_MODIFIED, 1, o->account);
    o->leaves -= qty;
    m->modified.order_ref = o->order_ref;
    m->modified.user_ref = o->user_ref;
    m->modified.instrument = o->instrument;
    m->modified.side = o->side;
    m->modified.qty = qty;
    m->modified.leaves = o->leaves;
    m->modified.located = qty > 0 ? 'Y' : 0;
    j->order_events++;
}

static void prevent(struct made_journal *j)
{
    struct made_order *o = any_order(j);

    made_put(j, CMD_CONTINUE, 1, 0);
    union msg *m = made_put(j, EV_AIQ_CANCELLED, 1, o->account);
    m->aiq.order_ref = o->order_ref;
    m->aiq.user_ref = o->user_ref;
    m->aiq.qty = o->leaves;
    m->aiq.prevented = 100;
    m->aiq.price = o->price;
    m->aiq.instrument = o->instrument;
    m->aiq.strategy = 'n';
    m->ev.flags |= side_flag(o) | (o->leaves > 100 ? MSG_TAKER : 0);
    o->leaves = 0;
    j->order_events++;
    made_drop_dead(j);
}

static void restate(struct made_journal *j)
{
    const struct made_order *o = any_order(j);

    made_put(j, CMD_CONTINUE, 1, 0);
    union msg *m = made_put(j, EV_RESTATED, 1, o->account);
    m->restated.order_ref = o->order_ref;
    m->restated.secondary = ++j->order_refs;
    m->restated.user_ref = o->user_ref;
    m->restated.qty = 100;
    m->restated.price = o->price;
    m->restated.instrument = o->instrument;
    m->restated.reason = 'R';
    m->ev.flags |= side_flag(o);
    j->order_events++;
}

static void late(struct made_journal *j, u8 type)
{
    const struct made_order *o = any_order(j);

    made_put(j, CMD_CANCEL, 1, o->account)->cancel.user_ref = o->user_ref;
    union msg *m = made_put(j, type, 1, o->account);
    m->late.order_ref = o->order_ref;
    m->late.user_ref = o->user_ref;
    m->late.instrument = o->instrument;
    j->order_events++;
}

/* A new number; executions and cancels have it from here on. */
static void slide(struct made_journal *j)
{
    struct made_order *o = any_order(j);

    made_put(j, CMD_TICK, 1, 0);
    union msg *m = made_put(j, EV_PRIORITY, 1, o->account);
    m->priority.old_order_ref = o->order_ref;
    m->priority.order_ref = o->order_ref = ++j->order_refs;
    m->priority.user_ref = o->user_ref;
    m->priority.price = o->price += 100;
    m->priority.instrument = o->instrument;
    m->priority.display = 'Y';
    j->order_events++;
}

/* Both halves of the last trade, once. */
static void break_trade(struct made_journal *j)
{
    made_put(j, CMD_BREAK, 2, 0)->broken_trade.match = j->matches;
    for (u32 i = 1; i <= 2; i++) {
        union msg *m = made_put(j, EV_BROKEN, 1, i);
        m->broken.match = j->matches;
        m->broken.user_ref = i;
        memcpy(m->broken.clordid, "BROKEN        ", 14);
        m->broken.reason = 'S';
    }
    j->broken += 2;
}

static void stop_client(struct made_journal *j, u8 command, u8 event)
{
    u32 account = (u32)(1 + made_below(j, MADE_ACCOUNTS)), ref = ++j->user_refs[account];

    memcpy(made_put(j, command, 1, account)->firm.firm, "HOUS", 4);
    union msg *m = made_put(j, event, 1, account);
    m->firm.user_ref = ref;
    memcpy(m->firm.firm, "HOUS", 4);
    j->controls++;
}

static void mass(struct made_journal *j)
{
    u32 account = (u32)(1 + made_below(j, MADE_ACCOUNTS)), ref = ++j->user_refs[account];

    made_put(j, CMD_MASS_CANCEL, 1, account)->mass.user_ref = ref;
    union msg *m = made_put(j, EV_MASS_CANCELLED, 1, account);
    m->mass.user_ref = ref;
    memcpy(m->mass.firm, "    ", 4);
    made_symbol(m->mass.symbol, 2);
    m->mass.side = 'S';
    m->mass.has_group = 1;
    m->mass.group_id = 7;
    j->controls++;
}

static void kill(struct made_journal *j, u8 command, u8 event, u8 scope)
{
    made_put(j, command, 1, 0)->kill.scope = scope;
    union msg *m = made_put(j, event, 1, 0);
    m->kill.scope = scope;
    if (scope == KILL_ACCOUNT)
        m->kill.account = 3;
    if (scope == KILL_FIRM)
        memcpy(m->kill.firm, "F002", 4);
    j->controls++;
}

/* A halt of one instrument and its cross: each kind of event of a market's day. */
static void halt(struct made_journal *j)
{
    u16 id = (u16)(1 + made_below(j, MADE_INSTRUMENTS));

    made_put(j, CMD_PHASE, 1, 0)->course.phase = PHASE_TRADING;
    union msg *m = made_put(j, EV_COURSE, 1, 0);
    m->course.instrument = id;
    m->course.phase = PHASE_TRADING;
    m->course.reason = COURSE_SCHEDULE;
    m->course.due_ns = j->time_ns;
    m->course.wide = 1;
    m = made_put(j, EV_PHASE, 1, 0);
    m->phase.instrument = id;
    m->phase.phase = PHASE_PAUSED;
    m->phase.next = PHASE_TRADING;
    m->phase.cross = 'H';
    m->phase.reason = COURSE_LIMIT;
    m->phase.late = 1;
    m->phase.until_ns = j->time_ns + NS_PER_SEC;
    m->phase.reference = 1000000;
    m->phase.lower = 950000;
    m->phase.upper = 1050000;
    m = made_put(j, EV_CROSS, 1, 0);
    m->cross.instrument = id;
    m->cross.cross = 'H';
    m->cross.price = made_below(j, 2) ? 1000000 : 0;
    m->cross.paired = 300;
    m->cross.imbalance = 100;
    m->cross.side = 'B';
    m = made_put(j, EV_BANDS, 1, 0);
    m->bands.instrument = id;
    m->bands.reference = 1000100;
    m->bands.lower = 950100;
    m->bands.upper = 1050100;
    j->market += 4;
}

static void work(struct made_journal *j)
{
    made_put(j, CMD_CONTINUE, 1, 0);
    made_put(j, EV_WORK, 1, 0)->work.kind = WORK_NONE;
}

void made_step_rare(struct made_journal *j)
{
    switch (made_below(j, 15)) {
    case 0 ... 1:
        modify(j);
        break;
    case 2:
        prevent(j);
        break;
    case 3:
        restate(j);
        break;
    case 4:
        late(j, EV_CANCEL_PENDING);
        break;
    case 5:
        late(j, EV_CANCEL_REJECTED);
        break;
    case 6 ... 7:
        slide(j);
        break;
    case 8:
        if (j->matches > j->broken_match)
            break_trade(j);
        else
            work(j);
        j->broken_match = j->matches;
        break;
    case 9:
        stop_client(j, CMD_DISABLE, EV_DISABLED);
        break;
    case 10:
        stop_client(j, CMD_ENABLE, EV_ENABLED);
        break;
    case 11:
        mass(j);
        break;
    case 12:
        kill(j, CMD_KILL, EV_KILLED, (u8)(KILL_ACCOUNT + made_below(j, 3)));
        break;
    case 13:
        kill(j, CMD_RESTORE, EV_RESTORED, (u8)(KILL_ACCOUNT + made_below(j, 3)));
        break;
    case 14:
        halt(j);
        break;
    }
}
