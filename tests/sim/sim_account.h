/*
 * sim_account.h - what one account has sent and seen: the first oracle.
 *
 * A stream is the account's messages of one day by number. Whatever a client saw stays: the same
 * number must always bring the same bytes, before and after any crash. From the stream, in order,
 * an independent model follows the orders and checks what can be known: each order is answered once
 * and in order, sums of fills and cancels fit, prices are within limits, nothing speaks of the
 * dead.
 */
#ifndef WIREBOOK_SIM_SIM_ACCOUNT_H
#define WIREBOOK_SIM_SIM_ACCOUNT_H

#include "engine/base/types.h"
#include "gateway/client/wb_ouch.h"

#define SIM_MESSAGE_MAX 256u

struct sim_message {
    u8 n; /* 0: not seen */
    u8 bytes[SIM_MESSAGE_MAX - 1];
};

enum sim_request_kind {
    SIM_ENTER,
    SIM_REPLACE,
    SIM_CANCEL,
    SIM_QUERY,
};

/* One request as sent, kept so that it can be sent again. */
struct sim_request {
    u8 kind;      /* enum sim_request_kind */
    bool invalid; /* must not be accepted */
    u32 times_sent;
    u16 n;
    u32 user_ref; /* SIM_ENTER, SIM_REPLACE: the new number */
    u32 orig_ref; /* SIM_REPLACE */
    u32 qty;
    u64 price;
    char side;
    u8 bytes[118];
};

enum sim_order_state {
    SIM_ORDER_NONE, /* the number was never answered (yet) */
    SIM_ORDER_LIVE, /* accepted and open */
    SIM_ORDER_DEAD, /* filled, cancelled, replaced */
    SIM_ORDER_REJECTED,
};

/* An order by its UserRefNum, as far as its account's stream tells. */
struct sim_order {
    u8 state; /* enum sim_order_state */
    char side;
    u32 open;
    u32 executed; /* of its whole chain of replacements */
    u64 price;
    u64 order_ref;
    char symbol[9];
};

/* One day of an account. */
struct sim_stream {
    u32 day;
    u64 seen; /* highest number seen; messages below may be missing after a login with 0 */
    struct sim_message *messages; /* by number */
    u64 messages_room;

    u64 modelled;             /* the model has taken the messages up to here */
    bool ended;               /* system event E was seen */
    u32 last_ref;             /* highest number that the venue consumed */
    u32 live;                 /* orders */
    struct sim_order *orders; /* by UserRefNum */
    u64 orders_room;

    struct sim_request *requests; /* in the order in which they were first sent */
    u64 requests_used;
    u64 requests_room;
    u32 next_ref; /* for the next new order */
    u64 queries_sent;
    u64 queries_answered;
};

struct sim_account {
    u32 index;
    char user[7];
    char password[11];
    struct sim_stream *days; /* the last one is the current one */
    u64 days_used;
    u64 days_room;
};

/* The current day's stream; NULL before the first login. */
struct sim_stream *sim_account_today(struct sim_account *a);

/* A login was accepted to the session of `day`: the current stream, or the first of a new day. */
struct sim_stream *sim_account_day(struct sim_account *a, u32 day);

/*
 * A client of `a` saw message `seq` of `day`, a day of a login before. Fails when that cannot
 * be.
 */
void sim_account_saw(struct sim_account *a, u32 day, u64 seq, const u8 *bytes, u32 n);

/* A new request at the end of the current day's list; the caller fills it in. */
struct sim_request *sim_account_request(struct sim_account *a);

/* The first request that may not have been taken by the venue; requests_used when all were. */
u64 sim_stream_first_open(const struct sim_stream *s);

/* True when every order that was sent has been answered. */
bool sim_stream_answered(const struct sim_stream *s);

/* After the final drain: every order of the current day was answered. */
void sim_account_check_answered(struct sim_account *a);

void sim_account_free(struct sim_account *a);

#endif
