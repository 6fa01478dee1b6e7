/*
 * bench_ledger.c - what one session of the benchmark has asked, and whether the answers add up.
 *
 * Enters: requests as they are made, messages as they come. Leaves: which request an answer
 * settles, and every contradiction as a text. One thread; cold or not, all work per message is
 * O(1).
 *
 *     ENTERED --A--> LIVE --E, C to nothing, U of it--> DEAD
 *        \----J, A that is dead at once-----------------^
 *     REPLACING --U--> LIVE      REPLACING --original dead, J--> DEAD (overtaken, refused)
 *
 * Invariants: `waiting` is the number of orders ENTERED or REPLACING plus those with a cancel
 * pending; `open` holds exactly the LIVE day orders on which nothing is pending.
 */
#include "gateway/client/bench_ledger.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/assert.h"

u32 ledger_window(u32 sessions, u32 open_max)
{
    u32 window = LEDGER_WINDOW;

    while (window > LEDGER_WINDOW_MIN && window / 2 >= 2 * open_max &&
           (u64)window * sessions > LEDGER_WINDOWS)
        window /= 2;
    return window;
}

void ledger_init(struct ledger *l, const char *const *symbols, u32 window)
{
    ASSERT(window > 1 && (window & (window - 1)) == 0);
    *l = (struct ledger){.symbols = symbols, .first_ref = 1, .next_ref = 1, .window = window};
    l->orders = calloc(window, sizeof(*l->orders));
    l->open = calloc(window / 2, sizeof(*l->open));
    if (l->orders == NULL || l->open == NULL) {
        fprintf(stderr, "no memory for another session's orders\n");
        exit(1);
    }
}

void ledger_free(struct ledger *l)
{
    free(l->orders);
    free(l->open);
    l->orders = NULL;
    l->open = NULL;
}

void ledger_begin(struct ledger *l, u32 next_ref)
{
    ASSERT_EQ(l->counts.enters, 0);
    l->first_ref = next_ref;
    l->next_ref = next_ref;
}

struct ledger_order *ledger_find(const struct ledger *l, u32 ref)
{
    struct ledger_order *o = &l->orders[ref & (l->window - 1)];
    return o->ref == ref && o->state != LEDGER_FREE && ref >= l->first_ref ? o : NULL;
}

/* ---- the list of open orders ---- */

static void open_add(struct ledger *l, struct ledger_order *o)
{
    ASSERT(!o->is_open);
    if (o->tif != '0' || l->open_used == l->window / 2)
        return;
    o->is_open = true;
    o->open_at = l->open_used;
    l->open[l->open_used++] = o->ref;
}

static void open_remove(struct ledger *l, struct ledger_order *o)
{
    if (!o->is_open)
        return;
    u32 last = l->open[--l->open_used];
    l->open[o->open_at] = last;
    l->orders[last & (l->window - 1)].open_at = o->open_at;
    o->is_open = false;
}

/* ---- requests ---- */

/* The place of the next number; NULL while an order lives there. */
static struct ledger_order *fresh(struct ledger *l)
{
    struct ledger_order *o = &l->orders[l->next_ref & (l->window - 1)];
    return o->state == LEDGER_FREE || o->state == LEDGER_DEAD ? o : NULL;
}

bool ledger_advance(struct ledger *l)
{
    if (l->waiting >= l->window / 2) /* so whoever is told no has an answer to wait for */
        return false;
    for (u32 passed = 0; passed < l->window; passed++, l->next_ref++)
        if (fresh(l) != NULL)
            return true;
    return false;
}

struct ledger_order *ledger_enter(struct ledger *l, const struct ledger_order *terms)
{
    struct ledger_order *o = fresh(l);
    if (o == NULL)
        return NULL;
    *o = *terms;
    o->state = LEDGER_ENTERED;
    o->ref = l->next_ref++;
    l->waiting++;
    l->counts.enters++;
    return o;
}

struct ledger_order *ledger_replace(struct ledger *l, struct ledger_order *orig, u32 qty, u32 price,
                                    u64 due_ns, bool measured)
{
    struct ledger_order *o = fresh(l);
    ASSERT(orig->is_open && orig->pending == 0);
    if (o == NULL)
        return NULL;
    open_remove(l, orig);
    orig->pending = 'U';
    *o = *orig;
    o->state = LEDGER_REPLACING;
    o->ref = l->next_ref++;
    o->orig_ref = orig->ref;
    o->qty = qty;
    o->price = price;
    o->due_ns = due_ns;
    o->measured = measured;
    o->pending = 0;
    l->waiting++;
    l->counts.replaces++;
    orig->orig_ref = o->ref; /* a pending replace is found from either end */
    return o;
}

void ledger_cancel(struct ledger *l, struct ledger_order *o, u64 due_ns, bool measured)
{
    ASSERT(o->is_open && o->pending == 0);
    open_remove(l, o);
    o->pending = 'X';
    o->pending_ns = due_ns;
    o->pending_measured = measured;
    l->waiting++;
    l->counts.cancels++;
}

/* ---- answers ---- */

static void settled(struct ledger *l)
{
    ASSERT_GT(l->waiting, 0);
    l->waiting--;
}

/* The order ends by something else than what is pending on it: that will not be answered. */
static void end(struct ledger *l, struct ledger_order *o)
{
    open_remove(l, o);
    o->state = LEDGER_DEAD;
    if (o->pending == 0)
        return;
    if (o->pending == 'U') {
        struct ledger_order *new = ledger_find(l, o->orig_ref);
        ASSERT(new != NULL &&new->state == LEDGER_REPLACING);
        new->state = LEDGER_DEAD;
    }
    o->pending = 0;
    l->counts.overtaken++;
    settled(l);
}

