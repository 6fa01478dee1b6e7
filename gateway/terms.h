/*
 * terms.h - what gateways may be told to do otherwise while they run: time limits, rates,
 * balancers, and what only the accounts file says of an account.
 *
 *   admin: terms_give ═ one pointer ═▶ gateway, its next turn: terms_follow ═▶ admin: terms_taken
 *
 * Terms never change once they were given; new ones wait until the former were taken.
 */
#ifndef WIREBOOK_GATEWAY_TERMS_H
#define WIREBOOK_GATEWAY_TERMS_H

#include <stdatomic.h>

#include "gateway/gateway.h"
#include "gateway/session/session.h"

#define TERMS_ACCOUNTS_PER_TURN 64u

/* Of an account: where it may log in from and by which ports, and whose messages it reads (drop
 * copies; of one that is known that does not change). */
struct terms_account {
    char user[6];
    u8 copy; /* enum reader_scope */
    struct account_networks networks;
    struct account_ports ports;
};

/* The fields are those of struct gateway_conf. Time limits count from the next time that they begin
 * to run; who has logged in before keeps the silence that was agreed with him then. */
struct gateway_terms {
    u64 login_timeout_ns;
    u64 silence_timeout_ns;
    u64 heartbeat_ns;
    u64 slow_timeout_ns;
    u32 guests_per_source;
    u32 rate_reject_per_s;
    u32 rate_stop_per_s;
    u8 login_terms;
    struct lobby_network balancers[LOBBY_BALANCERS_MAX];
    u32 balancers_used;
    const struct terms_account *accounts; /* those that differ from before */
    u32 accounts_used;
};

/* A gateway's letter box. All zero: nothing was given yet. */
struct terms_post {
    _Atomic(const struct gateway_terms *) given; /* owner: who gives */
    _Atomic(const struct gateway_terms *) taken; /* owner: the gateway's thread */
    const struct gateway_terms *now;             /* ... as the following */
    u32 at;                                      /* accounts so far; `now` is being taken */
};

/* What `conf` says; no accounts. */
void terms_of(struct gateway_terms *t, const struct gateway_conf *conf);

/* From its next turn on the gateway behind `p` goes by `t`, which stays until other ones were
 * taken. One thread at a time. */
static inline void terms_give(struct terms_post *p, const struct gateway_terms *t)
{
    atomic_store_explicit(&p->given, t, memory_order_release); /* pairs with terms_follow */
}

/* True when the gateway goes by `t`, wholly, and looks at nothing of earlier ones any more. */
static inline bool terms_taken(const struct terms_post *p, const struct gateway_terms *t)
{
    return atomic_load_explicit(&p->taken, memory_order_acquire) == t; /* pairs with terms_take */
}

/* Takes a piece of what was given. Its thread. */
void terms_take(struct terms_post *p, struct sessions *S, struct lobby *l);

/* Once a turn, by the gateway's thread: one load, and no more unless there is something new. */
static inline void terms_follow(struct terms_post *p, struct sessions *S, struct lobby *l)
{
    if (UNLIKELY(p != NULL) && UNLIKELY(atomic_load_explicit(&p->given, memory_order_acquire) !=
                                        atomic_load_explicit(&p->taken, memory_order_relaxed)))
        terms_take(p, S, l);
}

#endif
