/*
 * look.c - answers to CMD_LOOK: how the venue, an account, an instrument, ... stand. Engine thread.
 *
 * Enters: a look of the admin agent. Leaves: EV_SEEN by the ring of answers, at most LOOK_PAGE of
 * them, each a copy of a few fields; the state does not change and the journal hears nothing of it.
 * The engine never waits for that ring: an answer without room is dropped and counted, and the
 * admin agent, which has few looks under way at a time, says that it got none.
 *
 * A look at an instrument before a cross is its indication: it pairs orders in thought as the cross
 * will (auction.h), INDICATION_PRICES_MAX prices at most, and a page ends behind so many, so that a
 * look is short whatever waits: who lists them goes on behind the last one that was answered.
 * The same is what the shadow engine makes of every instrument each second (persist/indicator.h).
 */
#include "engine/auction.h"
#include "engine/event.h"
#include "engine/queue.h"

static void seen_venue(const struct engine *e, struct seen_venue *v)
{
    *v = (struct seen_venue){
        .time_ns = e->time_ns,
        .epoch = e->epoch,
        .next_match = e->next_match,
        .day = e->day,
        .day_last = e->day_last,
        .accounts = e->accounts.names.used,
        .instruments = e->instruments.names.used,
        .orders_open = e->orders.pool.used,
        .orders_max = e->orders.pool.max,
        .broken = e->broken_used,
        .phase = e->venue.phase,
        .wide = e->venue.wide,
        .late = e->venue.late,
        .killed = (u8)e->kills.venue,
        .firms_used = e->kills.firms_used,
    };
    memcpy(v->firms, e->kills.firms, sizeof v->firms);
}

static void seen_account(const struct engine *e, u32 id, struct seen_account *s)
{
    const struct account *a = &e->accounts.at[id];

    *s = (struct seen_account){
        .next_session_seq = a->next_session_seq,
        .conn = a->bind_id ? a->conn : 0,
        .bind_id = a->bind_id,
        .open = a->open,
        .open_max = a->open_max == UINT32_MAX ? 0 : a->open_max,
        .gateway = a->gateway,
        .stream = a->stream,
        .killed = a->killed,
        .barred = a->barred,
        .source = (u8)e->checks[id].source,
    };
    memcpy(s->terms, (const u8 *)&a->terms + sizeof a->terms.ev, sizeof s->terms);
    memcpy(s->checks, (const u8 *)&e->checks[id] + sizeof e->checks[id].ev, sizeof s->checks);
}

static void seen_listed(const struct engine *e, u32 id, u8 *to)
{
    struct msg_listed m;

    listed_entry(e, id, &m);
    memcpy(to, (const u8 *)&m + sizeof m.ev, sizeof m - sizeof m.ev);
}

#define INDICATION_PRICES_MAX 1000u

u8 engine_cross_next(const struct engine *e, u16 instrument)
{
    const struct market *m = &e->markets[instrument];

    switch (m->phase) {
    case PHASE_PRE_OPEN:
        return 'O';
    case PHASE_HALTED:
    case PHASE_PAUSED:
        return 'H';
    default:
        return m->phase == PHASE_TRADING && m->late ? 'C' : 0;
    }
}

void engine_indication(const struct engine *e, u16 instrument, u32 *prices, struct indication *out)
{
    struct scan scan = {0};

    *out = (struct indication){.cross = engine_cross_next(e, instrument)};
    if (!out->cross)
        return;
    auction_scan_begin(e, &scan, instrument, out->cross);
    out->found = auction_scan(e, &scan, prices);
    if (!out->found)
        return;
    struct cross_price p = auction_price(e, &scan, instrument, out->cross);
    out->paired = p.paired;
    out->imbalance = p.imbalance;
    out->price = p.price;
    out->side = p.side;
}

