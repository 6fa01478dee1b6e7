/*
 * peg_rig.h - what the programs about pegs share: one venue, pegs, the touch that they follow.
 *
 * Included by one file of a program each, which has the venue then.
 */
#ifndef WIREBOOK_TESTS_PEG_RIG_H
#define WIREBOOK_TESTS_PEG_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "engine/peg.h"
#define VENUE_ORDERS 300u
#include "tests/lib/venue_rig.h"

static inline union msg peg(u32 account, u32 ref, char side, u32 qty, u32 limit, char type,
                            i32 offset)
{
    union msg m = venue_enter_cmd(account, ref, side, qty, limit, '0');

    m.enter.terms.tags = TAG_BIT(6) | (offset ? TAG_BIT(7) : 0);
    m.enter.terms.price_type = (u8)type;
    m.enter.terms.peg_offset = offset;
    return m;
}

static inline u32 enter_peg(u32 account, u32 ref, char side, u32 qty, u32 limit, char type,
                            i32 offset)
{
    union msg m = peg(account, ref, side, qty, limit, type, offset);
    return venue_send(&v, &m);
}

static inline const struct msg_executed *fill(u32 event)
{
    assert_int_equal(venue_event(&v, event)->ev.type, EV_EXECUTED);
    return &venue_event(&v, event)->executed;
}

/* A bid of 100 at 1.00 and an offer of 100 at 1.03. */
static inline void touch(void)
{
    venue_enter(&v, ANN, 1, 'B', 100, 10000, '0');
    venue_enter(&v, ANN, 2, 'S', 100, 10300, '0');
}

#endif
