/*
 * terms.c - see terms.h. Thread: the gateway's; terms_of by any.
 *
 * The numbers are taken as one, in one turn; of the accounts a bounded piece a turn, so that a file
 * with thousands of changes does not hold up an order for longer than a few others would.
 */
#include "gateway/terms.h"

#include <string.h>

void terms_of(struct gateway_terms *t, const struct gateway_conf *c)
{
    *t = (struct gateway_terms){
        .login_timeout_ns = c->login_timeout_ns,
        .silence_timeout_ns = c->silence_timeout_ns,
        .heartbeat_ns = c->heartbeat_ns,
        .slow_timeout_ns = c->slow_timeout_ns,
        .guests_per_source = c->guests_per_source,
        .rate_reject_per_s = c->rate_reject_per_s,
        .rate_stop_per_s = c->rate_stop_per_s,
        .login_terms = c->login_terms,
        .balancers_used = c->balancers_used,
    };
    memcpy(t->balancers, c->balancers, sizeof t->balancers);
}

static void take_numbers(const struct gateway_terms *t, struct session_conf *c, struct lobby *l)
{
    c->login_timeout_ns = t->login_timeout_ns;
    c->silence_timeout_ns = t->silence_timeout_ns;
    c->heartbeat_ns = t->heartbeat_ns;
    c->slow_timeout_ns = t->slow_timeout_ns;
    c->guests_per_source = t->guests_per_source;
    c->rate_reject_per_s = t->rate_reject_per_s;
    c->rate_stop_per_s = t->rate_stop_per_s;
    c->login_terms = t->login_terms;
    l->timeout_ns = t->login_timeout_ns;
    memcpy(l->balancers, t->balancers, sizeof l->balancers);
    l->balancers_used = t->balancers_used;
}

static void take_account(const struct terms_account *t, struct sessions *S)
{
    struct account *a = sessions_account(S, 0, t->user);

    a->networks = t->networks;
    a->copy = t->copy;
    a->ports = t->ports;
}

void terms_take(struct terms_post *p, struct sessions *S, struct lobby *l)
{
    const struct gateway_terms *t = atomic_load_explicit(&p->given, memory_order_acquire);

    if (t != p->now) {
        ASSERT(p->now == NULL || terms_taken(p, p->now));
        take_numbers(t, &S->conf, l);
        p->now = t;
        p->at = 0;
    }
    for (u32 i = 0; i < TERMS_ACCOUNTS_PER_TURN && p->at < t->accounts_used; i++)
        take_account(&t->accounts[p->at++], S);
    if (p->at == t->accounts_used)
        atomic_store_explicit(&p->taken, t, memory_order_release); /* pairs with terms_taken */
}
