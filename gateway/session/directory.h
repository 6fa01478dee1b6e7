/*
 * directory.h - whom and what a gateway knows: accounts by user and id, instruments by symbol and
 * id.
 *
 * Filled from the config at start (ids of what the engine does not know yet come later, by
 * EV_ACCOUNT and EV_INSTRUMENT) and only added to. One thread.
 */
#ifndef WIREBOOK_GATEWAY_SESSION_DIRECTORY_H
#define WIREBOOK_GATEWAY_SESSION_DIRECTORY_H

#include "engine/base/mem.h"
#include "engine/base/types.h"
#include "engine/msg/side.h"
#include "gateway/session/map.h"
#include "gateway/session/rates.h"
#include "gateway/session/risk.h"
#include "gateway/session/store.h"
#include "gateway/session/tokens.h"

struct session;

#define ACCOUNT_NETWORKS_MAX 8u

/* Where an account may log in from; none: from anywhere. All in network order. */
struct account_networks {
    u32 used;
    struct {
        u32 ipv4; /* nothing outside the mask */
        u32 mask;
    } at[ACCOUNT_NETWORKS_MAX];
};

#define ACCOUNT_PORTS_MAX 8u

/* Listening ports by which an account may log in; none: by any. */
struct account_ports {
    u32 used;
    u16 at[ACCOUNT_PORTS_MAX]; /* TCP ports, host order */
};

/* Where an account is in relation to this gateway; drawn in session_handover.c. */
enum account_place {
    ACCOUNT_AWAY,    /* another gateway has its events */
    ACCOUNT_AWAITED, /* its events come here; the store is still elsewhere */
    ACCOUNT_HELD,    /* its events come here and its store is here */
    ACCOUNT_LEAVING, /* its events go elsewhere; the store is still here */
    ACCOUNT_PLACES
};

struct account {
    u32 id;                    /* the engine's; 0: not yet known */
    u8 place;                  /* enum account_place */
    u8 copy;                   /* enum reader_scope: whose messages it reads; else it trades */
    bool ouch42;               /* its stream of the day is in that dialect */
    struct session *session;   /* the connection that it is bound to, or NULL */
    struct rates *rates;       /* what it did lately; NULL: another gateway still has them */
    struct risk_limits limits; /* zero: none; those of `limits_at` */
    u32 limits_at;             /* sessions.profiles_at that `limits` were made at */
    struct store store;        /* the day's recent messages, or what of them came here */
    /* from here on what not each message needs */
    struct token_book book; /* tokens, if it is in that dialect */
    char user[6];           /* padded, upper case */
    u16 profile;            /* that says the limits that it does not say itself; 0: the port's */
    u16 port_profile;       /* of the port of its last login; 0: none */
    struct risk_values own; /* what it says itself of its limits */
    u32 moved_by;           /* bind_id of the login that moved it last, here or away */
    struct list moving;     /* AWAITED, LEAVING: in the sessions' list of those */
    u32 rejects;            /* since the following, for the log */
    u64 rejects_since_ns;
    struct account_networks networks;
    struct account_ports ports;
} CACHE_ALIGNED;

/* The bytes from its beginning that a message and its answer need. */
#define ACCOUNT_HOT offsetof(struct account, book)

struct instrument {
    u16 id; /* the engine's; 0: not yet known */
    char symbol[8];
    u32 reference_price; /* price units; 0: no collar */
};

struct directory {
    struct account *accounts;
    u32 accounts_used;
    u32 accounts_max;
    u32 *account_by_id; /* index + 1; 0: none */
    struct map users;

    struct instrument *instruments;
    u32 instruments_used;
    u32 instruments_max;
    u32 *instrument_by_id; /* index + 1; 0: none */
    struct map symbols;
};

/* May the account log in from that address (network order)? By that TCP port (host order)? */
bool account_may_come_from(const struct account *a, u32 ipv4);
bool account_may_come_by(const struct account *a, u16 port);

/* An empty directory for so many entries (> 0 each), with memory from `m`. */
void directory_init(struct directory *d, struct mem *m, u32 accounts_max, u32 instruments_max,
                    u64 seed);

/* The account of a padded, upper-case user, made if it is new; `id` 0 leaves the id as it is. */
struct account *directory_account_add(struct directory *d, u32 id, const char user[6]);

/* The account of a user; NULL: there is none, or the engine does not know it. */
struct account *directory_account_of_user(const struct directory *d, const char user[6]);

/* The account with an id that the engine gave; NULL: there is none. */
struct account *directory_account(const struct directory *d, u32 id);

/* The instrument of a padded symbol, made if it is new; `id` 0 leaves the id as it is. */
struct instrument *directory_instrument_add(struct directory *d, u16 id, const char symbol[8]);

/* The instrument of a symbol as sent; NULL: there is none, or the engine does not know it. */
const struct instrument *directory_instrument_of_symbol(const struct directory *d,
                                                        const char symbol[8]);

/* The instrument with an id that the engine gave; NULL: there is none. */
const struct instrument *directory_instrument(const struct directory *d, u16 id);

#endif
