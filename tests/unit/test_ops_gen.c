/*
 * test_ops_gen.c - the workload's generator makes what the format's other implementation made.
 *
 * The constants were taken from that one: golden values from its header, and a CRC over its file.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "engine/base/crc32c.h"
#include "tests/lib/ops_gen.h"

static u32 crc_of(const struct ops *o)
{
    u32 crc = crc32c(0, &o->header, sizeof o->header);
    return crc32c(crc, o->records, (o->header.nwarm + o->header.nops) * sizeof *o->records);
}

static void test_dense(void **state)
{
    struct ops o;
    (void)state;

    ops_generate(&o, 3, 2000, 20000, 5, false);
    assert_int_equal(crc_of(&o), 0xE22E3C97);
    free(o.records);
}

static void test_sparse(void **state)
{
    struct ops o;
    (void)state;

    ops_generate(&o, 100, 20000, 200000, 7, true);
    assert_int_equal(o.header.traded_qty, 1812718);
    assert_int_equal(o.header.trades, 15993);
    assert_int_equal(o.header.fill_hash, 0x4386A94ACD3B789C);
    assert_int_equal(o.header.resting, 23857);
    assert_int_equal(o.header.rejects, 827);
    assert_int_equal(o.header.max_id, 119686);
    assert_int_equal(crc_of(&o), 0x560978BC);
    free(o.records);
}

static void test_files(void **state)
{
    char path[] = "/tmp/wirebook-ops-XXXXXX";
    int fd = mkstemp(path);
    struct ops a, b;
    (void)state;

    assert_true(fd >= 0);
    close(fd);
    ops_generate(&a, 2, 100, 1000, 5, false);
    assert_null(ops_write(&a, path));
    assert_null(ops_read(&b, path));
    assert_int_equal(crc_of(&a), crc_of(&b));
    free(b.records);
    assert_int_equal(truncate(path, 2000), 0);
    assert_string_equal(ops_read(&b, path), "is shorter than its header says");
    free(b.records);
    assert_int_equal(truncate(path, 100), 0);
    assert_string_equal(ops_read(&b, path), "is not a workload of version 1");
    unlink(path);
    assert_string_equal(ops_read(&b, path), "cannot be opened");
    free(a.records);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dense),
        cmocka_unit_test(test_sparse),
        cmocka_unit_test(test_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
