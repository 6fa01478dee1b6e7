/*
 * renew.c - see renew.h. Thread: admin; main's at both ends.
 *
 * Two sets of everything: what is in force, and what was read last. Gateways and auth take pointers
 * into the second one, so the first is freed when they have: until then a reload is not done.
 *
 * Failure modes: files that are wrong, alone or together with keys that want a restart; roles that
 * this machine does not know; a password hash that nothing can be checked against. All reported,
 * nothing changed.
 */
#include "gateway/renew.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/clock.h"
#include "engine/base/log.h"
#include "gateway/load.h"
#include "gateway/reload_plan.h"

/* What gateways and auth look into. */
struct renew_news {
    struct gateway_terms terms;
    struct terms_account *accounts;
    struct auth_news auth;
    struct auth_change *changes;
};

struct renew {
    struct renew_parts parts;
    struct control *control; /* NULL: none */
    struct conf conf;        /* in force */
    struct conf next;
    struct schedule schedule;
    struct refdata refs; /* read last; empty but between load and the end */
    struct conf_change changes[CONF_CHANGES_MAX];
    u32 changes_used;
    struct renew_news *news;   /* in force; NULL: those of the start */
    struct renew_news *coming; /* given, not yet taken by all; NULL: nothing is */
    _Atomic u64 drain_notice_ms, drain_timeout_ms;
};

static void drain_set(struct renew *n)
{
    atomic_store_explicit(&n->drain_notice_ms, n->conf.gateway.drain_notice_ms,
                          memory_order_relaxed);
    atomic_store_explicit(&n->drain_timeout_ms, n->conf.gateway.drain_timeout_ms,
                          memory_order_relaxed);
}

struct renew *renew_new(const struct conf *conf, const struct renew_parts *parts)
{
    struct renew *n = calloc(1, sizeof *n);

    ASSERT(n != NULL);
    n->parts = *parts;
    n->conf = *conf;
    drain_set(n);
    return n;
}

void renew_control(struct renew *n, struct control *control)
{
    n->control = control;
}

const struct conf *renew_conf(const struct renew *n)
{
    return &n->conf;
}

/* ---- load ---- */

struct roles renew_roles(const struct conf *c)
{
    return (struct roles){.words = {[ROLE_VIEWER] = c->control.viewers,
                                    [ROLE_OPERATOR] = c->control.operators,
                                    [ROLE_ADMIN] = c->control.admins}};
}

static int check_hashes(const struct renew *n, FILE *errors)
{
    int wrong = 0;

    for (u32 i = 0; i < n->refs.accounts_used; i++) {
        const struct refdata_account *a = &n->refs.accounts[i];
        if (!a->enabled || (auth_hash_good(a->password_hash) &&
                            (!a->password_hash_2[0] || auth_hash_good(a->password_hash_2))))
            continue;
        fprintf(errors, "%s:%u: a password hash of user %.6s is not an argon2id string\n",
                n->next.accounts_file, a->line, a->user);
        wrong++;
    }
    return wrong;
}

/* Who reads drop copies is settled when a session's numbers are: it stays. */
static void keep_copies(struct renew *n, FILE *errors)
{
    struct plan_pair *pairs;
    u32 used = plan_pairs(n->parts.refs, &n->refs, &pairs);

    for (u32 i = 0; i < used; i++) {
        const struct refdata_account *was = pairs[i].was, *is = pairs[i].is;
        if (!was || !is || was->copy == is->copy)
            continue;
        fprintf(errors, "account %.6s, line %u: drop_copy needs a restart\n", is->user, is->line);
        n->refs.accounts[is - n->refs.accounts].copy = was->copy;
    }
    free(pairs);
}

int renew_load(void *renew, const struct refdata **was, const struct refdata **is,
               struct refdata_max *max, FILE *errors)
{
    struct renew *n = renew;
    static struct conf merged; /* large */
    int wrong = load_files(n->parts.path, &n->conf, &n->next, &n->schedule, &n->refs, errors);

