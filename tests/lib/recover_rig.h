/*
 * recover_rig.h - for tests of what recovery refuses: the live engine makes a transaction, one
 * field of it is changed, and the shadow gets what is left of it.
 */
#ifndef WIREBOOK_TESTS_RECOVER_RIG_H
#define WIREBOOK_TESTS_RECOVER_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "engine/apply.h"
#include "tests/lib/engine_venue.h"

#define NOWHERE 9u /* an account or an instrument that there is none */

static struct venue v;

static inline int set_up(void **state)
{
    (void)state;
    venue_init(&v, 300);
    return 0;
}

/* Not venue_free: an engine that has refused is not to be looked at. */
static inline int tear_down(void **state)
{
    (void)state;
    mem_free_all(&v.mem);
    return 0;
}

/* A command that both engines take. */
static inline void both_take(union msg *m)
{
    venue_send(&v, m);
    assert_true(v.made);
}

/* One whose transaction the shadow has not seen yet. */
static inline void make_of(union msg *m)
{
    m->cmd.bind_id = m->cmd.account ? v.e->accounts.at[m->cmd.account].bind_id : 0;
    v.now_ns += 1000;
    v.made = engine_step(v.e, m, v.now_ns, &v.tx);
    assert_true(v.made);
}

/* Of a value, such as a function returns: not by value, whose way depends on the compiler. */
#define both(m) both_take((union msg[]){m})
#define make(m) make_of((union msg[]){m})

static inline union msg *event(u32 i)
{
    return (union msg *)(void *)(uintptr_t)venue_event(&v, i);
}

/* The transaction with `bytes` of `what` at `at` in event `i` is refused for `why`. */
static inline void refused(u32 i, size_t at, const void *what, size_t bytes, const char *why)
{
    memcpy((u8 *)event(i) + at, what, bytes);
    const char *wrong = engine_apply(v.shadow, v.tx.slots, v.tx.used);

    if (!wrong)
        fail_msg("was not refused for: %s", why);
    assert_string_equal(wrong, why);
}

#define REFUSED(i, msg, member, value, why)                            \
    do {                                                               \
        typeof(((struct msg *)0)->member) to = (value);                \
        refused(i, offsetof(struct msg, member), &to, sizeof to, why); \
    } while (0)

static inline void assert_taken(void)
{
    const char *wrong = engine_apply(v.shadow, v.tx.slots, v.tx.used);

    if (wrong)
        fail_msg("%s", wrong);
    assert_int_equal(engine_state_hash(v.shadow), engine_state_hash(v.e));
}

static inline union msg phase_cmd(u16 instrument, char phase)
{
    union msg m = venue_cmd(CMD_PHASE, 0);

    m.course.instrument = instrument;
    m.course.phase = (u8)phase;
    m.course.reason = COURSE_OPERATOR;
    return m;
}

static inline void again(void)
{
    tear_down(NULL);
    set_up(NULL);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

#endif
