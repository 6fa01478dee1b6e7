/*
 * state.h - the engine's whole state, for the engine's own files only; others use engine.h.
 *
 *   command ─▶ step_*.c decides ─▶ event.h writes into the transaction ─▶ apply.c changes the state
 *                                                          journal ─▶ recover.c ─▶ ╯
 *
 * Only apply.c changes what recovery must restore; step_*.c and match.c read it and write events.
 */
#ifndef WIREBOOK_ENGINE_STATE_H
#define WIREBOOK_ENGINE_STATE_H

#include "engine/account.h"
#include "engine/ahead.h"
#include "engine/alarm.h"
#include "engine/base/metrics.h"
#include "engine/book.h"
#include "engine/dark.h"
#include "engine/engine.h"
#include "engine/expiry.h"
#include "engine/listed.h"
#include "engine/market.h"
#include "engine/order.h"
#include "engine/refs.h"
#include "engine/risk.h"

/* Long work that goes on with the next CONTINUE. */
struct work {
    u8 kind;    /* enum work_kind */
    u32 cursor; /* WORK_DAY_END: the next account, WORK_MASS: the next order's number */
    u32 owner;  /* WORK_MASS: ... and whose it is */
};

struct instruments {
    struct msg_instrument *terms; /* by id, from 1: the EV_INSTRUMENT that last set them */
    struct names names;
};

struct engine_metrics {
    struct metric transactions;
    struct metric fills;
    struct metric resends;         /* a number used before: taken for a retransmission */
    struct metric stale;           /* a binding that has ended */
    struct metric superfluous;     /* cancels and replaces of what is not open; repeated facts */
    struct metric stale_ends;      /* of `stale`: disconnects */
    struct metric rejects;         /* orders rejected, by the gateway or here */
    struct metric pool_full;       /* ... because a pool was full */
    struct metric refused_for[6];  /* ... here, for risk, also in a Replace: rules_risks */
    struct metric refused;         /* reference data, days and epochs that cannot be */
    struct metric unanswered;      /* answers to operators that found no room */
    struct metric unknown;         /* commands of a type that is none */
    struct metric continues;       /* pieces of long work */
    struct metric day;             /* gauge: the open day, 0: none */
    struct metric phase;           /* gauge: the venue's enum phase */
    struct metric course_due;      /* gauge: course_due_ns */
    struct metric orders_open;     /* gauge */
    struct metric orders_open_max; /* high-water mark */
};

/* What operators have stopped beside accounts. */
struct kills {
    u32 venue; /* 1: everybody */
    u32 firms_used;
    u32 firms[KILLED_FIRMS_MAX];
};

/* The operator's request under way: from its EV_OPERATOR to its EV_OPERATED. */
struct request {
    u64 id;        /* 0: none */
    u64 first_seq; /* the transaction that it began with */
    u32 open;      /* orders that were open then */
    u32 uid;
    u8 type;    /* of the command that it carries */
    u8 outcome; /* enum operated_outcome, so far */
    u8 why;     /* enum operated_why */
};

/* Commands of a ring that have been announced and not stepped yet. */
struct announced {
    u64 up_to; /* index in the ring */
    u32 cmds;
};

struct engine {
    /* ---- what recovery restores ---- */
    u64 seq;     /* of the last transaction */
    u64 time_ns; /* of the last transaction */
    u64 next_order_ref;
    u64 next_match;
    u64 epoch;
    u64 journal_id; /* 0: none yet */
    u64 midnight_ns;
    u32 day;      /* open; 0: none */
    u32 day_last; /* opened last */
    u32 shard;
    u32 next_bind_id;
    u32 taker;     /* the order that is being matched and does not rest yet; 0: none */
    u32 touched;   /* within a transaction: instruments with bands whose books changed */
    u32 risk_on;   /* 1: an account or a firm has limits, or had */
    u32 exhausted; /* within a transaction: a reserve order that must show its next part */
    struct work work;
    struct msg_mass mass; /* WORK_MASS: what is looked for */
    struct msg_kill kill; /* WORK_KILL: what is looked for */
    struct kills kills;
    struct request request;
    struct orders orders;
    struct books books;
    struct dark dark;
    struct refs refs;
    struct expiry expiry;
    struct accounts accounts;
    struct instruments instruments;
    struct market *markets; /* by instrument, from 1 */
    struct market venue;    /* where all are led to: phase, wide, late */
    u64 course_due_ns;      /* the schedule's last change; it only goes forwards */
    struct window *windows; /* by instrument, from 1 */
    struct alarms drops;    /* by account: when its orders go */
    struct alarms alarms;
    struct queues queues;
    u64 day_match;          /* first match number of the open day */
    u64 broken[BROKEN_MAX]; /* trades of the day that were broken */
    u32 broken_used;
    struct course course; /* WORK_COURSE and beyond: the change of phase under way */
    struct crossing cross;
    struct scan scan;
    struct risk risk;
    struct listed listed;
    struct msg_checks *checks; /* by account: the EV_CHECKS that last set them, or all zero */

    /* ---- the transaction under way ---- */
    struct tx *tx;
    u32 tx_last; /* slot of its last message */
    u64 tx_seq;
    u64 tx_time_ns;

    /* ---- fixed ---- */
    struct engine_conf conf;
    u32 chunk_fills;   /* CHUNK_FILLS_MAX; less in tests */
    u32 chunk_cancels; /* CHUNK_CANCELS_MAX; less in tests */
    struct engine_rings rings;
    u32 next_ring; /* whose turn it is */
    bool started;  /* CMD_START has come by these rings: accounts are where this process has them */

    struct ahead ahead;                               /* commands that wait */
    struct announced announced[ENGINE_CMD_RINGS_MAX]; /* of each ring */
    struct engine_unfit unfit;                        /* of recovery */
    struct engine_metrics metrics;
    struct tx out; /* of engine_do_work */
};