    n->changes_used = wrong == 0 ? conf_diff(&n->conf, &n->next, n->changes) : 0;
    if (wrong == 0) {
        struct roles roles = renew_roles(&n->next);
        merged = n->conf;
        wrong = conf_take(&merged, &n->next, n->changes, n->changes_used,
                          n->parts.path ? n->parts.path : "defaults", errors);
        if (wrong == 0) /* with the listening ports that stay */
            wrong = refdata_check_ports(&n->refs, &merged, n->parts.path, errors);
        if (wrong != 0)
            fputs("... as it would be without the keys that need a restart\n", errors);
        wrong += n->control ? roles_check(&roles, n->conf.control.group, errors) : 0;
        wrong += check_hashes(n, errors);
    }
    if (wrong != 0) {
        renew_drop(n);
        return wrong;
    }
    keep_copies(n, errors);
    *was = n->parts.refs;
    *is = &n->refs;
    *max =
        (struct refdata_max){(u32)n->conf.engine.instruments_max, (u32)n->conf.engine.accounts_max};
    return 0;
}

void renew_drop(void *renew)
{
    struct renew *n = renew;

    refdata_free(&n->refs);
    n->changes_used = 0;
}

u32 renew_changes(const struct renew *n, bool live, const char *paths[CONF_CHANGES_MAX])
{
    u32 used = 0;

    for (u32 i = 0; i < n->changes_used; i++)
        if ((n->changes[i].live != CONF_RESTART) == live)
            paths[used++] = n->changes[i].path;
    return used;
}

/* ---- what gateways and auth are given ---- */

static bool networks_same(const struct account_networks *a, const struct account_networks *b)
{
    if (a->used != b->used)
        return false;
    for (u32 i = 0; i < a->used; i++)
        if (a->at[i].ipv4 != b->at[i].ipv4 || a->at[i].mask != b->at[i].mask)
            return false;
    return true;
}

static bool ports_same(const struct account_ports *a, const struct account_ports *b)
{
    return a->used == b->used && memcmp(a->at, b->at, a->used * sizeof a->at[0]) == 0;
}

static void account_news(struct renew_news *news, const struct plan_pair *p)
{
    struct terms_account *t = &news->accounts[news->terms.accounts_used];

    if (p->was && p->is && networks_same(&p->was->networks, &p->is->networks) &&
        ports_same(&p->was->ports, &p->is->ports))
        return;
    *t = (struct terms_account){0};
    memcpy(t->user, p->is ? p->is->user : p->was->user, sizeof t->user);
    t->copy = p->is ? p->is->copy : p->was->copy;
    if (p->is) {
        t->networks = p->is->networks;
        t->ports = p->is->ports;
    }
    news->terms.accounts_used++;
}

static const char *hash_of(const struct refdata_account *a, u32 which)
{
    return !a || !a->enabled ? "" : which == 0 ? a->password_hash : a->password_hash_2;
}

static void password_news(struct renew_news *news, const struct plan_pair *p)
{
    struct auth_change *c = &news->changes[news->auth.changes_used];
    bool same = true;

    *c = (struct auth_change){0};
    memcpy(c->user, p->is ? p->is->user : p->was->user, sizeof c->user);
    for (u32 i = 0; i < ARRAY_LEN(c->hashes); i++) {
        const char *hash = hash_of(p->is, i);
        same &= strcmp(hash, hash_of(p->was, i)) == 0;
        memcpy(c->hashes[i], hash, strlen(hash));
    }
    news->auth.changes_used += !same;
}

static struct renew_news *news_make(const struct renew *n)
{
    struct renew_news *news = calloc(1, sizeof *news);
    struct gateway_conf gc;
    struct plan_pair *pairs;
    u32 used = plan_pairs(n->parts.refs, &n->refs, &pairs);

