/*
 * reload_plan.c - see reload_plan.h. Thread: admin.
 *
 * Enters: the reference data as it was and as it is now, and how the engine sees those that differ.
 * Leaves: steps. Only what differs between the files is asked for, and nothing of what an operator
 * has set: he gives it back himself.
 *
 * Invariants: a step that the engine may refuse (another tick, a firm or a profile that is new to
 * it) comes before all others, but for lists, which name what is new and may be full; a tick
 * becomes only a multiple or a part of what it was. So a refusal can be taken back but for one
 * case: an order that came into an empty book behind a coarser tick, before a later step was
 * refused, keeps that tick; that is said. A new profile stays, named by nobody. What nothing takes
 * back, an expulsion, waits for all answers before it.
 */
#include "gateway/reload_plan.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/assert.h"
#include "gateway/refdata_load.h"

/* ---- who differs ---- */

static int by_user(const void *a, const void *b)
{
    const struct refdata_account *const *x = a, *const *y = b;

    return memcmp((*x)->user, (*y)->user, sizeof(*x)->user);
}

static int by_symbol(const void *a, const void *b)
{
    const struct refdata_instrument *const *x = a, *const *y = b;

    return memcmp((*x)->symbol, (*y)->symbol, sizeof(*x)->symbol);
}

/* Pointers to `n` rows of `bytes` bytes, sorted; to be freed. */
static const void **sorted(const void *rows, u32 n, size_t bytes,
                           int (*compare)(const void *, const void *))
{
    const void **out = calloc((size_t)n + 1, sizeof *out);

    ASSERT(out != NULL);
    for (u32 i = 0; i < n; i++)
        out[i] = (const u8 *)rows + i * bytes;
    if (n > 0)
        qsort(out, n, sizeof *out, compare);
    return out; /* ends in NULL */
}

/* Walks two sorted lists side by side: the next of either, or the next two of one name. Returns
 * false at the end of both. */
static bool both_next(const void ***was, const void ***is,
                      int (*compare)(const void *, const void *), const void *out[2])
{
    int c = !**was ? 1 : !**is ? -1 : compare(*was, *is);

    if (!**was && !**is)
        return false;
    out[0] = c <= 0 ? *(*was)++ : NULL;
    out[1] = c >= 0 ? *(*is)++ : NULL;
    return true;
}

u32 plan_pairs(const struct refdata *was, const struct refdata *is, struct plan_pair **out)
{
    const void **a = sorted(was->accounts, was->accounts_used, sizeof *was->accounts, by_user);
    const void **b = sorted(is->accounts, is->accounts_used, sizeof *is->accounts, by_user);
    const void **x = a, **y = b, *two[2];
    u32 used = 0;

    *out = calloc((size_t)was->accounts_used + is->accounts_used + 1, sizeof **out);
    ASSERT(*out != NULL);
    while (both_next(&x, &y, by_user, two))
        (*out)[used++] = (struct plan_pair){two[0], two[1]};
    free(a);
    free(b);
    return used;
}

static bool body_same(const union msg *a, const union msg *b)
{
    return memcmp((const u8 *)a + sizeof a->cmd, (const u8 *)b + sizeof b->cmd,
                  OPERATOR_BODY_BYTES) == 0;
}

static void no_row(union msg *m)
{
    memset(m, 0, sizeof *m);
}

static bool account_same(const struct plan_pair *p)
{
    union msg a, b;

    refdata_account_command(p->was, &a);
    refdata_account_command(p->is, &b);
    if (!body_same(&a, &b))
        return false;
    refdata_checks_command(p->was, &a);
    refdata_checks_command(p->is, &b);
    if (!body_same(&a, &b))
        return false;
    refdata_limit_command(p->was, &a);
    refdata_limit_command(p->is, &b);
    return body_same(&a, &b);
}

static bool instrument_same(const struct refdata_instrument *was,
                            const struct refdata_instrument *is)
{
    union msg a, b;

    refdata_instrument_command(was, &a);
    refdata_instrument_command(is, &b);
    return body_same(&a, &b);
}

static struct plan_subject *subject_add(struct plan *p, u8 look, const char *name, size_t bytes)
{
    p->subjects = refdata_grow(p->subjects, p->subjects_used, sizeof *p->subjects);
    struct plan_subject *s = &p->subjects[p->subjects_used++];
    *s = (struct plan_subject){.look = look};
    memcpy(s->name, name, bytes);
    return s;
}

