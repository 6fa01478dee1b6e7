/*
 * step_listed.c - symbols on and off the lists of what may not be traded, or sold short. Engine
 * thread.
 *
 * What is open stays. What cannot be is counted as refused, what is so already as superfluous.
 */
#include "engine/event.h"
#include "engine/listed.h"

/* Why it cannot be, of enum operated_why; 0: it can. */
static u8 listed_refusal(const struct engine *e, const struct msg_listed *c)
{
    bool firm = c->firm[0] && memcmp(c->firm, "    ", sizeof c->firm) != 0;

    if (c->kind < LIST_RESTRICTED || c->kind > LIST_SHORT || c->listed > 1 ||
        c->source > CHECKS_OF_OPERATOR || c->scope < LIST_ACCOUNT || c->scope > LIST_VENUE ||
        (c->scope == LIST_FIRM && !firm))
        return WHY_TERMS;
    if (!engine_instrument_find(e, c->symbol))
        return WHY_INSTRUMENT;
    if (c->scope == LIST_ACCOUNT && !engine_account_find(e, c->user))
        return WHY_ACCOUNT;
    bool wants = (c->listed || c->source) && !listed_state(e, c);
    return wants && e->listed.used == LISTED_MAX ? WHY_FULL : WHY_NONE;
}

void step_listed(struct engine *e, const struct msg_listed *c)
{
    u8 why = listed_refusal(e, c);

    if (why) {
        request_refuse(e, why);
        return;
    }
    if (listed_state(e, c) == (c->listed | c->source << 1)) {
        request_superfluous(e);
        return;
    }
    union msg *m = event_room(e, 1);
    m->listed = (struct msg_listed){
        .ev = event_head(e, EV_LISTED, 1, 0),
        .instrument = engine_instrument_find(e, c->symbol),
        .kind = c->kind,
        .scope = c->scope,
        .listed = c->listed,
        .source = c->source,
    };
    memcpy(m->listed.symbol, c->symbol, sizeof c->symbol);
    if (c->scope == LIST_ACCOUNT) {
        memcpy(m->listed.user, c->user, sizeof c->user);
        m->listed.account = engine_account_find(e, c->user);
    } else if (c->scope == LIST_FIRM) {
        memcpy(m->listed.firm, c->firm, sizeof c->firm);
    }
    apply_listed(e, &m->listed);
}

const char *recover_listed(struct engine *e, const struct msg_listed *ev)
{
    u32 account = ev->scope == LIST_ACCOUNT ? engine_account_find(e, ev->user) : 0;

    if (engine_busy(e) || e->taker)
        return "a list in the midst of other work";
    if (listed_refusal(e, ev) || ev->instrument != engine_instrument_find(e, ev->symbol) ||
        ev->account != account)
        return "a list that cannot be";
    return apply_listed(e, ev), NULL;
}

u32 engine_listed(const struct engine *e)
{
    return e->listed.keys.used;
}

void engine_listed_entry(const struct engine *e, u32 id, struct msg_listed *out)
{
    ASSERT(id >= 1 && id <= e->listed.keys.used);
    listed_entry(e, id, out);
}

u8 engine_listed_state(const struct engine *e, const struct msg_listed *c)
{
    return listed_state(e, c);
}
