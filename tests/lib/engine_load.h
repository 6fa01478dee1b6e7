/*
 * engine_load.h - an engine of any size for tests of its bounds: a day is open, accounts 1 and 2
 * are logged in, instruments 1..n are there (tick 0.0001, lot 100) and trade.
 */
#ifndef WIREBOOK_TESTS_ENGINE_LOAD_H
#define WIREBOOK_TESTS_ENGINE_LOAD_H

#include "engine/state.h"

struct load {
    struct mem mem;
    struct engine *e;
    u64 now_ns;
    u32 ref[3]; /* by account: the number used last, on its base channel */
    struct tx tx;
};

/* Room for `orders` open orders. Ends with load_free. */
void load_init(struct load *l, u32 instruments, u32 orders);
void load_free(struct load *l);

/* A limit order of `account` under its next number, to be changed before it is sent. */
union msg load_enter(struct load *l, u32 account, u16 instrument, char side, u32 qty, u32 price);

/* A cancel of all that is open of an order. */
union msg load_cancel(u32 account, u32 ref);

/* A change of phase, of one instrument or (0) all, by an operator. */
union msg load_phase(u16 instrument, char phase);

/* One command, a nanosecond later; the sender's binding is put in. False: it made no event. */
bool load_step(struct load *l, union msg *m);

/* The command and all the long work that it brings; it must make events. */
void load_send(struct load *l, union msg *m);

#endif
