/* test_base.c - the small ones: list, hash, sm, clock, assert. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/base/clock.h"
#include "engine/base/hash.h"
#include "engine/base/list.h"
#include "engine/base/sm.h"

struct item {
    u32 id;
    struct list node;
};

static u64 seed(void)
{
    const char *text = getenv("WB_SEED");
    return text ? strtoull(text, NULL, 0) : 1;
}

/* What `body` writes to stderr before it ends; *status is how it ends. */
static void run_child(void (*body)(void), char *err, size_t bytes, int *status)
{
    int fds[2];

    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();
    if (pid == 0) {
        signal(SIGABRT, SIG_DFL);
        dup2(fds[1], STDERR_FILENO);
        body();
        _exit(0);
    }
    close(fds[1]);
    ssize_t n = read(fds[0], err, bytes - 1);
    err[n > 0 ? n : 0] = 0;
    close(fds[0]);
    assert_int_equal(waitpid(pid, status, 0), pid);
}

/* ---- list ---- */

/* Random appends, removals and moves of 20 items against an array in order. */
static void test_property_list(void **state)
{
    struct item items[20];
    u32 order[20], used = 0;
    struct list head;

    (void)state;
    list_init(&head);
    for (u32 i = 0; i < 20; i++) {
        items[i].id = i;
        list_init(&items[i].node);
    }
    for (u32 step = 0; step < 20000; step++) {
        u32 i = (u32)(hash_2u64(seed(), step, 1) % 20);
        u32 at = 0;
        while (at < used && order[at] != i)
            at++;
        assert_int_equal(list_is_linked(&items[i].node), at < used);
        bool move = hash_2u64(seed(), step, 2) & 1;
        if (at < used) {
            memmove(&order[at], &order[at + 1], (used - at - 1) * sizeof order[0]);
            used--;
        }
        if (at == used && !move && !list_is_linked(&items[i].node)) {
            list_add_tail(&head, &items[i].node);
            order[used++] = i;
        } else if (move) {
            list_move_tail(&head, &items[i].node);
            order[used++] = i;
        } else {
            list_del(&items[i].node);
        }
        u32 n = 0;
        for (struct list *l = head.next; l != &head; l = l->next)
            assert_int_equal(CONTAINER_OF(l, struct item, node)->id, order[n++]);
        assert_int_equal(n, used);
        assert_true(list_first(&head) == (used ? &items[order[0]].node : NULL));
        assert_int_equal(list_empty(&head), used == 0);
    }
}

static void add_twice(void)
{
    struct list head, node;
    list_init(&head);
    list_init(&node);
    list_add_tail(&head, &node);
    list_add_tail(&head, &node);
}

static void test_list_refuses_twice(void **state)
{
    char err[200];
    int status;

    (void)state;
    run_child(add_twice, err, sizeof err, &status);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

/* ---- hash ---- */

/* A flipped input bit changes each output bit about half the time. */
static void test_hash_avalanche(void **state)
{
    u32 flips[64] = {0};

    (void)state;
    for (u32 i = 0; i < 1000; i++) {
        u64 x = hash_u64(seed() * 1000 + i);
        for (u32 bit = 0; bit < 64; bit++) {
            u64 diff = hash_u64(x) ^ hash_u64(x ^ (1ull << bit));
            for (u32 out = 0; out < 64; out++)
                flips[out] += diff >> out & 1;
        }
    }
    for (u32 out = 0; out < 64; out++) /* expected 32,000 */
        assert_in_range(flips[out], 30000, 34000);
}

/* splitmix64's published first outputs for seed 0: the finalizer over multiples of the gamma. */
static void test_hash_reference(void **state)
{
    (void)state;
    assert_true(hash_u64(0x9E3779B97F4A7C15ull) == 0xE220A8397B1DCDAFull);
    assert_true(hash_u64(2 * 0x9E3779B97F4A7C15ull) == 0x6E789E6AA1B965F4ull);
    assert_true(hash_2u64(1, 2, 3) != hash_2u64(1, 3, 2));
    assert_true(hash_2u64(1, 2, 3) != hash_2u64(2, 2, 3));
}

/* ---- sm ---- */

enum { IDLE, RUNNING, DONE };

static const struct sm_state table[] = {
    [IDLE] = {"idle", 1u << RUNNING},
    [RUNNING] = {"running", 1u << IDLE | 1u << DONE},
    [DONE] = {"done", 0},
};

static void move_illegally(void)
{
    u8 s = DONE;
    sm_move(table, &s, IDLE);
}

static void test_sm(void **state)
{
    char err[200];
    int status;
    u8 s = IDLE;

    (void)state;
    sm_move(table, &s, RUNNING);
    sm_move(table, &s, IDLE);
    sm_move(table, &s, RUNNING);
    sm_move(table, &s, DONE);
    assert_int_equal(s, DONE);
    run_child(move_illegally, err, sizeof err, &status);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_non_null(strstr(err, "done"));
    assert_non_null(strstr(err, "idle"));
}

/* ---- clock ---- */

static void test_clock(void **state)
{
    (void)state;
    clock_init();
    u64 before = clock_now_ns();
    assert_true(before > 1700000000ull * NS_PER_SEC); /* after 2023, in nanoseconds since 1970 */
    for (u32 i = 0; i < 10000; i++) {
        u64 now = clock_now_ns();
        assert_true(now >= before);
        before = now;
    }
    clock_sleep_ns(2 * NS_PER_MS);
    u64 slept = clock_now_ns() - before;
    assert_true(slept >= 2 * NS_PER_MS && slept < 5 * NS_PER_SEC);
    i64 step = clock_step_ns();
    assert_true(step > -(i64)NS_PER_SEC && step < (i64)NS_PER_SEC);
}

/* ---- assert ---- */

static void break_invariant(void)
{
    u32 used = 9, max = 8;
    ASSERT_LE(used, max);
}

static void test_assert_prints_both_values(void **state)
{
    char err[200];
    int status;

    (void)state;
    ASSERT_EQ(1, 1);
    run_child(break_invariant, err, sizeof err, &status);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    assert_non_null(strstr(err, "test_base.c:"));
    assert_non_null(strstr(err, "used <= max (9, 8)"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_property_list),
        cmocka_unit_test(test_list_refuses_twice),
        cmocka_unit_test(test_hash_avalanche),
        cmocka_unit_test(test_hash_reference),
        cmocka_unit_test(test_sm),
        cmocka_unit_test(test_clock),
        cmocka_unit_test(test_assert_prints_both_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
