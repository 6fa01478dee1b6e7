/*
 * risk_party.h - what the files of risk.h share among themselves. Engine thread.
 */
#ifndef WIREBOOK_ENGINE_RISK_PARTY_H
#define WIREBOOK_ENGINE_RISK_PARTY_H

#include "engine/state.h"

#define FIRM_PARTY 0x80000000u /* with a firm's id: its number as a party; else an account's id */

static inline struct party *party_at(const struct engine *e, u32 party)
{
    return party & FIRM_PARTY ? &e->risk.firms[party & ~FIRM_PARTY] : &e->risk.accounts[party];
}

static inline u64 position_key(u32 party, u16 instrument)
{
    return (u64)party << 16 | instrument;
}

/* The party's position in the instrument, made if need be. NULL: the pool is full. */
struct position *position_get(struct engine *e, u32 party, u16 instrument);

/* What is left of order `id` counts for the party from now on. Returns what of `what` does. */
u8 stake_add(struct engine *e, u32 party, u8 what, u32 id);

/* The price at which order `id` is to be counted. */
u32 stake_price(const struct engine *e, u32 id);

#endif
