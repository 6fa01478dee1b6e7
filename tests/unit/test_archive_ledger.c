/*
 * test_archive_ledger.c - what a process knows of the archive is its ledger: over restarts, errors
 * of the disk, and with any of it damaged or gone, each file is put once more at most, and none is
 * left out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <errno.h>

#include "engine/base/hash.h"
#include "engine/base/metrics.h"
#include "persist/archive_record.h"
#include "persist/journal_format.h"
#include "tests/lib/archive_rig.h"

/* Killed at any turn and started again, also with the ledger torn or gone. */
static void restart_test(void **state)
{
    (void)state;
    for (u64 seed = 1; seed <= 40; seed++) {
        archive_rig_start();
        rig.hook.slow = (u32)(seed % 3);
        archive_rig_grow(1 + (u32)(hash_u64(seed) % 40));
        for (u32 turn = (u32)(hash_u64(seed + 99) % 60); turn > 0; turn--)
            archive_do_work(rig.archive, rig.now_ns += NS_PER_SEC);
        archive_rig_end();
        struct fake_file *ledger = fake_disk_file(rig.fd, ARCHIVE_LEDGER);
        if (seed % 5 == 0 && ledger->bytes > 0)
            memset(ledger->data + ledger->bytes - BLOCK_BYTES / 2, 0, BLOCK_BYTES / 2);
        if (seed % 9 == 0)
            rig.fd->disk.ops->unlink(&rig.fd->disk, ARCHIVE_LEDGER);
    }
    archive_rig_start();
    archive_rig_settle();
    assert_true(archive_rig_segments() >= 20);
    assert_int_equal(durable_get(persist_stored(rig.process.persist)) / DAY_EVERY > 0, 1);
    for (u32 i = 0; i < rig.hook.used; i++)
        for (u32 k = 0; k < i; k++)
            assert_string_not_equal(rig.hook.stored[i].name, rig.hook.stored[k].name);
    archive_rig_end();
}

/*
 * Any byte of the ledger may have rotted, and it may have any length: what it says wrongly is put
 * again and found there, and no file is left out.
 */
static void ledger_damage_test(void **state)
{
    (void)state;
    archive_rig_start();
    archive_rig_grow(60);
    archive_rig_settle();
    u64 segments = archive_rig_segments();
    archive_rig_end();
    struct fake_file *ledger = fake_disk_file(rig.fd, ARCHIVE_LEDGER);
    u8 before[2 * BLOCK_BYTES];
    u64 bytes = ledger->bytes;
    assert_true(bytes <= sizeof before && segments >= 5);
    memcpy(before, ledger->data, bytes);
    for (u64 at = 0; at < segments * sizeof(struct record) + 200;
         at += getenv("WB_FULL") ? 1 : 13) {
        ledger->data[at] ^= (u8)(1u << at % 8);
        archive_rig_start();
        archive_rig_settle();
        assert_int_equal(archive_rig_segments(), segments);
        archive_rig_end();
        assert_memory_equal(ledger->data, before, segments * sizeof(struct record));
        memcpy(ledger->data, before, bytes);
    }
    for (u64 left = 0; left < segments; left++) {
        memset(ledger->data + left * sizeof(struct record) + 50, 0,
               bytes - left * sizeof(struct record) - 50);
        archive_rig_start();
        archive_rig_settle();
        assert_int_equal(archive_rig_segments(), segments);
        archive_rig_end();
    }
}

/* A file that is there and cannot be noted is not said to be there: it is put again. */
static void unnoted_test(void **state)
{
    (void)state;
    for (u32 way = 0; way < 2; way++) {
        archive_rig_start();
        archive_rig_grow(60);
        rig.fd->put_error = way == 0 ? -EIO : 0;
        rig.fd->puts_good = rig.fd->puts;
        rig.fd->fsync_error = way == 1 ? -ENOSPC : 0; /* final, too */
        archive_rig_settle();
        rig.fd->put_error = rig.fd->fsync_error = 0;
        assert_int_equal(rig.hook.used, 1);
        assert_int_equal(durable_get(archive_passed(rig.archive)), 0);
        assert_int_equal(metrics_sum("wirebook_archive_failed_total"), 1);
        assert_int_equal(archive_do_work(rig.archive, rig.now_ns), 0);
        archive_rig_end();
    }
    archive_rig_start();
    archive_rig_settle();
    assert_true(archive_rig_segments() > 3);
    assert_int_equal(rig.hook.begun,
                     rig.hook.used + 1); /* what could not be synced can still be read */
    archive_rig_end();
}