/* ---- transaction.c ---- */

/* In recovery, what a whole transaction leaves: the order under way rests, time moves on. */
void tx_settle(struct engine *e, u64 seq, u64 time_ns);

/* ---- step_*.c: one function a command ---- */
void step_start(struct engine *e, const struct msg_start *c);
void step_day_open(struct engine *e, const struct msg_day *c);
void step_day_end(struct engine *e, const struct msg_day *c);
void step_instrument(struct engine *e, const struct msg_instrument *c);
bool instrument_terms_sound(const struct msg_instrument *c);
void step_account(struct engine *e, const struct msg_account *c);
bool account_terms_sound(const struct msg_account *c);
void step_login(struct engine *e, const struct msg_login *c);
void step_disconnect(struct engine *e, const struct msg_unbind *c);
void step_query(struct engine *e, const struct msg_query *c);
void step_enter(struct engine *e, const struct msg_enter *c);
void step_replace(struct engine *e, const struct msg_replace *c);
void step_cancel(struct engine *e, const struct msg_cancel *c);
void step_tick(struct engine *e);
void step_modify(struct engine *e, const struct msg_modify *c);
void step_mass_cancel(struct engine *e, const struct msg_mass *c);
void step_firm(struct engine *e, const struct msg_firm *c);
void step_break(struct engine *e, const struct msg_break *c);
void step_alarm(struct engine *e);
void step_phase(struct engine *e, const struct msg_course *c);

/* Goes on with the order under way (e->taker) from its first or next fill. */
void work_match(struct engine *e);

/* The order under way (e->taker) begins to rest. */
void tx_rest(struct engine *e);

/*
 * Accounts from `from` on hear System Event E, one that is looked at or told for a unit of
 * `budget`. False: more is to come (WORK_TELL).
 */
bool accounts_tell(struct engine *e, u32 from, u32 *budget);

/* Goes on closing the day with the account e->work.cursor. */
void work_day_end(struct engine *e);

/* Goes on with the orders of an account whose connection is gone. */
void work_drop(struct engine *e);

/* ... begins with them. */
void drop_begin(struct engine *e, u32 account);

/* The account whose grace is over, if there is one. */
void step_drop(struct engine *e);

/* A connection that ended for `reason` of enum unbind_reason was lost, or taken away by us: nobody
 * has another. */
static inline bool unbind_drops(u8 reason)
{
    return reason == UNBIND_CLOSED || reason == UNBIND_LOGOUT || reason == UNBIND_SILENT ||
           reason == UNBIND_PROTOCOL || reason == UNBIND_SLOW || reason == UNBIND_EXPELLED;
}

/* Goes on with the kill e->kill. */
void work_kill(struct engine *e);
void step_kill(struct engine *e, const struct msg_kill *c);
/*
 * step_checks.c: sets what the gateways check; applies it; checks it first when it comes from a
 * disk.
 */
void step_checks(struct engine *e, const struct msg_checks *c);
const char *recover_checks(struct engine *e, const struct msg_checks *ev);
/* step_profile.c: the same for profiles. */
void step_profile(struct engine *e, const struct msg_profile *c);
const char *recover_profile(struct engine *e, const struct msg_profile *ev);

/* CMD_LIMIT, CMD_CHECKS, CMD_PROFILE, CMD_LISTED. */
void step_risk(struct engine *e, const union msg *c);
void step_operator(struct engine *e, const struct msg_operator *c);

/* What changes the venue comes alone, at the start and by the schedule, or in an operator's
 * request. False: the command is none of these. */
bool step_venue(struct engine *e, const union msg *cmd);
void step_look(struct engine *e, const struct msg_look *c);

/* An answer to the admin agent, if anybody takes it. */
void engine_answer(struct engine *e, const union msg *m, u32 slots);

/* Nothing of the operator's request is left to do: its last event. */
void operator_end(struct engine *e);

/* The command cannot be, because of `why` of enum operated_why: it makes no event. */
static inline void request_refuse(struct engine *e, u8 why)
{
    metric_add(&e->metrics.refused, 1);
    e->request.outcome = OPERATED_REFUSED;
    e->request.why = why;
}

/* It is so already: no event. */
static inline void request_superfluous(struct engine *e)
{
    metric_add(&e->metrics.superfluous, 1);
    e->request.outcome = OPERATED_NOTHING;
}

static inline u32 kill_firm(const struct msg_kill *k)
{
    u32 key;

    memcpy(&key, k->firm, sizeof key);
    return key;
}

static inline bool kills_firm(const struct engine *e, u32 firm)
{
    for (u32 i = 0; i < e->kills.firms_used; i++) {
        if (e->kills.firms[i] == firm)
            return true;
    }
    return false;
}

/* Goes on with the mass cancel e->mass. */
void work_mass(struct engine *e);

/* Goes on with the change of phase e->course. */
void work_course(struct engine *e);

/* The account's open order with the smallest channel from `idx` on and number; 0: there is none. */
u32 account_first_order(const struct engine *e, u32 account, u32 idx);

/* The one after an open order of its own, which has these numbers. */
u32 account_next_order(const struct engine *e, u32 owner, u32 user_ref);

/* The account, if the command's sender holds its session; else NULL: it is counted as stale. */
static inline struct account *sender_account(struct engine *e, const struct cmd_head *head)
{
    if (LIKELY(account_known(&e->accounts, head->account) && head->bind_id != 0)) {
        struct account *a = &e->accounts.at[head->account];
        if (LIKELY(a->bind_id == head->bind_id)) {
            ASSERT_NE(e->day, 0);
            return a;
        }
    }
    metric_add(&e->metrics.stale, 1);
    return NULL;
}

#endif
