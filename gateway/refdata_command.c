/*
 * refdata_command.c - rows of the reference data as commands for the engine (refdata.h): the same
 * at the start (startup.c) and when the files are read again (reload_plan.c).
 *
 * Pure. Enters: rows that were checked when they were loaded. Leaves: commands with a head of their
 * type and nothing else in it.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/msg/profile.h"
#include "gateway/refdata.h"

void refdata_command(union msg *m, u8 type)
{
    memset(m, 0, sizeof *m);
    m->cmd.type = type;
    m->cmd.slots = (u8)msg_type_slots(type);
}

/* A command that says what `row` does, a message of the same layout whatever its head. */
static void row_command(union msg *m, u8 type, const void *row)
{
    refdata_command(m, type);
    memcpy((u8 *)m + sizeof m->cmd, (const u8 *)row + sizeof m->cmd,
           m->cmd.slots * SLOT_BYTES - sizeof m->cmd);
}

const struct refdata_instrument *refdata_instrument(const struct refdata *r, const char symbol[8])
{
    for (u32 i = 0; i < r->instruments_used; i++)
        if (memcmp(r->instruments[i].symbol, symbol, 8) == 0)
            return &r->instruments[i];
    return NULL;
}

const struct refdata_account *refdata_account(const struct refdata *r, const char user[6])
{
    for (u32 i = 0; i < r->accounts_used; i++)
        if (memcmp(r->accounts[i].user, user, 6) == 0)
            return &r->accounts[i];
    return NULL;
}

void refdata_instrument_command(const struct refdata_instrument *r, union msg *m)
{
    refdata_command(m, CMD_INSTRUMENT);
    memcpy(m->instrument.symbol, r->symbol, 8);
    m->instrument.tick = r->tick;
    m->instrument.lot = r->lot;
    m->instrument.reference_price = r->reference_price;
    m->instrument.tier = r->tier;
    m->instrument.collar_bps = r->collar_bps;
}

void refdata_instrument_gone(const struct msg_instrument *known, union msg *m)
{
    refdata_command(m, CMD_INSTRUMENT);
    memcpy(m->instrument.symbol, known->symbol, 8);
    m->instrument.tick = known->tick;
    m->instrument.lot = known->lot;
    m->instrument.reference_price = known->reference_price;
    m->instrument.tier = known->tier;
    m->instrument.collar_bps = known->collar_bps;
    m->instrument.halted = 1;
}

void refdata_account_command(const struct refdata_account *r, union msg *m)
{
    row_command(m, CMD_ACCOUNT, &r->terms);
    memcpy(m->account.user, r->user, sizeof r->user);
    memcpy(m->account.firm, r->firm, sizeof r->firm);
    m->account.disabled = !r->enabled;
}

void refdata_account_gone(const struct msg_account *known, union msg *m)
{
    row_command(m, CMD_ACCOUNT, known);
    m->account.disabled = 1;
}

bool refdata_limit_command(const struct refdata_account *r, union msg *m)
{
    row_command(m, CMD_LIMIT, &r->stake);
    m->limit.scope = LIMIT_ACCOUNT;
    memcpy(m->limit.user, r->user, sizeof r->user);
    return m->limit.exposure_max || m->limit.daily_max || m->limit.position_max ||
           m->limit.collar_bps || m->limit.open_max || m->limit.inherits;
}

void refdata_checks_command(const struct refdata_account *r, union msg *m)
{
    refdata_command(m, CMD_CHECKS);
    memcpy(m->checks.user, r->user, sizeof r->user);
    checks_say(&m->checks, &r->checks);
    memcpy(m->checks.profile, r->profile, sizeof r->profile);
}

void refdata_profile_command(const struct refdata_profile *r, union msg *m)
{
    row_command(m, CMD_PROFILE, &r->terms);
}

/* ---- lists ---- */

u64 refdata_listed(const struct refdata *r)
{
    u64 n = 2ull * r->instruments_used;

    for (u32 i = 0; i < r->accounts_used; i++)
        n += r->accounts[i].restricted.used + r->accounts[i].unshorted.used;
    return n;
}

static bool listed(union msg *m, u8 kind, u8 scope, const char symbol[8])
{
    refdata_command(m, CMD_LISTED);
    m->listed.kind = kind;
    m->listed.scope = scope;
    m->listed.listed = 1;
    memcpy(m->listed.symbol, symbol, 8);
    return true;
}

bool refdata_listed_command(const struct refdata *r, u64 at, union msg *m)
{
    if (at < 2ull * r->instruments_used) { /* two places each, wanted or not */
        const struct refdata_instrument *i = &r->instruments[at / 2];
        bool some = at % 2 ? i->unshorted : i->restricted;
        return some && listed(m, at % 2 ? LIST_SHORT : LIST_RESTRICTED, LIST_VENUE, i->symbol);
    }
    at -= 2ull * r->instruments_used;
    for (u32 i = 0; i < r->accounts_used; i++) {
        const struct refdata_account *a = &r->accounts[i];
        for (u32 k = 0; k < 2; k++) {
            const struct refdata_list *list = k ? &a->unshorted : &a->restricted;
            if (at >= list->used) {
                at -= list->used;
                continue;
            }
            listed(m, k ? LIST_SHORT : LIST_RESTRICTED, LIST_ACCOUNT, list->at[at]);
            memcpy(m->listed.user, a->user, sizeof a->user);
            return true;
        }
    }
    return false;
}

static int compare_symbols(const void *a, const void *b)
{
    return memcmp(a, b, 8);
}

bool refdata_lists(const struct refdata *r, const struct msg_listed *m)
{
    bool unshorted = m->kind == LIST_SHORT;

    if (m->scope == LIST_VENUE) {
        const struct refdata_instrument *i = refdata_instrument(r, m->symbol);
        return i && (unshorted ? i->unshorted : i->restricted);
    }
    const struct refdata_account *a = m->scope == LIST_ACCOUNT ? refdata_account(r, m->user) : NULL;
    if (!a)
        return false;
    const struct refdata_list *list = unshorted ? &a->unshorted : &a->restricted;
    return list->used && bsearch(m->symbol, list->at, list->used, 8, compare_symbols);
}

void refdata_firm_command(const struct msg_limit *firm, union msg *m)
{
    row_command(m, CMD_LIMIT, firm);
}
