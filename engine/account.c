/*
 * account.c - accounts and their channels. Engine thread.
 *
 * Invariants: an account without a stream has no channel in use, no open order and no binding; a
 * block is owned by one account. Failure mode: the pool of channel blocks is full; the caller
 * rejects the order that wanted a new channel.
 */
#include "engine/account.h"

#include <string.h>

/* All 256 channels for everyone where that is cheap; else the average account may use a quarter. */
static u32 blocks_wanted(u32 accounts)
{
    u64 all = (u64)accounts * CHANNEL_BLOCKS;
    return (u32)min_u64(all, (u64)accounts * CHANNEL_BLOCKS / 4 + 4096);
}

void accounts_init(struct accounts *a, struct mem *m, u32 max, u64 seed)
{
    ASSERT(max >= 1 && max <= ACCOUNTS_MAX);
    a->at = mem_alloc(m, ((u64)max + 1) * sizeof *a->at, CACHE_LINE);
    a->blocks_room = blocks_wanted(max);
    a->blocks_led = a->blocks_room;
    a->blocks = pool_init(&a->block_pool, m, a->blocks_room, sizeof *a->blocks, CACHE_LINE);
    names_init(&a->names, m, max, seed ^ 1);
}

void accounts_limit(struct accounts *a, u32 max)
{
    a->blocks_led = blocks_wanted(min_u32(max, ACCOUNTS_MAX));
    pool_limit(&a->block_pool, min_u32(a->blocks_led, a->blocks_room));
    names_limit(&a->names, max);
}

struct channel *account_channel_new(struct accounts *a, u32 id, u8 idx)
{
    u32 block = pool_take(&a->block_pool);

    if (!block)
        return NULL;
    ASSERT_EQ(a->at[id].blocks[idx / CHANNEL_GROUP], 0);
    memset(&a->blocks[block], 0, sizeof a->blocks[block]);
    a->at[id].blocks[idx / CHANNEL_GROUP] = block;
    return &a->blocks[block].at[idx % CHANNEL_GROUP];
}

void account_rewatch(struct account *a)
{
    a->watch = (a->terms.disabled || a->blocked_used || a->killed || a->barred ? WATCH_ENTRY : 0) |
               (account_stp(a) != STP_OFF ? WATCH_STP : 0);
}

void account_block(struct account *a, u32 firm, bool disable)
{
    u32 i = 0;

    while (i < a->blocked_used && a->blocked[i] != firm)
        i++;
    if (disable && i == a->blocked_used) {
        ASSERT_LT(a->blocked_used, BLOCKED_FIRMS_MAX);
        a->blocked[a->blocked_used++] = firm;
    } else if (!disable && i < a->blocked_used) {
        a->blocked[i] = a->blocked[--a->blocked_used];
        a->blocked[a->blocked_used] = 0;
    }
    account_rewatch(a);
}

void account_day_close(struct accounts *a, u32 id)
{
    struct account *acc = &a->at[id];

    ASSERT(acc->stream);
    ASSERT_EQ(acc->base.open, 0);
    for (u32 i = 0; i < CHANNEL_BLOCKS; i++) {
        if (acc->blocks[i])
            pool_give(&a->block_pool, acc->blocks[i]);
        acc->blocks[i] = 0;
    }
    acc->base = (struct channel){0};
    acc->stream = 0;
    acc->told = 0;
    acc->blocked_used = 0;
    memset(acc->blocked, 0, sizeof acc->blocked);
    account_rewatch(acc);
    acc->next_session_seq = 1;
}