static void instruments_begin(struct plan *p)
{
    const void **a = sorted(p->was->instruments, p->was->instruments_used,
                            sizeof *p->was->instruments, by_symbol);
    const void **b =
        sorted(p->is->instruments, p->is->instruments_used, sizeof *p->is->instruments, by_symbol);
    const void **x = a, **y = b, *two[2];

    while (both_next(&x, &y, by_symbol, two)) {
        const struct refdata_instrument *was = two[0], *is = two[1];
        if (was && is && instrument_same(was, is))
            continue;
        subject_add(p, LOOK_INSTRUMENT, is ? is->symbol : was->symbol, 8)->i = is;
    }
    free(a);
    free(b);
}

void plan_begin(struct plan *p, const struct refdata *was, const struct refdata *is)
{
    struct plan_pair *pairs;

    *p = (struct plan){.was = was, .is = is};
    instruments_begin(p);
    u32 used = plan_pairs(was, is, &pairs);
    for (u32 i = 0; i < used; i++) {
        const struct refdata_account *one = pairs[i].is ? pairs[i].is : pairs[i].was;
        if (pairs[i].was && pairs[i].is && account_same(&pairs[i]))
            continue;
        subject_add(p, LOOK_ACCOUNT, one->user, sizeof one->user)->account = pairs[i];
    }
    free(pairs);
}

void plan_seen(struct plan *p, u32 i, const struct msg_seen *seen)
{
    struct plan_subject *s = &p->subjects[i];

    ASSERT_LT(i, p->subjects_used);
    s->id = seen->id;
    if (s->id == 0)
        return;
    if (s->look == LOOK_INSTRUMENT) {
        union msg m;
        memcpy((u8 *)&m + sizeof m.ev, seen->instrument.terms, sizeof seen->instrument.terms);
        memcpy(s->terms, seen->instrument.terms, sizeof seen->instrument.terms);
        s->kept = m.instrument.by_operator;
    } else {
        memcpy(s->terms, seen->account.terms, sizeof seen->account.terms);
        s->kept = seen->account.source == CHECKS_OF_OPERATOR;
        s->bound = seen->account.bind_id != 0;
    }
}

/* ---- steps ---- */

/* `undo` NULL: there is no way back. */
static void step_add(struct plan *p, const union msg *m, const union msg *undo)
{
    p->steps = refdata_grow(p->steps, p->steps_used, sizeof *p->steps);
    struct plan_step *s = &p->steps[p->steps_used++];
    *s = (struct plan_step){.type = m->cmd.type, .undo_type = undo ? undo->cmd.type : 0};
    memcpy(s->body, (const u8 *)m + sizeof m->cmd, sizeof s->body);
    if (undo)
        memcpy(s->undo, (const u8 *)undo + sizeof undo->cmd, sizeof s->undo);
}

/* The command that makes it what the engine has said that it is. */
static void terms_command(const struct plan_subject *s, u8 type, union msg *m)
{
    refdata_command(m, type);
    memcpy((u8 *)m + sizeof m->cmd, s->terms, (size_t)m->cmd.slots * SLOT_BYTES - sizeof m->cmd);
}

static u32 tick_of(const struct plan_subject *s)
{
    union msg m;

    terms_command(s, CMD_INSTRUMENT, &m);
    return m.instrument.tick;
}

/* Open orders may be in the way of its new tick: of a finer one always, of any while they wait for
 * a cross. */
static bool tick_changes(const struct plan_subject *s)
{
    return s->look == LOOK_INSTRUMENT && s->i && s->id && !s->kept && tick_of(s) != s->i->tick;
}

/* These first: with an empty book there is always a way back to the coarser one. */
static bool tick_finer(const struct plan_subject *s)
{
    return tick_changes(s) && s->i->tick < tick_of(s);
}

static int check_tick(const struct plan_subject *s, FILE *errors)
{
    if (!tick_changes(s) || s->i->tick % tick_of(s) == 0 || tick_of(s) % s->i->tick == 0)
        return 0;
    fprintf(errors,
            "instrument %.8s, line %u: a tick of %u.%04u is neither a multiple nor a part of the "
            "one that it has, %u.%04u; take such a one, or restart with an empty book\n",
            s->i->symbol, s->i->line, s->i->tick / 10000, s->i->tick % 10000, tick_of(s) / 10000,
            tick_of(s) % 10000);
    return 1;
}

