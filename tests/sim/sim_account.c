/*
 * sim_account.c - a client's memory and an order model made from its stream alone; see the header.
 *
 * The decoder is the client library's, the model shares no line with the engine.
 */
#include "tests/sim/sim_account.h"

#include <stdlib.h>
#include <string.h>

#include "gateway/client/wb_ouch.h"
#include "tests/sim/sim.h"

struct sim_stream *sim_account_today(struct sim_account *a)
{
    return a->days_used ? &a->days[a->days_used - 1] : NULL;
}

struct sim_stream *sim_account_day(struct sim_account *a, u32 day)
{
    struct sim_stream *s = sim_account_today(a);

    if (s && s->day == day)
        return s;
    SIM_CHECK(!s || s->day < day, "%s: the session went back from day %u to %u", a->user, s->day,
              day);
    a->days = sim_grow(a->days, &a->days_room, a->days_used + 1, sizeof *a->days);
    s = &a->days[a->days_used++];
    s->day = day;
    s->next_ref = 1;
    return s;
}

/* The order with that number, an unknown one as SIM_ORDER_NONE. Valid until the next call. */
static struct sim_order *stream_order(struct sim_stream *s, u32 user_ref)
{
    SIM_CHECK(user_ref < 10000000, "UserRefNum %u was never sent", user_ref);
    s->orders = sim_grow(s->orders, &s->orders_room, (u64)user_ref + 1, sizeof *s->orders);
    return &s->orders[user_ref];
}

struct sim_request *sim_account_request(struct sim_account *a)
{
    struct sim_stream *s = sim_account_today(a);

    s->requests =
        sim_grow(s->requests, &s->requests_room, s->requests_used + 1, sizeof *s->requests);
    return &s->requests[s->requests_used++];
}

static bool has_ref(const struct sim_request *r)
{
    return r->kind == SIM_ENTER || r->kind == SIM_REPLACE;
}

u64 sim_stream_first_open(const struct sim_stream *s)
{
    u64 i = s->requests_used;

    while (i > 0 && !(has_ref(&s->requests[i - 1]) && s->requests[i - 1].user_ref <= s->last_ref))
        i--;
    return i;
}

bool sim_stream_answered(const struct sim_stream *s)
{
    for (u64 i = sim_stream_first_open(s); i < s->requests_used; i++)
        if (s->requests[i].kind == SIM_ENTER)
            return s->ended;
    return true;
}

static struct sim_request *find_request(struct sim_stream *s, u32 user_ref)
{
    for (u64 i = s->requests_used; i > 0; i--) /* numbers grow with the index */
        if (has_ref(&s->requests[i - 1]) && s->requests[i - 1].user_ref <= user_ref)
            return s->requests[i - 1].user_ref == user_ref ? &s->requests[i - 1] : NULL;
    return NULL;
}

/* ---- the model ---- */

struct fact {
    struct sim_account *a;
    struct sim_stream *s;
    u64 seq;
    struct wb_msg m;
};

#define FACT_CHECK(f, cond, ...)       \
    do {                               \
        if (UNLIKELY(!(cond)))         \
            fact_fail(f, __VA_ARGS__); \
    } while (0)

_Noreturn static void fact_fail(const struct fact *f, const char *what)
{
    sim_fail("%s day %u message %llu (%c ref %u): %s", f->a->user, f->s->day,
             (unsigned long long)f->seq, f->m.type, f->m.user_ref, what);
}

/* A number is consumed: all that we sent before it must have been looked at. */
static struct sim_request *consume(struct fact *f, const char *what)
{
    struct sim_request *r = find_request(f->s, f->m.user_ref);

    FACT_CHECK(f, r != NULL, what);
    FACT_CHECK(f, f->m.user_ref > f->s->last_ref, "answered twice or out of order");
    for (struct sim_request *q = r; q > f->s->requests;) {
        q--;
        if (!has_ref(q))
            continue;
        if (q->user_ref <= f->s->last_ref)
            break;
        FACT_CHECK(f, q->kind == SIM_REPLACE, "an order before it was never answered");
    }
    f->s->last_ref = f->m.user_ref;
    sim.counts.answered += r->kind == SIM_ENTER;
    return r;
}

