/*
 * test_archive.c - what goes into an archive: whole segments, pieces and manifests of days, each
 * once, in order, and never anything that is not durable; over failures and damage.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <errno.h>

#include "engine/base/metrics.h"
#include "persist/journal_format.h"
#include "tests/lib/archive_rig.h"

/* ---- tests ---- */

static void all_of_it_test(void **state)
{
    (void)state;
    archive_rig_start();
    archive_rig_grow(DAY_EVERY * 3 + 20);
    archive_rig_settle();
    u64 segments = archive_rig_segments();
    assert_true(segments > 3);
    assert_int_equal(archive_rig_manifests(), 3);
    u64 passed = durable_get(archive_passed(rig.archive));
    assert_true(passed > 0 && passed < durable_get(persist_stored(rig.process.persist)));
    assert_int_equal(metrics_sum("wirebook_archive_files_total"), rig.hook.used);
    assert_int_equal(metrics_sum("wirebook_archive_seq"), passed);
    archive_rig_end();
}

/* `passed` promises that no transaction up to it stands in a segment that is not there. */
static void passed_test(void **state)
{
    (void)state;
    archive_rig_start();
    for (u32 i = 0; i < 120; i++) {
        archive_rig_grow(1);
        rig.hook.fail_next = i % 3 == 0 ? -EIO : 0;
        archive_rig_settle();
        u64 passed = durable_get(archive_passed(rig.archive));
        char name[DISK_NAME_MAX];
        segment_name(archive_rig_segments() + 1, name);
        const struct fake_file *f = fake_disk_file(rig.fd, name);
        if (!f)
            continue;
        struct block b;
        memcpy(&b, f->data, sizeof b);
        if (!block_check(&b, SHARD) && b.head.first_seq != 0)
            assert_true(passed < b.head.first_seq);
    }
    archive_rig_end();
}

/* Nothing is said to be there that failed; it comes later, and what is behind it waits. */
static void failures_test(void **state)
{
    (void)state;
    archive_rig_start();
    rig.hook.slow = 3;
    archive_rig_grow(DAY_EVERY + 30);
    for (u32 turn = 0; turn < 4000; turn++) {
        if (turn % 7 == 0)
            rig.hook.fail_next = turn % 2 ? -EIO : -EEXIST;
        u64 before = durable_get(archive_passed(rig.archive));
        archive_do_work(rig.archive, rig.now_ns);
        rig.now_ns += turn % 50 == 0 ? 100 * NS_PER_SEC : NS_PER_MS;
        assert_true(durable_get(archive_passed(rig.archive)) >= before);
        archive_rig_segments();
    }
    rig.hook.fail_next = 0;
    archive_rig_settle();
    assert_true(metrics_sum("wirebook_archive_failed_total") > 3);
    assert_true(archive_rig_segments() > 1);
    assert_int_equal(archive_rig_manifests(), 1);
    archive_rig_end();
}

/* A block that rots is not archived, and nothing behind it; the rest of the venue goes on. */
static void damage_test(void **state)
{
    (void)state;
    archive_rig_start();
    archive_rig_grow(60);
    fake_disk_file(rig.fd, "0000000000000002.journal")->data[BLOCK_BYTES + 999] ^= 4;
    archive_rig_settle();
    assert_int_equal(archive_rig_segments(), 1);
    assert_int_equal(metrics_sum("wirebook_archive_failed_total"), 1);
    assert_false(archive_do_work(rig.archive, rig.now_ns));
    archive_rig_end();
}

/* What is not on stable storage cannot be archived, even if it can be read. */
static void not_durable_test(void **state)
{
    (void)state;
    archive_rig_start();
    archive_rig_grow(20);
    archive_rig_settle();
    u64 segments = archive_rig_segments();
    rig.fd->automatic = false; /* written, never reaped */
    fake_process_send(&rig.process, 100);
    for (u32 i = 0; i < 50; i++)
        persist_do_work(rig.process.persist, 0);
    archive_rig_settle();
    assert_int_equal(archive_rig_segments(), segments);
    persist_free(rig.process.persist);
    archive_free(rig.archive);
    fake_disk_cut(rig.fd, 0);
    fake_process_end(&rig.process);
    metrics_reset();
}

/* Segments that were removed behind its back are said, and the rest is archived. */
static void removed_test(void **state)
{
    (void)state;
    archive_rig_start();
    archive_rig_grow(60);
    rig.fd->disk.ops->unlink(&rig.fd->disk, "0000000000000001.journal");
    archive_rig_settle();
    assert_null(archive_rig_stored(PREFIX "0000000000000001.journal"));
    assert_non_null(archive_rig_stored(PREFIX "0000000000000002.journal"));
    archive_rig_end();
}

/* One goes that is due, or the disk cannot be listed: said, tried again, and nobody falls over. */
static void due_removed_test(void **state)
{
    (void)state;
    archive_rig_start();
    rig.hook.fail_next = -EIO;
    archive_rig_grow(60);
    for (u32 turn = 0; turn < 50; turn++)
        archive_do_work(rig.archive, rig.now_ns); /* the first segment fails and is put off */
    struct fake_file *f = fake_disk_file(rig.fd, "0000000000000001.journal");
    char name[DISK_NAME_MAX];
    memcpy(name, f->name, sizeof name);
    memcpy(f->name, "gone", sizeof "gone");
    for (u32 turn = 0; turn < 50; turn++)
        archive_do_work(rig.archive, rig.now_ns += 100 * NS_PER_SEC);
    assert_int_equal(archive_rig_segments(), 0);
    assert_true(metrics_sum("wirebook_archive_failed_total") > 1);
    memcpy(f->name, name, sizeof name); /* back from a copy */
    archive_rig_settle();
    assert_true(archive_rig_segments() > 3);
    archive_rig_end();
}

#define T(name) cmocka_unit_test_setup_teardown(name, archive_rig_setup, archive_rig_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(all_of_it_test),   T(passed_test),  T(failures_test),    T(damage_test),
        T(not_durable_test), T(removed_test), T(due_removed_test),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
