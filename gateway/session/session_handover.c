/*
 * session_handover.c - accounts that move from one gateway of the process to another.
 *
 * Thread: the gateway's. From a login on, the engine sends the account's events to the gateway of
 * that login, and tells the one before behind its last event. What the old gateway has in the
 * account's store follows by the account's cell (store.h); nobody waits for it: what arrives before
 * it is kept aside, and what a client wants of it meanwhile comes from the reader. What is known of
 * the account's rates goes at once (rates.h); a client's first messages wait for that.
 *
 *                 login here                 taken
 *      ╭──── AWAY ──────────▶ AWAITED ─────────────────▶ HELD ◀─────────╮
 *      │      ▲ ▲               │ login elsewhere:        │ login       │ login here
 *      │      │ ╰───────────────╯ what was kept aside     ▼ elsewhere   │ again
 *      │      │                   is dropped           LEAVING ─────────╯
 *      │      ╰───────────────────────────────────────────╯
 *      ╰ at gateway 0, once: HELD    let go, once nothing is borrowed
 *
 * Invariants: only where an account is HELD or AWAITED do events and connections of it arrive; a
 * store with its own chunks is where it is HELD or LEAVING, or in the cell. What is dropped is
 * never lost: it stands in the journal, and whoever is told of a login after it knows it durable.
 * So the only failure is a gateway that has stopped: the store stays there, and the reader serves.
 */
#include "gateway/session/session.h"

#include "engine/base/sm.h"

#define BIT(place) (1u << (place))

#define HANDOVERS_PER_TURN 256u /* accounts looked at in one turn, of each list */

static const struct sm_state places[ACCOUNT_PLACES] = {
    [ACCOUNT_AWAY] = {"away", BIT(ACCOUNT_AWAITED) | BIT(ACCOUNT_HELD)},
    [ACCOUNT_AWAITED] = {"awaited", BIT(ACCOUNT_HELD) | BIT(ACCOUNT_AWAY)},
    [ACCOUNT_HELD] = {"held", BIT(ACCOUNT_LEAVING)},
    [ACCOUNT_LEAVING] = {"leaving", BIT(ACCOUNT_AWAY) | BIT(ACCOUNT_HELD)},
};

static bool moves(const struct account *a)
{
    return a->place == ACCOUNT_AWAITED || a->place == ACCOUNT_LEAVING;
}

void account_invariant(const struct sessions *S, const struct account *a)
{
    bool own = a->place == ACCOUNT_HELD || a->place == ACCOUNT_LEAVING;
    bool here = a->place == ACCOUNT_HELD || a->place == ACCOUNT_AWAITED;

    ASSERT_EQ(a->store.own, own ? S->stores.memory->quota : 0);
    ASSERT(a->place != ACCOUNT_AWAY || a->store.chunks == 0);
    ASSERT(a->session == NULL || (here && a->session->account == a));
    ASSERT_EQ(list_is_linked(&a->moving), moves(a));
    ASSERT(a->id == 0 || a->store.account == a->id);
    ASSERT(a->rates == NULL || here);
}

static void place_move(struct sessions *S, struct account *a, enum account_place next)
{
    sm_move(places, &a->place, (u8)next);
    list_del(&a->moving);
    if (next == ACCOUNT_AWAITED)
        list_add_tail(&S->awaited, &a->moving);
    else if (next == ACCOUNT_LEAVING)
        list_add_tail(&S->leaving, &a->moving);
    account_invariant(S, a);
}

struct account *sessions_account(struct sessions *S, u32 id, const char user[6])
{
    struct account *a = directory_account_add(&S->directory, id, user);

    if (a->id == 0 || a->store.account != 0)
        return a;
    store_init(&a->store, a->id);
    if (S->conf.gateway == 0) { /* where the engine has all accounts after a start */
        store_own(&S->stores, &a->store);
        a->rates = rates_first(S->rings.rates, a->id);
        place_move(S, a, ACCOUNT_HELD);
    }
    return a;
}

/* The old gateway may have let go. */
static bool take(struct sessions *S, struct account *a)
{
    switch (store_take(&S->stores, &a->store, S->day, a->moved_by)) {
    case STORE_NOT_YET:
        return false;
    case STORE_JOINED:
        metric_add(&S->metrics.moved_joined, 1);
        break;
    case STORE_REPLACED:
        metric_add(&S->metrics.moved_replaced, 1);
        break;
    }
    place_move(S, a, ACCOUNT_HELD);
    if (a->session != NULL) {
        a->session->cursor = (struct store_cursor){0};
        session_wake(S, a->session, 0); /* what it asks the reader for may be here */
    }
    return true;
}

static bool let_go(struct sessions *S, struct account *a)
{
    if (!store_let_go(&S->stores, &a->store, S->day, a->moved_by))
        return false;
    place_move(S, a, ACCOUNT_AWAY);
    return true;
}

/* The account's events come here from now on; the next one has `next_seq`. */
static void came(struct sessions *S, struct account *a, u32 bind_id, u64 next_seq)
{
    metric_add(&S->metrics.moved_in, 1);
    a->moved_by = bind_id;
    if (a->place == ACCOUNT_LEAVING) { /* it is back before we have let go */
        metric_add(&S->metrics.moved_back, 1);
        if (a->store.next_seq != next_seq)
            store_reset(&S->stores, &a->store); /* messages went elsewhere meanwhile */
        place_move(S, a, ACCOUNT_HELD);
        store_begin(&a->store, next_seq);
        return;
    }
    store_begin(&a->store, next_seq);
    place_move(S, a, ACCOUNT_AWAITED);
    take(S, a);
}

/* The account's last event for now has come. */
static void went(struct sessions *S, struct account *a, u32 bind_id)
{
    metric_add(&S->metrics.moved_out, 1);
    if (a->session != NULL) /* its binding is over, it was only sending the rest */
        session_end(S, a->session, UNBIND_TAKEOVER, true);
    a->moved_by = bind_id;
    if (a->rates != NULL)
        rates_let_go(a->rates, bind_id);
    a->rates = NULL;
    if (a->place == ACCOUNT_AWAITED) { /* the store passes us by */
        metric_add(&S->metrics.moved_through, 1);
        store_reset(&S->stores, &a->store);
        place_move(S, a, ACCOUNT_AWAY);
        return;
    }
    place_move(S, a, ACCOUNT_LEAVING);
    let_go(S, a);
}

bool sessions_bound_here(struct sessions *S, struct account *a, const struct msg_bound *m)
{
    if (m->gateway != S->conf.gateway) {
        ASSERT_EQ(m->from, S->conf.gateway);
        went(S, a, m->bind_id);
        return false;
    }
    if (m->from != m->gateway)
        came(S, a, m->bind_id, m->next_seq);
    ASSERT(a->place == ACCOUNT_HELD || a->place == ACCOUNT_AWAITED);
    store_begin(&a->store, m->next_seq);
    return true;
}

/* Looks at the accounts of `list` in turn. */
static u32 look_at(struct sessions *S, struct list *list,
                   bool (*done)(struct sessions *S, struct account *a))
{
    struct list *last = list->prev;
    struct list *node;
    u32 work = 0;

    for (u32 n = 0; n < HANDOVERS_PER_TURN && (node = list_first(list)) != NULL; n++) {
        struct account *a = CONTAINER_OF(node, struct account, moving);
        bool end = node == last;
        if (done(S, a))
            work++;
        else
            list_move_tail(list, node);
        if (end)
            break;
    }
    return work;
}

u32 sessions_hand_over(struct sessions *S)
{
    return look_at(S, &S->leaving, let_go) + look_at(S, &S->awaited, take);
}
