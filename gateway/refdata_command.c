/*
 * refdata_command.c - rows of the reference data as commands for the engine (refdata.h): the same
 * at the start (startup.c) and when the files are read again (reload_plan.c).
 *
 * Pure. Enters: rows that were checked when they were loaded. Leaves: commands with a head of their
 * type and nothing else in it.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/base/assert.h"
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

/* ---- rows by their names ---- */

static int symbol_compare(const void *symbol, const void *row)
{
    return memcmp(symbol, (*(const struct refdata_instrument *const *)row)->symbol, 8);
}

static int by_symbol(const void *a, const void *b)
{
    return symbol_compare((*(const struct refdata_instrument *const *)a)->symbol, b);
}

static int user_compare(const void *user, const void *row)
{
    return memcmp(user, (*(const struct refdata_account *const *)row)->user, 6);
}

static int by_user(const void *a, const void *b)
{
    return user_compare((*(const struct refdata_account *const *)a)->user, b);
}

void refdata_finder_make(struct refdata_finder *f, const struct refdata *refs)
{
    u64 n = 0;

    f->refs = refs;
    f->symbols = calloc((size_t)refs->instruments_used + 1, sizeof *f->symbols);
    f->users = calloc((size_t)refs->accounts_used + 1, sizeof *f->users);
    f->before = calloc((size_t)refs->accounts_used + 1, sizeof *f->before);
    ASSERT(f->symbols != NULL && f->users != NULL && f->before != NULL);
    for (u32 i = 0; i < refs->instruments_used; i++)
        f->symbols[i] = &refs->instruments[i];
    for (u32 i = 0; i < refs->accounts_used; i++) {
        f->users[i] = &refs->accounts[i];
        f->before[i] = n;
        n += refs->accounts[i].restricted.used + refs->accounts[i].unshorted.used;
    }
    qsort(f->symbols, refs->instruments_used, sizeof *f->symbols, by_symbol);
    qsort(f->users, refs->accounts_used, sizeof *f->users, by_user);
}

void refdata_finder_free(struct refdata_finder *f)
{
    free(f->symbols);
    free(f->users);
    free(f->before);
    *f = (struct refdata_finder){0};
}

const struct refdata_instrument *refdata_instrument(const struct refdata_finder *f,
                                                    const char symbol[8])
{
    const struct refdata_instrument **row =
        bsearch(symbol, f->symbols, f->refs->instruments_used, sizeof *f->symbols, symbol_compare);

    return row ? *row : NULL;
}

const struct refdata_account *refdata_account(const struct refdata_finder *f, const char user[6])
{
    const struct refdata_account **row =
        bsearch(user, f->users, f->refs->accounts_used, sizeof *f->users, user_compare);

    return row ? *row : NULL;
}

/* ---- commands ---- */

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

/* The last account with no more than `at` entries in front of it, of those that have any. */
static u32 account_at(const struct refdata_finder *f, u64 at)
{
    u32 low = 0, high = f->refs->accounts_used;

    while (low + 1 < high) {
        u32 mid = low + (high - low) / 2;
        if (f->before[mid] <= at)
            low = mid;
        else
            high = mid;
    }
    return low;
}

bool refdata_listed_command(const struct refdata_finder *f, u64 at, union msg *m)
{
    const struct refdata *r = f->refs;

    if (at < 2ull * r->instruments_used) { /* two places each, wanted or not */
        const struct refdata_instrument *i = &r->instruments[at / 2];
        bool some = at % 2 ? i->unshorted : i->restricted;
        return some && listed(m, at % 2 ? LIST_SHORT : LIST_RESTRICTED, LIST_VENUE, i->symbol);
    }
    at -= 2ull * r->instruments_used;
    if (r->accounts_used == 0)
        return false;
    u32 row = account_at(f, at);
    const struct refdata_account *a = &r->accounts[row];
    at -= f->before[row];
    bool unshorted = at >= a->restricted.used;
    at -= unshorted ? a->restricted.used : 0;
    const struct refdata_list *list = unshorted ? &a->unshorted : &a->restricted;
    if (at >= list->used)
        return false;
    listed(m, unshorted ? LIST_SHORT : LIST_RESTRICTED, LIST_ACCOUNT, list->at[at]);
    memcpy(m->listed.user, a->user, sizeof a->user);
    return true;
}

static int compare_symbols(const void *a, const void *b)
{
    return memcmp(a, b, 8);
}

bool refdata_lists(const struct refdata_finder *f, const struct msg_listed *m)
{
    bool unshorted = m->kind == LIST_SHORT;

    if (m->scope == LIST_VENUE) {
        const struct refdata_instrument *i = refdata_instrument(f, m->symbol);
        return i && (unshorted ? i->unshorted : i->restricted);
    }
    const struct refdata_account *a = m->scope == LIST_ACCOUNT ? refdata_account(f, m->user) : NULL;
    if (!a)
        return false;
    const struct refdata_list *list = unshorted ? &a->unshorted : &a->restricted;
    return list->used && bsearch(m->symbol, list->at, list->used, 8, compare_symbols);
}

void refdata_firm_command(const struct msg_limit *firm, union msg *m)
{
    row_command(m, CMD_LIMIT, firm);
}