    ASSERT(news != NULL);
    news->accounts = calloc((size_t)used + 1, sizeof *news->accounts);
    news->changes = calloc((size_t)used + 1, sizeof *news->changes);
    ASSERT(news->accounts != NULL && news->changes != NULL);
    gateway_conf_defaults(&gc);
    load_gateway(&gc, &n->conf);
    terms_of(&news->terms, &gc);
    for (u32 i = 0; i < used; i++) {
        account_news(news, &pairs[i]);
        password_news(news, &pairs[i]);
    }
    free(pairs);
    news->terms.accounts = news->accounts;
    news->auth.changes = news->changes;
    news->auth.failures_max = (u32)n->conf.auth.failures_max;
    news->auth.failures_window_ns = n->conf.auth.failures_window_ms * NS_PER_MS;
    return news;
}

static void news_free(struct renew_news *news)
{
    if (!news)
        return;
    free(news->accounts);
    free(news->changes);
    free(news);
}

static bool news_taken(const struct renew *n)
{
    const struct topology *t = n->parts.topology;

    for (u32 g = 0; g < t->conf.gateways; g++)
        if (!terms_taken(&t->terms[g], &n->coming->terms))
            return false;
    return !n->parts.auth || auth_has_taken(n->parts.auth, &n->coming->auth);
}

/* ---- the parts ---- */

static void give_schedule(struct renew *n)
{
    admin_course_set(&n->parts.topology->admin, &n->schedule, (int)n->conf.day_end_minute,
                     clock_now_ns());
}

static void give_roles(struct renew *n)
{
    struct roles roles = renew_roles(&n->conf);

    if (n->control)
        control_roles_set(n->control, &roles);
}

static void give_log(struct renew *n)
{
    log_level_set(n->conf.log_level);
}

static void give_metrics(struct renew *n)
{
    admin_metrics_set(&n->parts.topology->admin, n->conf.metrics_file,
                      n->conf.metrics_interval_ms * NS_PER_MS);
}

/* What takes each part. Without a function: renew_give does it in any case, for files may differ
 * where no key does. */
static void (*const parts[CONF_LIVE_PARTS])(struct renew *n) = {
    [CONF_LIVE_ROLES] = give_roles,
    [CONF_LIVE_LOG] = give_log,
    [CONF_LIVE_METRICS] = give_metrics,
    [CONF_LIVE_DRAIN] = drain_set,
};

static void give_begin(struct renew *n)
{
    int wrong = conf_take(&n->conf, &n->next, n->changes, n->changes_used, "", stderr);

    ASSERT_EQ(wrong, 0); /* renew_load has tried it */
    for (u32 part = 0; part < CONF_LIVE_PARTS; part++)
        for (u32 i = 0; parts[part] && i < n->changes_used; i++)
            if (n->changes[i].live == part) {
                parts[part](n);
                break;
            }
    give_schedule(n); /* the calendar's file */
    n->coming = news_make(n);
    for (u32 g = 0; g < n->parts.topology->conf.gateways; g++)
        terms_give(&n->parts.topology->terms[g], &n->coming->terms);
    if (n->parts.auth)
        auth_give(n->parts.auth, &n->coming->auth);
}

bool renew_give(void *renew)
{
    struct renew *n = renew;

    if (!n->coming)
        give_begin(n);
    if (!news_taken(n))
        return false;
    news_free(n->news);
    n->news = n->coming;
    n->coming = NULL;
    refdata_free(n->parts.refs);
    *n->parts.refs = n->refs;
    n->refs = (struct refdata){0};
    return true;
}

u64 renew_drain_notice_ns(const struct renew *n)
{
    return atomic_load_explicit(&n->drain_notice_ms, memory_order_relaxed) * NS_PER_MS;
}

u64 renew_drain_timeout_ns(const struct renew *n)
{
    return atomic_load_explicit(&n->drain_timeout_ms, memory_order_relaxed) * NS_PER_MS;
}

void renew_free(struct renew *n)
{
    if (!n)
        return;
    news_free(n->news);
    news_free(n->coming);
    refdata_free(&n->refs);
    free(n);
}