static void instrument_steps(struct plan *p, const struct plan_subject *s)
{
    union msg m, undo;

    if (s->kept) {
        p->counts.instruments_kept++;
        return;
    }
    if (!s->i && !s->id)
        return;
    terms_command(s, CMD_INSTRUMENT, &undo);
    if (s->i) {
        refdata_instrument_command(s->i, &m);
        if (!s->id)
            refdata_instrument_gone(&m.instrument, &undo); /* nothing is ever forgotten */
    } else {
        refdata_instrument_gone(&undo.instrument, &m);
    }
    *(s->i ? s->id ? &p->counts.instruments_changed : &p->counts.instruments_new
           : &p->counts.instruments_gone) += 1;
    undo.instrument.instrument = 0;
    step_add(p, &m, &undo);
}

static void checks_step(struct plan *p, const struct plan_pair *pair)
{
    union msg m, undo;

    refdata_checks_command(pair->is, &m);
    if (pair->was)
        refdata_checks_command(pair->was, &undo);
    else
        no_row(&undo);
    if (!body_same(&m, &undo))
        step_add(p, &m, pair->was ? &undo : NULL);
}

/* As the files' word: what an operator has set is let be by the engine. */
static void step_of_reload(struct plan *p, union msg *m, union msg *undo)
{
    union msg *both[] = {m, undo};

    for (u32 i = 0; i < 2 && both[i]; i++) {
        if (m->cmd.type == CMD_LIMIT)
            both[i]->limit.source = CHECKS_OF_RELOAD;
        else if (m->cmd.type == CMD_PROFILE)
            both[i]->profile.source = CHECKS_OF_RELOAD;
        else
            both[i]->listed.source = CHECKS_OF_RELOAD;
    }
    step_add(p, m, undo);
}

static void limit_step(struct plan *p, const struct plan_pair *pair)
{
    union msg m, undo;
    bool some = refdata_limit_command(pair->is, &m);
    struct refdata_account none = *pair->is;

    none.stake = (struct msg_limit){0};
    some |= refdata_limit_command(pair->was ? pair->was : &none, &undo);
    if (some && !body_same(&m, &undo))
        step_of_reload(p, &m, &undo);
}

static void account_steps(struct plan *p, const struct plan_subject *s)
{
    const struct plan_pair *pair = &s->account;
    union msg m, undo;

    if (!pair->is && !s->id)
        return;
    terms_command(s, CMD_ACCOUNT, &undo);
    if (pair->is) {
        refdata_account_command(pair->is, &m);
        if (!s->id)
            refdata_account_gone(&m.account, &undo);
    } else {
        refdata_account_gone(&undo.account, &m);
    }
    *(pair->is ? s->id ? &p->counts.accounts_changed : &p->counts.accounts_new
               : &p->counts.accounts_gone) += 1;
    step_add(p, &m, &undo);
    if (pair->is && !s->kept)
        checks_step(p, pair);
    if (pair->is)
        limit_step(p, pair);
}

/* An account that may not log in any more does not stay logged in either. */
static void expel_step(struct plan *p, const struct plan_subject *s)
{
    union msg m;

    if (s->look != LOOK_ACCOUNT || !s->bound || (s->account.is && s->account.is->enabled))
        return;
    refdata_command(&m, CMD_EXPEL);
    m.bar.account = s->id;
    step_add(p, &m, NULL);
}

static const struct msg_limit *firm_find(const struct refdata *r, const char firm[4])
{
    for (u32 i = 0; i < r->firms_used; i++)
        if (memcmp(r->firms[i].firm, firm, 4) == 0)
            return &r->firms[i];
    return NULL;
}

static void firm_step(struct plan *p, const struct msg_limit *was, const struct msg_limit *is)
{
    struct msg_limit none = {.scope = LIMIT_FIRM};
    union msg m, undo;

    memcpy(none.firm, is ? is->firm : was->firm, sizeof none.firm);
    refdata_firm_command(is ? is : &none, &m);
    refdata_firm_command(was ? was : &none, &undo);
    if (body_same(&m, &undo))
        return;
    p->counts.firms++;
    step_of_reload(p, &m, &undo);
}

