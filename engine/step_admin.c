/*
 * step_admin.c - the venue's own course: starts, new days, reference data. Engine thread.
 *
 * A command that repeats what is known makes no event. One that cannot be (an epoch that does not
 * grow, a start of another journal, a day that is not later, a tick that does not fit what rests)
 * is counted and makes none either: nothing that arrives here can stop the engine.
 */
#include "engine/apply.h"
#include "engine/band.h"
#include "engine/event.h"
#include "engine/phase.h"

void step_start(struct engine *e, const struct msg_start *c)
{
    if (c->epoch <= e->epoch || (e->journal_id && c->journal_id != e->journal_id)) {
        request_refuse(e, WHY_TERMS);
        return;
    }
    union msg *m = event_room(e, 1);
    m->start = (struct msg_start){
        .ev = event_head(e, EV_STARTED, 1, 0),
        .epoch = c->epoch,
        .shard = c->shard,
        .orders_max = c->orders_max,
        .journal_id = c->journal_id,
        .accounts_max = c->accounts_max,
        .instruments_max = c->instruments_max,
    };
    apply_started(e, &m->start);
}

/* A day is opened once and only forwards: session numbers of one day are never given out twice. */
void step_day_open(struct engine *e, const struct msg_day *c)
{
    if (e->day == c->day && e->day) {
        request_superfluous(e);
        return;
    }
    if (e->day || c->day <= e->day_last) {
        request_refuse(e, WHY_DAY);
        return;
    }
    union msg *m = event_room(e, 1);
    m->day = (struct msg_day){
        .ev = event_head(e, EV_DAY_OPENED, 1, 0),
        .midnight_ns = c->midnight_ns,
        .day = c->day,
    };
    apply_day_opened(e, &m->day);
}

/* ---- reference data ---- */

bool instrument_terms_sound(const struct msg_instrument *c)
{
    return c->tick && c->tick <= PRICE_LIMIT_MAX && c->lot && c->halted <= 1 &&
           c->tier <= TIER_MAX && c->collar_bps <= COLLAR_BPS_MAX && c->by_operator <= 1 &&
           c->reference_price <= PRICE_LIMIT_MAX;
}

/* Why it cannot be; 0: it can. `id` is 0 for a new one. */
static u8 instrument_refusal(const struct engine *e, const struct msg_instrument *c, u32 id)
{
    const struct names *names = &e->instruments.names;

    if (!instrument_terms_sound(c))
        return WHY_TERMS;
    if (id)
        return market_tick_fits(e, (u16)id, c->tick) ? WHY_NONE : WHY_TICK;
    return names->used == names->max ? WHY_FULL : WHY_NONE;
}

/* A new instrument that trades at once has bands before its first trade. */
static void bands_first(struct engine *e, u32 i)
{
    struct bands b = bands_begin(e, i, e->markets[i].wide);

    if (e->markets[i].phase != PHASE_TRADING || !b.reference)
        return;
    union msg *m = event_room(e, 1);
    m->bands = (struct msg_bands){
        .head = event_head(e, EV_BANDS, 1, 0),
        .reference = b.reference,
        .lower = b.lower,
        .upper = b.upper,
        .instrument = (u16)i,
    };
    apply_bands(e, &m->bands);
}

void step_instrument(struct engine *e, const struct msg_instrument *c)
{
    struct names *names = &e->instruments.names;
    u32 id = names_find(names, names_key(c->symbol, sizeof c->symbol));

    u8 why = instrument_refusal(e, c, id);
    if (why) {
        request_refuse(e, why);
        return;
    }
    if (id) {
        const struct msg_instrument *old = &e->instruments.terms[id];
        if (old->tick == c->tick && old->lot == c->lot && old->halted == c->halted &&
            old->tier == c->tier && old->collar_bps == c->collar_bps &&
            old->reference_price == c->reference_price && old->by_operator == c->by_operator) {
            request_superfluous(e);
            return;
        }
    }
    union msg *m = event_room(e, 1);
    m->instrument = (struct msg_instrument){
        .ev = event_head(e, EV_INSTRUMENT, 1, 0),
        .tick = c->tick,
        .lot = c->lot,
        .instrument = (u16)(id ? id : names->used + 1),
        .halted = c->halted,
        .tier = c->tier,
        .collar_bps = c->collar_bps,
        .by_operator = c->by_operator,
        .reference_price = c->reference_price,
    };
    memcpy(m->instrument.symbol, c->symbol, sizeof c->symbol);
    apply_instrument(e, &m->instrument);
    if (!id)
        bands_first(e, names->used);
}

/* What the account leaves to the port is nothing here. */
static bool terms_left(const struct msg_account *c)
{
    return c->by_port <= BY_PORT_ALL &&
           (!(c->by_port & BY_PORT_STP) || (c->stp == STP_OFF && c->stp_level == STP_ACCOUNT)) &&
           (!(c->by_port & BY_PORT_DROP) || (c->drop == 0 && c->drop_ms == 0));
}

bool account_terms_sound(const struct msg_account *c)
{
    return c->disabled <= 1 && c->stp <= STP_MAX && c->stp_level <= STP_FIRM &&
           c->stp_details <= 1 && c->drop <= 1 && c->post_slide <= 1 && terms_left(c);
}

void step_account(struct engine *e, const struct msg_account *c)
{
    struct names *names = &e->accounts.names;
    u32 id = names_find(names, names_key(c->user, sizeof c->user));

    if (!account_terms_sound(c) || !c->user[0] || (!id && names->used == names->max)) {
        request_refuse(e, WHY_TERMS);
        return;
    }
    if (id && msg_account_same(c, &e->accounts.at[id].terms)) {
        request_superfluous(e);
        return;
    }
    union msg *m = event_room(e, 2);
    m->account = *c;
    m->account.ev = event_head(e, EV_ACCOUNT, 2, id ? id : names->used + 1);
    apply_account(e, &m->account);
}