/* Returns how many prices it has looked at. */
static u32 seen_indication(const struct engine *e, u16 id, struct seen_instrument *s)
{
    u32 prices = INDICATION_PRICES_MAX;
    struct indication i;

    engine_indication(e, id, &prices, &i);
    s->cross = i.cross;
    s->found = i.found;
    s->paired = i.paired;
    s->imbalance = i.imbalance;
    s->cross_price = i.price;
    s->side = i.side;
    return INDICATION_PRICES_MAX - prices;
}

static u32 seen_instrument(const struct engine *e, u32 id, struct seen_instrument *s)
{
    const struct market *m = &e->markets[id];
    const struct book *b = &e->books.at[id];
    const struct msg_instrument *t = &e->instruments.terms[id];

    *s = (struct seen_instrument){
        .until_ns = m->until_ns,
        .bid_qty = b->best_level[BUY] ? e->books.levels[b->best_level[BUY]].qty : 0,
        .ask_qty = b->best_level[SELL] ? e->books.levels[b->best_level[SELL]].qty : 0,
        .bid = b->best_price[BUY],
        .ask = b->best_price[SELL],
        .last = m->last_price,
        .reference = m->reference,
        .lower = m->lower,
        .upper = m->upper,
        .queued = m->queued,
        .phase = m->phase,
        .wide = m->wide,
        .late = m->late,
    };
    memcpy(s->terms, (const u8 *)t + sizeof t->ev, sizeof s->terms);
    return seen_indication(e, (u16)id, s);
}

/*
 * One answer; `id` is 0 when there is nothing to be told. `*prices` were looked at for this look so
 * far. Returns whether it is the last one, which it also is when they are many.
 */
static bool answer(struct engine *e, const struct msg_look *c, u32 id, bool last, u32 *prices)
{
    union msg m;

    memset(&m, 0, sizeof m);
    m.seen.head = (struct event_head){.type = EV_SEEN, .slots = 4, .seq = e->seq};
    m.seen.head.time_ns = e->time_ns;
    m.seen.request = c->request;
    m.seen.id = id;
    m.seen.what = c->what;
    if (c->what == LOOK_VENUE)
        seen_venue(e, &m.seen.venue);
    else if (id && c->what == LOOK_ACCOUNT)
        seen_account(e, id, &m.seen.account);
    else if (id && c->what == LOOK_PROFILE)
        memcpy(m.seen.profile, &e->risk.profiles[id].values, sizeof m.seen.profile);
    else if (id && c->what == LOOK_LISTED)
        seen_listed(e, id, m.seen.listed);
    else if (id)
        *prices += seen_instrument(e, id, &m.seen.instrument);
    m.seen.last = last || *prices >= INDICATION_PRICES_MAX;
    engine_answer(e, &m, 4);
    return m.seen.last;
}

static void answer_page(struct engine *e, const struct msg_look *c, u32 used)
{
    u32 from = max_u32(c->from, 1);
    u32 end = from + min_u32(LOOK_PAGE, from <= used ? used + 1 - from : 0);
    bool over = from == end;
    u32 prices = 0;

    if (over)
        answer(e, c, 0, true, &prices);
    for (u32 id = from; !over; id++)
        over = answer(e, c, id, id + 1 == end, &prices);
}

void step_look(struct engine *e, const struct msg_look *c)
{
    bool account = c->what == LOOK_ACCOUNT;
    const struct names *names = account                      ? &e->accounts.names
                                : c->what == LOOK_INSTRUMENT ? &e->instruments.names
                                : c->what == LOOK_PROFILE    ? &e->risk.profile_names
                                                             : &e->listed.keys;
    u32 prices = 0;

    if (c->what == LOOK_VENUE)
        answer(e, c, 0, true, &prices);
    else if (c->what < LOOK_ACCOUNT || c->what > LOOK_LISTED ||
             (c->what == LOOK_LISTED && c->name[0]))
        request_refuse(e, WHY_TERMS);
    else if (c->name[0])
        answer(e, c, names_find(names, names_key(c->name, account ? 6 : 8)), true, &prices);
    else
        answer_page(e, c, names->used);
}