/* No space for the ledger's next block: it waits until there is some, as all else does. */
static void no_space_test(void **state)
{
    (void)state;
    archive_rig_start();
    archive_rig_grow(60);
    rig.fd->put_error = -ENOSPC;
    rig.fd->puts_good = rig.fd->puts;
    for (u32 turn = 0; turn < 50; turn++)
        archive_do_work(rig.archive, rig.now_ns += 100 * NS_PER_SEC);
    assert_int_equal(rig.hook.used, 1);
    assert_int_equal(durable_get(archive_passed(rig.archive)), 0);
    rig.fd->put_error = 0;
    archive_rig_settle();
    assert_true(archive_rig_segments() > 3);
    assert_int_equal(archive_rig_manifests(), 1);
    u32 used = rig.hook.used;
    u32 begun = rig.hook.begun;
    archive_rig_end();
    archive_rig_start(); /* the ledger has each of them once */
    archive_rig_settle();
    assert_int_equal(rig.hook.used, used);
    assert_int_equal(rig.hook.begun, begun);
    archive_rig_end();
}

/*
 * The ledger has rotted, and segments that it knew were used again: the manifest of a day that is
 * still to be read is there, and cannot be made the same again. What comes behind it is archived.
 */
static void forgotten_test(void **state)
{
    char name[DISK_NAME_MAX];

    (void)state;
    archive_rig_start();
    archive_rig_grow(DAY_EVERY + 30);
    archive_rig_settle();
    assert_int_equal(archive_rig_manifests(), 1);
    archive_rig_end();
    for (u64 segment = 1; segment <= 3; segment++) {
        segment_name(segment, name);
        rig.fd->disk.ops->unlink(&rig.fd->disk, name);
    }
    fake_disk_file(rig.fd, ARCHIVE_LEDGER)->data[sizeof(struct record) + 5] ^= 1;
    archive_rig_start();
    archive_rig_grow(DAY_EVERY);
    for (u32 turn = 0; turn < 1000; turn++)
        archive_do_work(rig.archive, rig.now_ns += 100 * NS_PER_SEC);
    assert_non_null(archive_rig_stored(PREFIX "20260102.manifest"));
    assert_true(durable_get(archive_passed(rig.archive)) > 2 * DAY_EVERY);
    archive_rig_end();
}

/* A ledger whose name a power cut could take is none to begin with. */
static void ledger_name_test(void **state)
{
    struct disk *d = &rig.fd->disk;

    (void)state;
    archive_rig_start();
    archive_free(rig.archive);
    metrics_reset();
    assert_int_equal(d->ops->unlink(d, ARCHIVE_LEDGER), 0);
    rig.fd->sync_error = -EIO;
    struct archive_conf conf = archive_rig_conf();
    rig.archive = archive_new(&conf, &rig.why);
    assert_null(rig.archive);
    assert_non_null(strstr(rig.why.text, ARCHIVE_LEDGER));
    rig.fd->sync_error = 0;
    rig.archive = archive_new(&conf, &rig.why);
    assert_non_null(rig.archive);
    archive_rig_end();
}

/* A day that is archived is not archived once more by the process that meets its end again. */
static void day_noted_test(void **state)
{
    (void)state;
    archive_rig_start();
    archive_rig_grow(DAY_EVERY); /* amid a segment */
    archive_rig_settle();
    assert_int_equal(archive_rig_manifests(), 1);
    u32 begun = rig.hook.begun;
    archive_rig_end();
    archive_rig_start();
    archive_rig_settle();
    assert_int_equal(rig.hook.begun, begun);
    archive_rig_grow(DAY_EVERY);
    archive_rig_settle();
    assert_int_equal(archive_rig_manifests(), 2);
    archive_rig_end();
}

#define T(name) cmocka_unit_test_setup_teardown(name, archive_rig_setup, archive_rig_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(restart_test),   T(ledger_damage_test), T(unnoted_test),   T(ledger_name_test),
        T(day_noted_test), T(no_space_test),      T(forgotten_test),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
