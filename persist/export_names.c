/* export_names.c - see export_names.h. Two arrays by id, filled with spaces at the start. */
#include "persist/export_names.h"

#include <string.h>

void export_names_init(struct export_names *n, struct mem *m, u32 accounts_max, u32 instruments_max)
{
    ASSERT_LE(accounts_max, ACCOUNTS_MAX);
    ASSERT_LE(instruments_max, INSTRUMENTS_MAX);
    u64 accounts_bytes = (accounts_max + 1) * sizeof n->accounts[0];
    u64 symbols_bytes = (instruments_max + 1) * sizeof n->symbols[0];

    n->accounts_max = accounts_max;
    n->instruments_max = instruments_max;
    n->changed = 0;
    n->accounts = mem_alloc(m, accounts_bytes, CACHE_LINE);
    n->symbols = mem_alloc(m, symbols_bytes, CACHE_LINE);
    memset(n->accounts, ' ', accounts_bytes);
    memset(n->symbols, ' ', symbols_bytes);
}

void export_names_note(struct export_names *n, const union msg *m)
{
    if (m->ev.type == EV_ACCOUNT) {
        ASSERT(m->ev.account >= 1 && m->ev.account <= n->accounts_max);
        struct export_account *a = &n->accounts[m->ev.account];
        if (a->user[0] != ' ' && memcmp(a->firm, m->account.firm, sizeof a->firm) != 0)
            n->changed = max_u64(n->changed, m->ev.seq);
        memcpy(a->user, m->account.user, sizeof a->user);
        memcpy(a->firm, m->account.firm, sizeof a->firm);
    } else if (m->ev.type == EV_INSTRUMENT) {
        u16 id = m->instrument.instrument;
        ASSERT(id >= 1 && id <= n->instruments_max);
        memcpy(n->symbols[id], m->instrument.symbol, sizeof n->symbols[id]);
    }
}

void export_names_take(struct export_names *n, const union msg *m)
{
    export_names_note(n, m);
    if (m->ev.type == EV_ACCOUNT)
        n->changed = max_u64(n->changed, m->ev.seq);
}

void export_names_copy(struct export_names *to, const struct export_names *from)
{
    ASSERT_EQ(to->accounts_max, from->accounts_max);
    ASSERT_EQ(to->instruments_max, from->instruments_max);
    memcpy(to->accounts, from->accounts, (from->accounts_max + 1) * sizeof from->accounts[0]);
    to->changed = from->changed;
    memcpy(to->symbols, from->symbols, (from->instruments_max + 1) * sizeof from->symbols[0]);
}

const struct export_account *export_names_account(const struct export_names *n, u32 id)
{
    return &n->accounts[id <= n->accounts_max ? id : 0];
}

const char *export_names_symbol(const struct export_names *n, u16 id)
{
    return n->symbols[id <= n->instruments_max ? id : 0];
}

u32 export_names_trim(const char *text, u32 bytes)
{
    while (bytes > 0 && text[bytes - 1] == ' ')
        bytes--;
    return bytes;
}
