/*
 * step_break.c - an operator breaks a trade: both sides are told (CONFORMANCE.md section 4, B).
 *
 * Engine thread. Both halves of a fill may long have left the engine, so the command brings what
 * they said: whoever sends it has looked them up in the journal by the match number. What cannot
 * be is counted and makes no event: a number of another day, a trade that was broken before, an
 * account without a stream today, more broken trades than a day can have. Orders are not restored:
 * that is between the parties. What the parties have at stake is (risk.h), if the command says what
 * the trade was.
 */
#include "engine/apply.h"
#include "engine/event.h"

static bool side_is_there(const struct engine *e, const struct broken_side *s)
{
    return account_known(&e->accounts, s->account) && e->accounts.at[s->account].stream;
}

static bool broken_before(const struct engine *e, u64 match)
{
    for (u32 i = 0; i < e->broken_used; i++)
        if (e->broken[i] == match)
            return true;
    return false;
}

/* What the command says of the trade, if it does, can have been. */
static bool trade_sound(const struct engine *e, const struct msg_break *c)
{
    if (c->qty == 0)
        return true;
    return c->qty <= QTY_MAX && c->price != 0 && c->price <= PRICE_LIMIT_MAX && c->instrument &&
           c->instrument <= e->instruments.names.used && c->side[0].sold + c->side[1].sold == 1;
}

/* Why it cannot be; 0: it can. */
static u8 break_refusal(const struct engine *e, const struct msg_break *c)
{
    if (!c->reason || !strchr("ECSX", c->reason))
        return WHY_TERMS;
    if (!e->day)
        return WHY_DAY;
    if (!trade_sound(e, c))
        return WHY_TERMS;
    if (c->match < e->day_match || c->match >= e->next_match)
        return WHY_MATCH;
    if (!side_is_there(e, &c->side[0]) || !side_is_there(e, &c->side[1]))
        return WHY_STREAM;
    if (broken_before(e, c->match))
        return WHY_BROKEN;
    return e->broken_used < BROKEN_MAX ? WHY_NONE : WHY_FULL;
}

void step_break(struct engine *e, const struct msg_break *c)
{
    u8 why = break_refusal(e, c);

    if (why) {
        request_refuse(e, why);
        return;
    }
    for (u32 i = 0; i < ARRAY_LEN(c->side); i++) {
        const struct broken_side *s = &c->side[i];
        union msg *m = event_room(e, 1);
        m->broken = (struct msg_broken){
            .head = event_head_seq(e, EV_BROKEN, 1, s->account, 0),
            .match = c->match,
            .user_ref = s->user_ref,
            .reason = c->reason,
            .user_ref_idx = s->user_ref_idx,
        };
        memcpy(m->broken.clordid, s->clordid, sizeof s->clordid);
        apply_broken(e, &m->broken);
    }
    risk_break(e, c);
}
