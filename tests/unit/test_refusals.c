/* test_refusals.c - notes of refused requests: what is in one, how many a caller has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "engine/base/log.h"
#include "engine/base/mem.h"
#include "gateway/admin/refusals.h"

static struct mem mem;
static struct ring cmds;
static struct refusals refusals;
static u64 numbers, now_ns;
static const struct peer ann = {.uid = 1001, .user = "ann", .role = ROLE_OPERATOR};

static int set_up(void **state)
{
    (void)state;
    mem_init(&mem, 0);
    ring_init(&cmds, &mem, "cmds", 64);
    numbers = 7000;
    now_ns = 1000 * NS_PER_SEC;
    refusals_init(&refusals, &cmds, &numbers);
    log_level_set(LOG_ERROR);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    mem_free_all(&mem);
    return 0;
}

static void refuse(const struct peer *peer, const char *asked, const char *text)
{
    struct request r = {.reason = "why not"};
    struct refusal f = {.peer = peer, .request = &r, .why = WHY_REQUEST, .text = text};

    snprintf(r.asked, sizeof r.asked, "%s", asked);
    memcpy(r.name, "AAPL    ", 8);
    refusals_add(&refusals, &f, now_ns);
}

static bool any(void)
{
    return ring_avail(&cmds, 1) > 0;
}

/* The next command, and the note in it. */
static struct msg_operator taken(struct msg_note *note)
{
    union msg copy, carried;
    const union msg *at = msg_peek(&cmds, &copy);

    assert_non_null(at);
    assert_null(msg_check(at->slots, at->cmd.slots));
    struct msg_operator o = at->operator;
    ring_take(&cmds, at->cmd.slots);
    assert_int_equal(o.type, CMD_NOTE);
    assert_true(msg_carried(&o, &carried));
    assert_null(msg_check(carried.slots, carried.cmd.slots));
    *note = carried.note;
    return o;
}

static void test_who_why_what(void **state)
{
    struct msg_note n;
    (void)state;

    refuse(&ann, "halt", "no such instrument");
    struct msg_operator o = taken(&n);
    assert_int_equal(o.request, 7001);
    assert_int_equal(o.uid, 1001);
    assert_int_equal(o.role, ROLE_OPERATOR);
    assert_string_equal(o.user, "ann");
    assert_string_equal(o.reason, "why not");
    assert_int_equal(n.what, NOTE_REFUSED);
    assert_int_equal(n.why, WHY_REQUEST);
    assert_string_equal(n.command, "halt");
    assert_memory_equal(n.of, "AAPL    ", 8);
    assert_string_equal(n.text, "no such instrument");
    assert_int_equal(numbers, 7001);
}

/* Whatever its length, a text is cut where a character ends, and what is behind it is zero. */
static void test_texts_are_cut(void **state)
{
    static const char letter[] = "\xc3\xa9";
    char text[200];
    struct msg_note n;
    (void)state;

    for (u32 bytes = 0; bytes < 120; bytes++) {
        memset(text, 'x', bytes);
        memcpy(text + bytes, letter, sizeof letter);
        refuse(&ann, "reload", text);
        now_ns += REFUSALS_EVERY_NS;
        taken(&n);
        u32 whole = bytes + 2 <= NOTE_TEXT_BYTES ? bytes + 2 : min_u32(bytes, NOTE_TEXT_BYTES);
        assert_memory_equal(n.text, text, whole);
        for (u32 i = whole; i < NOTE_TEXT_BYTES; i++)
            assert_int_equal(n.text[i], 0);
    }
}

/* A caller has so many notes; the last one of a flood comes late and says how many had none. */
static void test_a_flood_fills_no_disk(void **state)
{
    static const struct peer bob = {.uid = 1002, .user = "bob", .role = ROLE_VIEWER};
    struct msg_note n;
    (void)state;

    for (u32 i = 0; i < REFUSALS_BURST; i++) {
        refuse(&ann, "boom", "no such command");
        taken(&n);
        assert_int_equal(n.unnoted, 0);
    }
    for (u32 i = 0; i < 30; i++)
        refuse(&ann, "boom", i == 29 ? "the last" : "no such command");
    assert_false(any());
    refuse(&bob, "halt", "may not"); /* another one has notes of his own */
    assert_int_equal(taken(&n).uid, 1002);
    now_ns += REFUSALS_EVERY_NS - 1;
    assert_int_equal(refusals_step(&refusals, now_ns), 0);
    now_ns++;
    assert_int_equal(refusals_step(&refusals, now_ns), 1);
    taken(&n);
    assert_int_equal(n.unnoted, 29);
    assert_string_equal(n.text, "the last");
    assert_int_equal(metric_get(&refusals.unnoted), 29);
    assert_int_equal(metric_get(&refusals.noted), REFUSALS_BURST + 2);
    assert_int_equal(refusals_step(&refusals, now_ns + 1000 * REFUSALS_EVERY_NS), 0);
}

/* Who has no role shares his notes with all such, whoever they say they are. */
static void test_strangers_share(void **state)
{
    struct peer p = {.user = "eve"};
    struct msg_note n;
    struct refusal f = {.peer = &p, .why = WHY_ROLE, .text = "no role"};
    (void)state;

    for (p.uid = 1; p.uid <= REFUSALS_BURST; p.uid++) {
        refusals_add(&refusals, &f, now_ns);
        assert_int_equal(taken(&n).role, ROLE_NONE);
        assert_string_equal(n.command, "");
    }
    refusals_add(&refusals, &f, now_ns);
    assert_false(any());
    refuse(&ann, "halt", "no"); /* and not with those who have one */
    assert_true(any());
}

/* With no room in the ring they wait; with no place, the oldest caller's makes room. */
static void test_room(void **state)
{
    static const union msg look = {.look = {.head = {.type = CMD_LOOK, .slots = 1}}};
    struct peer many = {.role = ROLE_VIEWER};
    struct msg_note n;
    (void)state;

    while (ring_push(&cmds, &look, 1))
        ;
    for (u32 i = 0; i < 3; i++)
        refuse(&ann, "boom", "no such command");
    assert_int_equal(refusals_step(&refusals, now_ns), 0);
    assert_int_equal(numbers, 7000);
    assert_int_equal(ring_avail(&cmds, 64), 64);
    ring_take(&cmds, 64);
    assert_int_equal(refusals_step(&refusals, now_ns), 1);
    taken(&n);
    assert_int_equal(n.unnoted, 2);
    for (many.uid = 1; many.uid <= 2 * REFUSALS_CALLERS; many.uid++) {
        now_ns++;
        refuse(&many, "boom", "no such command");
        assert_int_equal(taken(&n).uid, many.uid);
    }
    assert_int_equal(metric_get(&refusals.unnoted), 2);
}

/* Refused looks are nobody's concern. */
static void test_looks_are_not_noted(void **state)
{
    struct request r;
    struct refusal f = {.peer = &ann, .request = &r, .why = WHY_MATCH, .text = "none"};
    static const char line[] = "{\"command\":\"request\",\"args\":{\"number\":5}}";
    (void)state;

    assert_null(request_parse(&r, line, sizeof line - 1));
    refusals_add(&refusals, &f, now_ns);
    assert_false(any());
    request_free(&r);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(test_who_why_what),    T(test_texts_are_cut), T(test_a_flood_fills_no_disk),
        T(test_strangers_share), T(test_room),          T(test_looks_are_not_noted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