static void record(struct ledger_answer *answer, bool measured, u8 kind, u64 due_ns)
{
    answer->measured = measured;
    answer->kind = kind;
    answer->due_ns = due_ns;
}

static bool same_terms(const struct ledger *l, const struct ledger_order *o, const struct wb_msg *m)
{
    return o->side == m->side && strcmp(l->symbols[o->symbol], m->symbol) == 0 &&
           (u64)o->price == m->price;
}

static const char *take_accepted(struct ledger *l, struct ledger_order *o, const struct wb_msg *m,
                                 struct ledger_answer *answer)
{
    if (o->state != LEDGER_ENTERED)
        return "an order was accepted that was answered before";
    if (!same_terms(l, o, m) || o->qty != m->qty)
        return "an order was accepted on other terms than it was entered";
    settled(l);
    l->counts.accepted++;
    record(answer, o->measured, o->kind, o->due_ns);
    o->state = m->state == 'L' ? LEDGER_LIVE : LEDGER_DEAD;
    o->leaves = m->qty;
    if (o->state == LEDGER_LIVE)
        open_add(l, o);
    return NULL;
}

static const char *take_rejected(struct ledger *l, struct ledger_order *o,
                                 struct ledger_answer *answer)
{
    if (o->state != LEDGER_ENTERED && o->state != LEDGER_REPLACING)
        return "an order was rejected that was answered before";
    record(answer, o->measured, o->state == LEDGER_REPLACING ? BENCH_REPLACE : o->kind, o->due_ns);
    if (o->state == LEDGER_REPLACING) { /* the original stays as it is */
        struct ledger_order *orig = ledger_find(l, o->orig_ref);
        ASSERT(orig != NULL && orig->pending == 'U');
        orig->pending = 0;
        open_add(l, orig);
    }
    settled(l);
    l->counts.rejected++;
    o->state = LEDGER_DEAD;
    return NULL;
}

static const char *take_replaced(struct ledger *l, struct ledger_order *o, const struct wb_msg *m,
                                 struct ledger_answer *answer)
{
    if (o->state != LEDGER_REPLACING || o->orig_ref != m->orig_ref)
        return "an order was replaced that was not to be, or twice";
    if (!same_terms(l, o, m) || m->qty > o->qty)
        return "an order was replaced on other terms than were asked";
    struct ledger_order *orig = ledger_find(l, o->orig_ref);
    ASSERT(orig != NULL && orig->pending == 'U');
    orig->pending = 0;
    orig->state = LEDGER_DEAD;
    settled(l);
    l->counts.replaced++;
    record(answer, o->measured, BENCH_REPLACE, o->due_ns);
    o->leaves = m->qty;
    o->state = m->state == 'L' && m->qty > 0 ? LEDGER_LIVE : LEDGER_DEAD;
    if (o->state == LEDGER_LIVE)
        open_add(l, o);
    return NULL;
}

static const char *take_executed(struct ledger *l, struct ledger_order *o, const struct wb_msg *m)
{
    if (o->state != LEDGER_LIVE)
        return "a fill of an order that is not live";
    if (m->qty == 0 || m->qty > o->leaves)
        return "a fill of more than is open";
    o->leaves -= m->qty;
    l->counts.fills++;
    l->counts.shares += m->qty;
    if (o->leaves == 0)
        end(l, o);
    return NULL;
}

static const char *take_cancelled(struct ledger *l, struct ledger_order *o, const struct wb_msg *m,
                                  struct ledger_answer *answer)
{
    if (o->state != LEDGER_LIVE)
        return "a cancel of an order that is not live";
    if (m->qty == 0 || m->qty > o->leaves)
        return "a cancel of more than is open";
    o->leaves -= m->qty;
    if (m->reason == 'U') {
        if (o->pending != 'X' || o->leaves != 0)
            return "a cancel that was not asked for";
        o->pending = 0;
        settled(l);
        l->counts.cancelled++;
        record(answer, o->pending_measured, BENCH_CANCEL, o->pending_ns);
    } else if (m->reason == 'I') {
        l->counts.expired++;
    } else {
        l->counts.unasked++;
    }
    if (o->leaves == 0)
        end(l, o);
    return NULL;
}

const char *ledger_take(struct ledger *l, const struct wb_msg *m, struct ledger_answer *answer)
{
    answer->measured = false;
    if (!m->known || !memchr("AJUEC", m->type, 5)) /* what else happens to orders is not measured */
        return NULL;
    if (m->user_ref < l->first_ref) {
        l->counts.foreign++;
        return NULL;
    }
    struct ledger_order *o = ledger_find(l, m->user_ref);
    if (o == NULL)
        return "a message on an order that was never entered";
    switch (m->type) {
    case 'A':
        return take_accepted(l, o, m, answer);
    case 'J':
        return take_rejected(l, o, answer);
    case 'U':
        return take_replaced(l, o, m, answer);
    case 'E':
        return take_executed(l, o, m);
    default:
        ASSERT_EQ(m->type, 'C');
        return take_cancelled(l, o, m, answer);
    }
}

u64 ledger_lingering(const struct ledger *l)
{
    u64 n = 0;
    for (u32 i = 0; i < l->window; i++)
        n += l->orders[i].state == LEDGER_LIVE && l->orders[i].tif == '3';
    return n;
}
