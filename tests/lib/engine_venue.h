/*
 * engine_venue.h - a small venue for the engine's hand-written tests.
 *
 * One day open, instruments AAA (tick 0.01) and BBB (tick 0.0001), accounts ANN and BOB logged in.
 * Each function sends one command and leaves the transaction in `tx`. Every transaction is also
 * applied to a second engine, whose state must be the same: each test is a test of recovery too.
 */
#ifndef WIREBOOK_TESTS_ENGINE_VENUE_H
#define WIREBOOK_TESTS_ENGINE_VENUE_H

#include "engine/state.h"

enum { AAA = 1, BBB = 2 };
enum { ANN = 1, BOB = 2 };

#define VENUE_DAY 20261123u

struct venue {
    struct mem mem;
    struct engine *e;
    struct engine *shadow;
    u64 now_ns;
    bool made; /* the last command made a transaction */
    struct tx tx;
};

/* A venue for `orders_max` open orders. Ends with venue_free, which checks both engines. */
void venue_init(struct venue *v, u32 orders_max);
void venue_free(struct venue *v);

/* Sends a command; its bind_id is put in when it is `BIND`. Returns the number of events. */
#define BIND 0xFFFFFFFFu
u32 venue_send(struct venue *v, union msg *m);

/* The next piece of long work. */
u32 venue_continue(struct venue *v);

/* A command of `type` with its head filled in, for the fields that matter to be set. */
union msg venue_cmd(u8 type, u32 account);

/* Events of the last transaction, from 0. */
u32 venue_events(const struct venue *v);
const union msg *venue_event(const struct venue *v, u32 i);

/* ---- the usual commands, on channel 0; prices in 0.0001 ---- */
u32 venue_login(struct venue *v, u32 account);
u32 venue_enter(struct venue *v, u32 account, u32 ref, char side, u32 qty, u32 price, char tif);
u32 venue_replace(struct venue *v, u32 account, u32 orig, u32 ref, u32 qty, u32 price);
u32 venue_cancel(struct venue *v, u32 account, u32 ref, u32 qty);
u32 venue_day_end(struct venue *v);

/* An enter of instrument AAA as the last three make it, to be changed before it is sent. */
union msg venue_enter_cmd(u32 account, u32 ref, char side, u32 qty, u32 price, char tif);
union msg venue_replace_cmd(u32 account, u32 orig, u32 ref, u32 qty, u32 price);

/* The events' types as letters: SAUCEJQMXGKDR as in OUCH, b u l binding, w work, e course. */
const char *venue_letters(const struct venue *v);

#endif