static void order_set(struct fact *f, const struct sim_request *r, u32 executed)
{
    struct sim_order *o = stream_order(f->s, f->m.user_ref);

    o->state = f->m.state == 'D' ? SIM_ORDER_DEAD : SIM_ORDER_LIVE;
    o->open = f->m.state == 'D' ? 0 : f->m.qty;
    o->side = f->m.side;
    o->price = f->m.price;
    o->order_ref = f->m.order_ref;
    o->executed = executed;
    memcpy(o->symbol, f->m.symbol, sizeof o->symbol);
    f->s->live += o->state == SIM_ORDER_LIVE;
    FACT_CHECK(f, !r->invalid, "an invalid order was accepted");
    FACT_CHECK(f, f->m.price == r->price, "another price than ours");
    FACT_CHECK(f, f->m.qty > 0, "an order for nothing");
}

static void accepted(struct fact *f)
{
    struct sim_request *r = consume(f, "accepted what was not sent");

    FACT_CHECK(f, r->kind == SIM_ENTER, "a replacement was accepted as an order");
    FACT_CHECK(f, f->m.qty == r->qty, "another quantity than ours");
    FACT_CHECK(f, f->m.side == r->side, "another side than ours");
    order_set(f, r, 0);
}

static void order_dies(struct fact *f, struct sim_order *o)
{
    o->state = SIM_ORDER_DEAD;
    o->open = 0;
    FACT_CHECK(f, f->s->live > 0, "more orders died than lived");
    f->s->live--;
}

static void replaced(struct fact *f)
{
    struct sim_request *r = consume(f, "replaced by what was not sent");
    struct sim_order *o;

    FACT_CHECK(f, r->kind == SIM_REPLACE && r->orig_ref == f->m.orig_ref, "another original");
    o = stream_order(f->s, f->m.orig_ref);
    FACT_CHECK(f, o->state == SIM_ORDER_LIVE, "a dead order was replaced");
    u32 executed = o->executed;
    FACT_CHECK(f, f->m.qty + executed == r->qty, "open is not quantity less executed");
    FACT_CHECK(f, f->m.side == o->side, "the side changed");
    order_dies(f, o);
    order_set(f, r, executed);
}

static void rejected(struct fact *f)
{
    struct sim_request *r = consume(f, "rejected what was not sent");

    if (r->kind == SIM_ENTER)
        stream_order(f->s, f->m.user_ref)->state = SIM_ORDER_REJECTED;
}

static struct sim_order *take_off(struct fact *f)
{
    struct sim_order *o = stream_order(f->s, f->m.user_ref);

    FACT_CHECK(f, o->state == SIM_ORDER_LIVE, "an order that is not live");
    FACT_CHECK(f, f->m.qty > 0 && f->m.qty <= o->open, "more than was open");
    o->open -= f->m.qty;
    return o;
}

static void executed(struct fact *f)
{
    struct sim_order *o = take_off(f);

    o->executed += f->m.qty;
    bool market = o->price == WB_PRICE_MARKET;
    FACT_CHECK(f, market || (o->side == 'B' ? f->m.price <= o->price : f->m.price >= o->price),
               "filled beyond its limit");
    FACT_CHECK(f, f->m.match > 0, "no match number");
    if (o->open == 0)
        order_dies(f, o);
    sim.counts.executions++;
    sim.counts.crossed += strchr("OCHKML", f->m.liquidity) != NULL;
    sim.counts.midpoints += strchr("km", f->m.liquidity) != NULL;
}

static void cancelled(struct fact *f)
{
    struct sim_order *o = take_off(f);

    if (o->open == 0)
        order_dies(f, o);
}

/* Modify keeps the order where it is: it may shrink and change the kind of a sale. */
static void modified(struct fact *f)
{
    struct sim_order *o = stream_order(f->s, f->m.user_ref);

    FACT_CHECK(f, o->state == SIM_ORDER_LIVE, "an order that is not live was modified");
    FACT_CHECK(f, f->m.qty > 0 && f->m.qty <= o->open, "modified to more than was open");
    FACT_CHECK(f, (f->m.side == 'B') == (o->side == 'B'), "modified to the other side");
    o->open = f->m.qty;
    o->side = f->m.side;
}

