/*
 * step_profile.c - named profiles of checks and limits. Engine thread.
 *
 * One event changes a profile for every account that names it, directly or by a profile that is
 * based on it: the engine's limits of all of them before the next command, the gateways' checks
 * with the event, all of an account's at once. Accounts that get their first limit by it have their
 * open orders counted first (WORK_COUNT). What cannot be is counted as refused, what is so already
 * as superfluous. Profiles are never forgotten: what nobody names does nothing.
 */
#include "engine/apply.h"
#include "engine/event.h"
#include "engine/msg/profile.h"

static bool profile_sound(const struct msg_profile *c)
{
    return risk_values_sound(&c->values) && c->name[0] > ' ' && c->source <= CHECKS_OF_OPERATOR;
}

/* Profile `base`, or one that it is based on, is `id`. */
static bool profile_leads_to(const struct engine *e, u32 base, u32 id)
{
    for (; base; base = e->risk.profiles[base].base_id) {
        if (base == id)
            return true;
    }
    return false;
}

/* Why it cannot be, of enum operated_why; 0: it can. */
static u8 profile_refusal(const struct engine *e, const struct msg_profile *c)
{
    const struct names *names = &e->risk.profile_names;
    u32 id = profile_find(e, c->name);
    u32 base = profile_find(e, c->base);

    if (!profile_sound(c))
        return WHY_TERMS;
    if (c->base[0] && memcmp(c->base, c->name, sizeof c->base) == 0)
        return WHY_CYCLE;
    if (c->base[0] && !base)
        return WHY_PROFILE;
    if (id && profile_leads_to(e, base, id))
        return WHY_CYCLE;
    return id || names->used < names->max ? WHY_NONE : WHY_FULL;
}

/* All but the head. */
static bool profile_same(const struct msg_profile *a, const struct msg_profile *b)
{
    return memcmp(&a->values, &b->values, sizeof *a - offsetof(struct msg_profile, values)) == 0;
}

void step_profile(struct engine *e, const struct msg_profile *c)
{
    u8 why = profile_refusal(e, c);
    struct msg_profile wanted = *c;
    u16 id = profile_find(e, c->name);

    if (why) {
        request_refuse(e, why);
        return;
    }
    wanted.id = (u16)(id ? id : e->risk.profile_names.used + 1);
    wanted.base_id = profile_find(e, c->base);
    if (id && profile_same(&wanted, &e->risk.profiles[id])) {
        request_superfluous(e);
        return;
    }
    union msg *m = event_room(e, 2);
    m->profile = wanted;
    m->profile.ev = event_head(e, EV_PROFILE, 2, 0);
    apply_profile(e, &m->profile);
    if (engine_busy(e))
        work_count(e);
}

const char *recover_profile(struct engine *e, const struct msg_profile *ev)
{
    u32 id = profile_find(e, ev->name);

    if (engine_busy(e) || e->taker)
        return "a profile in the midst of other work";
    if (profile_refusal(e, ev) || ev->id != (id ? id : e->risk.profile_names.used + 1) ||
        ev->base_id != profile_find(e, ev->base))
        return "a profile that cannot be";
    return apply_profile(e, ev), NULL;
}

u32 engine_profiles(const struct engine *e)
{
    return e->risk.profile_names.used;
}

const struct msg_profile *engine_profile(const struct engine *e, u32 id)
{
    return id >= 1 && id <= e->risk.profile_names.used ? &e->risk.profiles[id] : NULL;
}

u32 engine_profile_find(const struct engine *e, const char name[8])
{
    return profile_find(e, name);
}