static void firm_steps(struct plan *p)
{
    for (u32 i = 0; i < p->is->firms_used; i++)
        firm_step(p, firm_find(p->was, p->is->firms[i].firm), &p->is->firms[i]);
    for (u32 i = 0; i < p->was->firms_used; i++)
        if (!firm_find(p->is, p->was->firms[i].firm))
            firm_step(p, &p->was->firms[i], NULL);
}

/* In the order of the file, whatever one is based on first: no step, and no step back, makes a
 * circle of what were none. What the file no longer has stays, named by nobody. */
static void profile_steps(struct plan *p)
{
    for (u32 i = 0; i < p->is->profiles_used; i++) {
        const struct refdata_profile *is = &p->is->profiles[i], *was = NULL;
        union msg m, undo;
        for (u32 k = 0; k < p->was->profiles_used && !was; k++)
            if (memcmp(p->was->profiles[k].terms.name, is->terms.name, 8) == 0)
                was = &p->was->profiles[k];
        refdata_profile_command(is, &m);
        if (was)
            refdata_profile_command(was, &undo);
        if (was && body_same(&m, &undo))
            continue;
        p->counts.profiles++;
        step_of_reload(p, &m, was ? &undo : NULL);
    }
}

/* What `from` lists and `other` does not comes off its list, or onto it. */
static void listed_steps(struct plan *p, const struct refdata_finder *from,
                         const struct refdata_finder *other, bool listed)
{
    u64 entries = refdata_listed(from->refs);
    union msg m, undo;

    for (u64 at = 0; at < entries; at++) {
        if (!refdata_listed_command(from, at, &m) || refdata_lists(other, &m.listed))
            continue;
        undo = m;
        m.listed.listed = listed;
        undo.listed.listed = !listed;
        p->counts.listed++;
        step_of_reload(p, &m, &undo);
    }
}

static int check_room(const char *what, u32 max, u32 known, u32 added, FILE *errors)
{
    if (known + added <= max)
        return 0;
    fprintf(errors,
            "engine.%s_max is %u, the venue knows %u %s and the file adds %u: it needs a restart "
            "with at least %u\n",
            what, max, known, what, added, known + added);
    return 1;
}

static int check_all(const struct plan *p, const struct seen_venue *venue,
                     const struct refdata_max *max, FILE *errors)
{
    u32 instruments = 0, accounts = 0;
    int wrong = 0;

    for (u32 i = 0; i < p->subjects_used; i++) {
        const struct plan_subject *s = &p->subjects[i];
        wrong += check_tick(s, errors);
        instruments += s->look == LOOK_INSTRUMENT && s->i && !s->id;
        accounts += s->look == LOOK_ACCOUNT && s->account.is && !s->id;
    }
    wrong += check_room("instruments", max->instruments, venue->instruments, instruments, errors);
    return wrong + check_room("accounts", max->accounts, venue->accounts, accounts, errors);
}

int plan_make(struct plan *p, const struct seen_venue *venue, const struct refdata_max *max,
              FILE *errors)
{
    int wrong = check_all(p, venue, max, errors);
    struct refdata_finder was, is;

    if (wrong != 0)
        return wrong;
    for (u32 i = 0; i < p->subjects_used; i++)
        if (tick_finer(&p->subjects[i]))
            instrument_steps(p, &p->subjects[i]);
    for (u32 i = 0; i < p->subjects_used; i++)
        if (tick_changes(&p->subjects[i]) && !tick_finer(&p->subjects[i]))
            instrument_steps(p, &p->subjects[i]);
    firm_steps(p);
    profile_steps(p);
    p->careful = p->steps_used;
    for (u32 i = 0; i < p->subjects_used; i++) {
        const struct plan_subject *s = &p->subjects[i];
        if (s->look == LOOK_ACCOUNT)
            account_steps(p, s);
        else if (!tick_changes(s))
            instrument_steps(p, s);
    }
    refdata_finder_make(&was, p->was);
    refdata_finder_make(&is, p->is);
    listed_steps(p, &was, &is, false); /* first: the others may need the places */
    listed_steps(p, &is, &was, true);
    refdata_finder_free(&was);
    refdata_finder_free(&is);
    p->last = p->steps_used;
    for (u32 i = 0; i < p->subjects_used; i++)
        expel_step(p, &p->subjects[i]);
    return 0;
}

void plan_free(struct plan *p)
{
    free(p->subjects);
    free(p->steps);
    *p = (struct plan){0};
}