/* A reserve order shows its next part; a cancel that comes too late for a cross. */
static void spoken_of(struct fact *f, u64 *count)
{
    FACT_CHECK(f, stream_order(f->s, f->m.user_ref)->state == SIM_ORDER_LIVE,
               "an order that is not live");
    ++*count;
}

static void queried(struct fact *f)
{
    f->s->queries_answered++;
    FACT_CHECK(f, f->s->queries_answered <= f->s->queries_sent, "more answers than queries");
    FACT_CHECK(f, f->m.user_ref == f->s->last_ref + 1, "not the next number");
}

static void system_event(struct fact *f)
{
    FACT_CHECK(f, f->m.event == 'S' || f->m.event == 'E', "an unknown event");
    FACT_CHECK(f, (f->m.event == 'S') == (f->seq == 1), "S stands first and only there");
    f->s->ended = f->m.event == 'E';
}

static void model(struct fact *f)
{
    FACT_CHECK(f, !f->s->ended || strchr("CBJ", f->m.type),
               "neither a late cancel, break nor reject");
    switch (f->m.type) {
    case 'S':
        system_event(f);
        break;
    case 'A':
        accepted(f);
        break;
    case 'U':
        replaced(f);
        break;
    case 'J':
        rejected(f);
        break;
    case 'C':
        cancelled(f);
        break;
    case 'E':
        executed(f);
        break;
    case 'M':
        modified(f);
        break;
    case 'R':
        spoken_of(f, &sim.counts.refreshed);
        break;
    case 'P':
    case 'I':
        spoken_of(f, &sim.counts.late_cancels);
        break;
    case 'Q':
        queried(f);
        break;
    default:
        fact_fail(f, "an unknown type");
    }
}

/* Takes all messages that follow each other from where the model stands. */
static void model_go(struct sim_account *a, struct sim_stream *s)
{
    while (s->modelled < s->seen && s->messages[s->modelled + 1].n > 0) {
        struct fact f = {.a = a, .s = s, .seq = s->modelled + 1};
        const struct sim_message *m = &s->messages[f.seq];
        const char *wrong = wb_decode(&f.m, m->bytes, m->n);
        if (wrong)
            fact_fail(&f, wrong);
        model(&f);
        s->modelled++;
    }
}

static struct sim_stream *stream_of(struct sim_account *a, u32 day)
{
    for (u64 i = a->days_used; i > 0; i--)
        if (a->days[i - 1].day == day)
            return &a->days[i - 1];
    return NULL;
}

void sim_account_saw(struct sim_account *a, u32 day, u64 seq, const u8 *bytes, u32 n)
{
    struct sim_stream *s = stream_of(a, day);

    SIM_CHECK(s && n > 0 && n < SIM_MESSAGE_MAX, "%s: a message of %u bytes", a->user, n);
    s->messages = sim_grow(s->messages, &s->messages_room, seq + 1, sizeof *s->messages);
    struct sim_message *m = &s->messages[seq];
    if (m->n > 0) {
        sim.counts.seen_again++;
        SIM_CHECK(m->n == n && memcmp(m->bytes, bytes, n) == 0,
                  "%s day %u: message %llu is not what was seen before (%c then, %c now)", a->user,
                  s->day, (unsigned long long)seq, m->bytes[0], bytes[0]);
        return;
    }
    m->n = (u8)n;
    memcpy(m->bytes, bytes, n);
    sim.counts.seen++;
    s->seen = max_u64(s->seen, seq);
    model_go(a, s);
}

void sim_account_check_answered(struct sim_account *a)
{
    struct sim_stream *s = sim_account_today(a);

    if (!s)
        return;
    SIM_CHECK(s->modelled == s->seen, "%s: message %llu of day %u never came", a->user,
              (unsigned long long)s->modelled + 1, s->day);
    SIM_CHECK(sim_stream_answered(s), "%s day %u: an order after %u was never answered", a->user,
              s->day, s->last_ref);
}

void sim_account_free(struct sim_account *a)
{
    for (u64 i = 0; i < a->days_used; i++) {
        free(a->days[i].messages);
        free(a->days[i].orders);
        free(a->days[i].requests);
    }
    free(a->days);
}
