/* test_mem.c - arenas: zeroed, aligned, disjoint, sealed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/base/hash.h"
#include "engine/base/mem.h"
#include "tests/lib/memory_policy.h"

static bool all_zero(const u8 *p, u64 bytes)
{
    for (u64 i = 0; i < bytes; i++)
        if (p[i] != 0)
            return false;
    return true;
}

/* Many blocks of odd sizes: each comes zeroed and aligned, and none touches another. */
static void test_property_disjoint(void **state)
{
    enum { BLOCKS = 500 };
    static u8 *blocks[BLOCKS];
    static u64 sizes[BLOCKS];
    struct mem m;
    u64 asked = 0;

    (void)state;
    mem_init(&m, 0);
    for (u32 i = 0; i < BLOCKS; i++) {
        u64 align = 1ull << (hash_2u64(1, i, 0) % 13);
        sizes[i] = 1 + hash_2u64(1, i, 1) % (i % 100 == 0 ? 5000000 : 20000);
        blocks[i] = mem_alloc(&m, sizes[i], align);
        assert_int_equal((uintptr_t)blocks[i] % align, 0);
        assert_true(all_zero(blocks[i], sizes[i]));
        memset(blocks[i], (int)(i & 0xFF) | 1, sizes[i]);
        asked += sizes[i];
    }
    for (u32 i = 0; i < BLOCKS; i++)
        for (u64 b = 0; b < sizes[i]; b++)
            if (blocks[i][b] != ((i & 0xFF) | 1))
                fail_msg("block %u was overwritten at %llu", i, (unsigned long long)b);
    assert_true(m.used_bytes >= asked);
    mem_free_all(&m);
    assert_int_equal(m.regions_used, 0);
    assert_int_equal(m.used_bytes, 0);
}

/* With or without huge pages on this machine, the memory is there. */
static void test_huge_falls_back(void **state)
{
    struct mem m;

    (void)state;
    mem_init(&m, MEM_HUGE | MEM_POPULATE);
    u8 *p = mem_alloc(&m, 3 << 20, 64);
    assert_true(all_zero(p, 3 << 20));
    p[(3 << 20) - 1] = 1;
    u64 huge = mem_huge_bytes(&m);
    assert_true(huge == 0 || huge == 4 << 20);
    mem_free_all(&m);
    assert_int_equal(mem_huge_bytes(&m), 0);
}

/* Memory from a node lies apart from the rest. Every machine has node 0. */
static void test_memory_of_a_node(void **state)
{
    struct mem m;

    (void)state;
    mem_init(&m, MEM_HUGE | MEM_POPULATE);
    u8 *before = mem_alloc(&m, 100, 64);
    mem_node(&m, 0);
    u8 *there = mem_alloc(&m, 3 << 20, 64);
    u8 *also = mem_alloc(&m, 100, 64);
    mem_node(&m, 0); /* no change, no new region */
    assert_ptr_equal(mem_alloc(&m, 100, 64), also + 128);
    mem_node(&m, -1);
    u8 *after = mem_alloc(&m, 100, 64);
    assert_true(all_zero(there, 3 << 20));
    assert_int_equal(m.regions_used, 3);
    if (memory_policies()) {
        assert_int_equal(memory_node(there), 0);
        assert_int_equal(memory_node(also), 0);
        assert_int_equal(memory_node(before), -1);
        assert_int_equal(memory_node(after), -1);
    }
    mem_free_all(&m);
}

/* An arena given back can be filled again. */
static void test_free_and_again(void **state)
{
    struct mem m;

    (void)state;
    mem_init(&m, 0);
    for (u32 round = 0; round < 3; round++) {
        u8 *p = mem_alloc(&m, 1000, 8);
        assert_true(all_zero(p, 1000));
        memset(p, 0xFF, 1000);
        mem_seal(&m);
        mem_free_all(&m);
    }
}

static int status_of(void (*body)(struct mem *))
{
    struct mem m;
    int status;

    mem_init(&m, 0);
    mem_alloc(&m, 64, 64);
    pid_t pid = fork();
    if (pid == 0) {
        signal(SIGABRT, SIG_DFL);
        fclose(stderr);
        body(&m);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    mem_free_all(&m);
    return status;
}

static void alloc_sealed(struct mem *m)
{
    mem_seal(m);
    mem_alloc(m, 1, 1);
}

static void alloc_misaligned(struct mem *m)
{
    mem_alloc(m, 1, 3);
}

static void alloc_impossible(struct mem *m)
{
    mem_alloc(m, 1ull << 62, 1);
}

static void test_misuse_and_exhaustion(void **state)
{
    (void)state;
    assert_true(WIFSIGNALED(status_of(alloc_sealed)));
    assert_true(WIFSIGNALED(status_of(alloc_misaligned)));
    int status = status_of(alloc_impossible);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_property_disjoint),     cmocka_unit_test(test_huge_falls_back),
        cmocka_unit_test(test_memory_of_a_node),      cmocka_unit_test(test_free_and_again),
        cmocka_unit_test(test_misuse_and_exhaustion),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
