/*
 * account.h - what the engine knows of each account: its terms, its binding, its stream of the day
 * and its channels (CONFORMANCE.md section 6, rule 2).
 *
 * An account's stream of a day begins with its first login and ends with the day; with it go the
 * channels. Channel 0 lies in the account; the other 255 exist in blocks of 16 once one of them is
 * used. One thread.
 */
#ifndef WIREBOOK_ENGINE_ACCOUNT_H
#define WIREBOOK_ENGINE_ACCOUNT_H

#include "engine/msg/msg.h"
#include "engine/names.h"
#include "engine/pool.h"
#include "engine/refs.h"

#define CHANNELS_MAX   256u
#define CHANNEL_GROUP  16u
#define CHANNEL_BLOCKS (CHANNELS_MAX / CHANNEL_GROUP)

#define BLOCKED_FIRMS_MAX 8u /* firms of one account whose order entry is disabled at once */

struct channel_block {
    struct channel at[CHANNEL_GROUP];
};

/* Follows from the terms and what is blocked: looked at once an order instead of all of these. */
enum account_watch {
    WATCH_ENTRY = 1, /* it may be that it must not enter anything */
    WATCH_STP = 2,   /* its orders must not meet each other */
};

struct account {
    u64 next_session_seq; /* of the account's next message, from 1 each day */
    u64 conn;             /* the gateway's name for the connection that holds the session */
    u32 bind_id;          /* 0: no connection holds it */
    u16 gateway;          /* that holds the session, or held it last: where its events go */
    u8 stream;            /* 0: no stream yet today; else 1 + enum dialect, what it is written in */
    u8 blocked_used;
    u32 open;  /* orders of all channels */
    u8 killed; /* 1: by an operator, until he takes it back */
    u8 barred; /* 1: by an operator: no login either, but what is open stays */
    u8 told;   /* 1: System Event E has been sent today */
    u8 zero;
    u32 watch;    /* enum account_watch: what the common path must not pass by */
    u32 open_max; /* orders that it may have, whoever says it (struct msg_limit); UINT32_MAX: any */
    struct channel base;            /* channel 0 */
    u32 blocks[CHANNEL_BLOCKS];     /* of the other channels; 0: not used yet */
    struct msg_account terms;       /* the EV_ACCOUNT that last set them */
    u32 blocked[BLOCKED_FIRMS_MAX]; /* firms that may enter nothing today, as they came */
    struct port_terms port;         /* of the port of its last login: what the terms leave to it */
    u16 port_profile;               /* ... the profile's id; 0: none */
    u16 zero2[3];
} CACHE_ALIGNED;

struct accounts {
    struct account *at; /* by id, from 1 */
    struct channel_block *blocks;
    struct pool block_pool;
    u32 blocks_room; /* of the pool as it was made */
    u32 blocks_led;  /* ... of the process that led last; more than our room: see recover.c */
    struct names names;
};

/* No accounts yet, room for `max`, from `m`. */
void accounts_init(struct accounts *a, struct mem *m, u32 max, u64 seed);

/* From now on there is room for what a process with `max` accounts has, as far as there is. */
void accounts_limit(struct accounts *a, u32 max);

/* True for the id of an account that exists. */
static inline bool account_known(const struct accounts *a, u32 id)
{
    return id >= 1 && id <= a->names.used;
}

/* The channel of account `acc`, or NULL while it has never been used today. */
static inline struct channel *channel_of(const struct accounts *a, struct account *acc, u8 idx)
{
    if (LIKELY(idx == 0))
        return &acc->base;
    u32 block = acc->blocks[idx / CHANNEL_GROUP];
    return block ? &a->blocks[block].at[idx % CHANNEL_GROUP] : NULL;
}

/* ... of account `id`. */
static inline struct channel *account_channel(const struct accounts *a, u32 id, u8 idx)
{
    ASSERT(account_known(a, id));
    return channel_of(a, &a->at[id], idx);
}

/* Makes a channel that is not there. NULL when the pool of channels is full. */
struct channel *account_channel_new(struct accounts *a, u32 id, u8 idx);

/* The channel, made if need be. NULL when the pool of channels is full. */
static inline struct channel *account_channel_get(struct accounts *a, u32 id, u8 idx)
{
    struct channel *c = account_channel(a, id, idx);

    return LIKELY(c != NULL) ? c : account_channel_new(a, id, idx);
}

/* The highest UserRefNum used on the channel today. */
static inline u32 account_last_ref(const struct accounts *a, u32 id, u8 idx)
{
    const struct channel *c = account_channel(a, id, idx);

    return c ? c->last : 0;
}

/* A firm as one number; blank or absent: the account's default firm. */
static inline u32 account_firm(const struct account *a, const char firm[4])
{
    u32 key;

    memcpy(&key, firm, sizeof key);
    if (key == 0 || key == 0x20202020u)
        memcpy(&key, a->terms.firm, sizeof key);
    return key;
}

/* What holds for it: its own terms, or those of the port of its last login. */
static inline u8 account_stp(const struct account *a)
{
    return a->terms.by_port & BY_PORT_STP ? a->port.stp : a->terms.stp;
}

static inline u8 account_stp_level(const struct account *a)
{
    return a->terms.by_port & BY_PORT_STP ? a->port.stp_level : a->terms.stp_level;
}

static inline bool account_drop(const struct account *a)
{
    return a->terms.by_port & BY_PORT_DROP ? a->port.drop : a->terms.drop;
}

static inline u32 account_drop_ms(const struct account *a)
{
    return a->terms.by_port & BY_PORT_DROP ? a->port.drop_ms : a->terms.drop_ms;
}

/* True when order entry of the firm is disabled. */
static inline bool account_blocks(const struct account *a, u32 firm)
{
    for (u32 i = 0; i < a->blocked_used; i++) {
        if (a->blocked[i] == firm)
            return true;
    }
    return false;
}

/* Follows what the account's terms, its port's and blocked firms have become. */
void account_rewatch(struct account *a);

/* Disables (there is room, or it is so already) or enables order entry of the firm. */
void account_block(struct account *a, u32 firm, bool disable);

/* The day's stream ends: numbers start over, channels are given back. No order is open any more. */
void account_day_close(struct accounts *a, u32 id);

#endif
