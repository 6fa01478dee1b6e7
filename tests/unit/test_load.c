/*
 * test_load.c - what the config's journal keys mean for the parts of the process: with their units.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "gateway/load.h"

/* The process' part of a config with that text. */
static const struct persist_conf *journal_of(const char *yaml)
{
    static struct conf conf;
    static struct schedule schedule;
    static struct topology_conf topology;
    static const struct placement place;
    struct refdata refs;
    char path[] = "/tmp/test_load_XXXXXX";
    int fd = mkstemp(path);

    assert_true(fd >= 0 && dprintf(fd, "%s", yaml) > 0);
    close(fd);
    assert_int_equal(load_files(path, NULL, &conf, &schedule, &refs, stderr), 0);
    unlink(path);
    refdata_free(&refs);
    load_topology(&topology, &conf, &schedule, &place);
    return &topology.persist;
}

static void test_journal(void **state)
{
    (void)state;
    const struct persist_conf *p =
        journal_of("durability: none\njournal: {segment_mb: 16, segments_ahead: 3, buffer_mb: 64, "
                   "low_space_mb: 70, hard_space_mb: 30}\n");
    assert_int_equal(p->durability, DURABILITY_NONE);
    assert_int_equal(p->segment_bytes, 16u << 20);
    assert_int_equal(p->segments_ahead, 3);
    assert_int_equal(p->buffer_blocks * (u64)BLOCK_BYTES, 64u << 20);
    assert_int_equal(p->space_low_bytes, 70u << 20);
    assert_int_equal(p->space_hard_bytes, 30u << 20);
}

/* What the config says by default is what persist has by default, the least there can be. */
static void test_journal_by_default(void **state)
{
    (void)state;
    const struct persist_conf *p = journal_of("durability: disk\n");
    assert_int_equal(p->durability, DURABILITY_DISK);
    assert_int_equal(p->buffer_blocks, JOURNAL_BUFFER_BLOCKS_MIN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_journal),
        cmocka_unit_test(test_journal_by_default),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
