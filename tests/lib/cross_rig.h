/*
 * cross_rig.h - what the programs about phases and crosses share: one venue, its phases led by
 * hand, orders with a cross type under numbers of their own, and looks at the last transaction.
 *
 * Included by one file of a program each, which has the venue then.
 */
#ifndef WIREBOOK_TESTS_CROSS_RIG_H
#define WIREBOOK_TESTS_CROSS_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/lib/engine_venue.h"

static struct venue v;
static u32 next_ref;

static inline int set_up(void **state)
{
    (void)state;
    venue_init(&v, 60);
    next_ref = 0;
    return 0;
}

static inline int tear_down(void **state)
{
    (void)state;
    venue_free(&v);
    return 0;
}

static inline union msg phase_cmd(u16 instrument, char phase, char reason)
{
    union msg m = venue_cmd(CMD_PHASE, 0);
    m.course.instrument = instrument;
    m.course.phase = (u8)phase;
    m.course.reason = (u8)reason;
    return m;
}

static inline u32 go(u16 instrument, char phase)
{
    union msg m = phase_cmd(instrument, phase, 'O');
    return venue_send(&v, &m);
}

static inline union msg cross_cmd(u32 account, char cross, char side, u32 qty, u32 price)
{
    union msg m = venue_enter_cmd(account, ++next_ref, side, qty, price, '0');
    m.enter.cross_type = (u8)cross;
    return m;
}

static inline u32 enter(u32 account, char cross, char side, u32 qty, u32 price)
{
    union msg m = cross_cmd(account, cross, side, qty, price);
    venue_send(&v, &m);
    assert_int_equal(venue_event(&v, 0)->ev.type, EV_ACCEPTED);
    return next_ref;
}

static inline u32 enter_offset(u32 account, char cross, char side, u32 qty, u32 price)
{
    union msg m = cross_cmd(account, cross, side, qty, price);
    m.enter.terms.tags = TAG_BIT(17);
    m.enter.terms.handle_inst = 'I';
    venue_send(&v, &m);
    assert_int_equal(venue_event(&v, 0)->ev.type, EV_ACCEPTED);
    return next_ref;
}

static inline u8 phase_of(u16 instrument)
{
    return v.e->markets[instrument].phase;
}

/* The n-th event of a type in the last transaction. */
static inline const union msg *nth(u8 type, u32 n)
{
    for (u32 i = 0; i < venue_events(&v); i++)
        if (venue_event(&v, i)->ev.type == type && n-- == 0)
            return venue_event(&v, i);
    return NULL;
}

static inline void assert_half(u32 n, u32 account, u32 ref, u32 qty, u32 price, char liquidity)
{
    const union msg *m = nth(EV_EXECUTED, n);
    assert_non_null(m);
    assert_int_equal(m->ev.account, account);
    assert_int_equal(m->executed.user_ref, ref);
    assert_int_equal(m->executed.qty, qty);
    assert_int_equal(m->executed.price, price);
    assert_int_equal(m->executed.liquidity, liquidity);
    assert_int_equal(m->ev.flags & MSG_TAKER, 0);
    assert_int_equal((m->ev.flags & MSG_FIRST) != 0, n % 2 == 0);
}

static inline void assert_cross(u32 price, u64 paired, u64 imbalance, char side)
{
    const struct msg_cross *c = &nth(EV_CROSS, 0)->cross;
    assert_int_equal(c->price, price);
    assert_int_equal(c->paired, paired);
    assert_int_equal(c->imbalance, imbalance);
    assert_int_equal(c->side, side);
}

#endif
