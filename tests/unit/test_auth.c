/* test_auth.c - passwords, the remembered digest, limits per address, queues, secrets wiped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "engine/base/log.h"
#include "engine/base/mem.h"
#include "engine/base/metrics.h"
#include "gateway/session/auth.h"
#include "gateway/session/auth_memory.h"
#include "tests/lib/auth_rig.h"

static char hash[AUTH_HASH_BYTES]; /* of SECRET1; made once: it takes its time */

static void put(struct auth_rig *r, const char *user, const char *password, u32 ipv4)
{
    struct auth_request q = {.conn = ++r->conn, .peer_ipv4 = ipv4};

    memcpy(q.user, user, 6);
    memcpy(q.password, password, 10);
    assert_true(ring_push(&r->requests, &q, 1));
}

/* The next answer's connection, and its result. */
static u64 get(struct auth_rig *r, enum auth_result *result)
{
    struct auth_answer a = {0};

    if (ring_avail(&r->answers, 1) == 0)
        return 0;
    memcpy(&a, ring_at(&r->answers, 0), sizeof a);
    ring_take(&r->answers, 1);
    *result = (enum auth_result)a.result;
    return a.conn;
}

static void test_right_wrong_unknown(void **state)
{
    struct auth_rig r;
    (void)state;

    auth_rig_open(&r, 0);
    assert_int_equal(auth_rig_ask(&r, "ALICE ", "SECRET1   ", 1), AUTH_BAD); /* nobody is known */
    assert_true(auth_user_set(r.auth, "ALICE ", hash));
    assert_int_equal(auth_rig_ask(&r, "ALICE ", "SECRET1   ", 1), AUTH_OK);
    assert_int_equal(auth_rig_ask(&r, "ALICE ", "SECRET1   ", 1), AUTH_OK);
    assert_int_equal(auth_rig_ask(&r, "ALICE ", "SECRET2   ", 1),
                     AUTH_BAD); /* also when remembered */
    assert_int_equal(auth_rig_ask(&r, "ALICE ", "SECRET1   ", 1), AUTH_OK);
    assert_int_equal(auth_rig_ask(&r, "BOB   ", "SECRET1   ", 1), AUTH_BAD);
    auth_rig_close(&r);
}

/* Time that this thread has computed: what else the machine does is not measured. */
static u64 cpu_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (u64)t.tv_sec * NS_PER_SEC + (u64)t.tv_nsec;
}

static void test_second_time_is_cheap_and_unknown_is_not(void **state)
{
    struct auth_rig r;
    u64 t[4];
    (void)state;

    auth_rig_open(&r, 0);
    auth_user_set(r.auth, "ALICE ", hash);
    t[0] = cpu_ns();
    auth_rig_ask(&r, "ALICE ", "SECRET1   ", 1);
    t[1] = cpu_ns();
    auth_rig_ask(&r, "ALICE ", "SECRET1   ", 1);
    t[2] = cpu_ns();
    auth_rig_ask(&r, "NOBODY", "SECRET1   ", 1);
    t[3] = cpu_ns();
    assert_true((t[1] - t[0]) / 4 > t[2] - t[1]);
    assert_true((t[3] - t[2]) * 4 > t[1] - t[0]);
    auth_rig_close(&r);
}

static void test_new_hash_forgets_the_digest(void **state)
{
    static char other[AUTH_HASH_BYTES];
    struct auth_rig r;
    (void)state;

    assert_true(auth_hash("changed", other));
    auth_rig_open(&r, 0);
    auth_user_set(r.auth, "ALICE ", hash);
    assert_int_equal(auth_rig_ask(&r, "ALICE ", "SECRET1   ", 1), AUTH_OK);
    assert_true(auth_user_set(r.auth, "ALICE ", other));
    assert_int_equal(auth_rig_ask(&r, "ALICE ", "SECRET1   ", 1), AUTH_BAD);
    assert_int_equal(auth_rig_ask(&r, "ALICE ", "CHANGED   ", 1), AUTH_OK);
    auth_rig_close(&r);
}

/* While a user changes from one password to the other both are right, and nothing else is. */
static void test_two_passwords(void **state)
{
    static char other[AUTH_HASH_BYTES];
    struct auth_rig r;
    (void)state;

    assert_true(auth_hash("changed", other));
    auth_rig_open(&r, 0);
    auth_user_set(r.auth, "ALICE ", hash);
    assert_int_equal(auth_rig_ask(&r, "ALICE ", "CHANGED   ", 1), AUTH_BAD);
    assert_false(auth_user_next(r.auth, "ALICE ", "changed"));
    assert_true(auth_user_next(r.auth, "ALICE ", other));
    for (u32 i = 0; i < 2; i++) { /* the slow way, then as remembered */
        assert_int_equal(auth_rig_ask(&r, "ALICE ", "SECRET1   ", 1), AUTH_OK);
        assert_int_equal(auth_rig_ask(&r, "ALICE ", "CHANGED   ", 1), AUTH_OK);
        assert_int_equal(auth_rig_ask(&r, "ALICE ", "SECRET2   ", 1), AUTH_BAD);
    }
    assert_true(auth_user_set(r.auth, "ALICE ", other)); /* the old one goes */
    assert_int_equal(auth_rig_ask(&r, "ALICE ", "SECRET1   ", 1), AUTH_BAD);
    assert_int_equal(auth_rig_ask(&r, "ALICE ", "CHANGED   ", 1), AUTH_OK);
    auth_rig_close(&r);
}

static void test_too_many_failures(void **state)
{
    struct auth_rig r;
    (void)state;

    auth_rig_open(&r, 3);
    auth_user_set(r.auth, "ALICE ", hash);
    for (u32 i = 0; i < 3; i++)
        assert_int_equal(auth_rig_ask(&r, "ALICE ", "WRONG     ", 7), AUTH_BAD);
    assert_int_equal(auth_rig_ask(&r, "ALICE ", "SECRET1   ", 7),
                     AUTH_LIMITED);                                         /* even the right one */
    assert_int_equal(auth_rig_ask(&r, "ALICE ", "SECRET1   ", 8), AUTH_OK); /* from elsewhere */
    r.now_ns += 60 * NS_PER_SEC;
    assert_int_equal(auth_rig_ask(&r, "ALICE ", "SECRET1   ", 7), AUTH_OK);
    assert_int_equal(auth_rig_ask(&r, "ALICE ", "WRONG     ", 7), AUTH_BAD); /* counted anew */
    assert_int_equal(auth_rig_ask(&r, "ALICE ", "SECRET1   ", 7), AUTH_OK);
    auth_rig_close(&r);
}

static void test_requests_are_wiped_and_answers_wait(void **state)
{
    struct auth_rig r;
    struct auth_request q = {.conn = 1, .peer_ipv4 = 1};
    static const u8 zero[SLOT_BYTES];
    (void)state;

    auth_rig_open(&r, 0);
    memcpy(q.password, "SECRET1   ", 10);
    for (u32 i = 0; i < 8; i++)
        ring_push(&r.answers, &q, 1); /* full */
    ring_push(&r.requests, &q, 1);
    assert_int_equal(auth_do_work(r.auth, 1), 0); /* nowhere to answer: it stays */
    ring_avail(&r.answers, 8);
    ring_take(&r.answers, 8);
    assert_int_equal(auth_do_work(r.auth, 1), 1);
    assert_memory_equal(&r.requests.slots[0], zero, sizeof zero);
    auth_rig_close(&r);
}

/* A remembered password is answered before hashes that others wait for; a full queue refuses. */
static void test_known_ones_overtake(void **state)
{
    struct auth_rig r;
    enum auth_result result;
    (void)state;

    auth_rig_open(&r, 0);
    auth_user_set(r.auth, "ALICE ", hash);
    assert_int_equal(auth_rig_ask(&r, "ALICE ", "SECRET1   ", 1), AUTH_OK);
    for (u32 i = 0; i < AUTH_RIG_WAITING_MAX + 1; i++)
        put(&r, "ALICE ", "WRONG     ", 7);
    put(&r, "ALICE ", "SECRET1   ", 1);
    assert_int_equal(auth_do_work(r.auth, r.now_ns), 3);
    assert_int_equal(get(&r, &result), 6); /* there was no place for it */
    assert_int_equal(result, AUTH_LIMITED);
    assert_int_equal(get(&r, &result), 7); /* the right one, last to come */
    assert_int_equal(result, AUTH_OK);
    assert_int_equal(get(&r, &result), 2);
    assert_int_equal(result, AUTH_BAD);
    assert_int_equal(get(&r, &result), 0);
    for (u32 i = 3; i <= 5; i++) { /* one hash a turn */
        assert_int_equal(auth_do_work(r.auth, r.now_ns), 1);
        assert_int_equal(get(&r, &result), i);
        assert_int_equal(result, AUTH_BAD);
    }
    assert_int_equal(auth_do_work(r.auth, r.now_ns), 0);
    auth_rig_close(&r);
}

/* Addresses with a failure get one hash in four while others wait, and never none. */
static void test_suspects_wait_apart(void **state)
{
    static const u64 order[] = {4, 5, 2, 6, 3}; /* hashes 1 to 5 behind the first one */
    struct auth_rig r;
    enum auth_result result;
    (void)state;

    auth_rig_open(&r, 0);
    auth_user_set(r.auth, "ALICE ", hash);
    assert_int_equal(auth_rig_ask(&r, "ALICE ", "WRONG     ", 7), AUTH_BAD);
    put(&r, "ALICE ", "WRONG     ", 7);
    put(&r, "ALICE ", "WRONG     ", 7);
    for (u32 i = 0; i < 3; i++)
        put(&r, "NOBODY", "WRONG     ", 8 + i);
    for (u32 i = 0; i < ARRAY_LEN(order); i++) {
        auth_do_work(r.auth, r.now_ns);
        assert_int_equal(get(&r, &result), order[i]);
    }
    auth_rig_close(&r);
}

/* What came while an address had no failure yet is refused once it has too many. */
static void test_limit_counts_for_those_that_wait(void **state)
{
    struct auth_rig r;
    enum auth_result result;
    (void)state;

    auth_rig_open(&r, 2);
    auth_user_set(r.auth, "ALICE ", hash);
    for (u32 i = 0; i < 4; i++)
        put(&r, "ALICE ", "WRONG     ", 7);
    for (u32 i = 1; i <= 4; i++) {
        auth_do_work(r.auth, r.now_ns);
        assert_int_equal(get(&r, &result), i);
        assert_int_equal(result, i <= 2 ? AUTH_BAD : AUTH_LIMITED);
    }
    auth_rig_close(&r);
}

/* --- over a restart --- */

struct place {
    char dir[64];
    char file[96];
};

static void place_open(struct place *p)
{
    snprintf(p->dir, sizeof p->dir, "/tmp/wirebook-test_auth-XXXXXX");
    assert_non_null(mkdtemp(p->dir));
    snprintf(p->file, sizeof p->file, "%s/auth_digests", p->dir);
}

static void place_close(struct place *p)
{
    unlink(p->file);
    assert_int_equal(rmdir(p->dir), 0);
}

/* A process' start: the users of the accounts file, then what is remembered. */
static void rig_restart(struct auth_rig *r, const struct place *p, const char *first,
                        const char *next)
{
    auth_rig_open(r, 0);
    assert_true(auth_user_set(r->auth, "ALICE ", first));
    if (next != NULL)
        assert_true(auth_user_next(r->auth, "ALICE ", next));
    auth_register_metrics(r->auth);
    assert_true(auth_remember(r->auth, p->dir, 1));
}

static void test_restart_costs_no_hash(void **state)
{
    struct place p;
    struct auth_rig r;
    struct stat st;
    (void)state;

    place_open(&p);
    for (u32 life = 0; life < 3; life++) {
        rig_restart(&r, &p, hash, NULL);
        assert_int_equal(metrics_sum("wirebook_auth_recalled_total"), life > 0);
        assert_int_equal(auth_rig_ask(&r, "ALICE ", "SECRET1   ", 1), AUTH_OK);
        assert_int_equal(metrics_sum("wirebook_auth_hashed_total"), life == 0);
        assert_int_equal(auth_rig_ask(&r, "ALICE ", "SECRET2   ", 1), AUTH_BAD);
        assert_int_equal(auth_rig_ask(&r, "BOB   ", "SECRET1   ", 1), AUTH_BAD);
        assert_int_equal(metrics_sum("wirebook_auth_hashed_total"), life == 0 ? 3 : 2);
        auth_rig_close(&r);
        metrics_reset();
        assert_int_equal(stat(p.file, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
        assert_int_equal(st.st_size, sizeof(struct auth_record));
    }
    place_close(&p);
}

/* Another hash, even of the same password, is none that was seen; rotated ones are remembered. */
static void test_changed_hash_is_not_recalled(void **state)
{
    static char other[AUTH_HASH_BYTES];
    struct place p;
    struct auth_rig r;
    (void)state;

    assert_true(auth_hash("changed", other));
    place_open(&p);
    rig_restart(&r, &p, hash, other);
    assert_int_equal(auth_rig_ask(&r, "ALICE ", "SECRET1   ", 1), AUTH_OK);
    assert_int_equal(auth_rig_ask(&r, "ALICE ", "CHANGED   ", 1), AUTH_OK);
    auth_rig_close(&r);
    metrics_reset();
    rig_restart(&r, &p, other, NULL); /* the new one has become the only one */
    assert_int_equal(metrics_sum("wirebook_auth_recalled_total"), 1);
    assert_int_equal(auth_rig_ask(&r, "ALICE ", "CHANGED   ", 1), AUTH_OK);
    assert_int_equal(metrics_sum("wirebook_auth_hashed_total"), 0);
    assert_int_equal(auth_rig_ask(&r, "ALICE ", "SECRET1   ", 1), AUTH_BAD);
    auth_rig_close(&r);
    metrics_reset();
    rig_restart(&r, &p, hash, NULL); /* and back: the old record is gone for good */
    assert_int_equal(metrics_sum("wirebook_auth_recalled_total"), 0);
    auth_rig_close(&r);
    metrics_reset();
    place_close(&p);
}

/* The file alone is worth nothing: under another key nothing of it is taken. */
static void test_file_without_its_key(void **state)
{
    struct place p, q;
    struct auth_rig r;
    (void)state;

    place_open(&p);
    place_open(&q);
    rig_restart(&r, &p, hash, NULL);
    assert_int_equal(auth_rig_ask(&r, "ALICE ", "SECRET1   ", 1), AUTH_OK);
    auth_rig_close(&r);
    metrics_reset();
    assert_int_equal(rename(p.file, q.file), 0); /* the other directory has its own key */
    rig_restart(&r, &q, hash, NULL);
    assert_int_equal(metrics_sum("wirebook_auth_recalled_total"), 0);
    assert_int_equal(auth_rig_ask(&r, "ALICE ", "SECRET1   ", 1), AUTH_OK);
    assert_int_equal(metrics_sum("wirebook_auth_hashed_total"), 1);
    auth_rig_close(&r);
    metrics_reset();
    place_close(&p);
    place_close(&q);
}

static char said[512];
static u32 said_times;

static void listen(const struct log_record *rec)
{
    if (strstr(rec->text, "damaged")) {
        snprintf(said, sizeof said, "%s", rec->text);
        said_times++;
    }
}

/* A byte of a record that has rotted, a record cut short: slower at most, never another answer. */
static void test_rotten_record(void **state)
{
    u8 record[sizeof(struct auth_record)];
    struct place p;
    struct auth_rig r;
    (void)state;

    place_open(&p);
    rig_restart(&r, &p, hash, NULL);
    assert_int_equal(auth_rig_ask(&r, "ALICE ", "SECRET1   ", 1), AUTH_OK);
    auth_rig_close(&r);
    metrics_reset();
    FILE *f = fopen(p.file, "r");
    assert_int_equal(fread(record, sizeof record, 1, f), 1);
    fclose(f);
    for (size_t at = 0; at < 2 * sizeof record; at += 19) {
        u8 bad[sizeof record];
        memcpy(bad, record, sizeof bad);
        bad[at % sizeof bad] ^= (u8)(1u << at % 8);
        f = fopen(p.file, "w");
        fwrite(bad, at < sizeof bad ? sizeof bad : at - sizeof bad, 1, f);
        fclose(f);
        said_times = 0;
        log_writer_set(listen);
        rig_restart(&r, &p, hash, NULL);
        log_writer_set(NULL);
        assert_int_equal(said_times, at != sizeof bad); /* an empty file is none */
        if (said_times > 0)
            assert_non_null(strstr(said, at < sizeof bad ? "auth_digests, offset 0: damaged: check"
                                                         : "auth_digests, offset 0: damaged: cut"));
        assert_int_equal(auth_rig_ask(&r, "ALICE ", "WRONG     ", 1), AUTH_BAD);
        assert_int_equal(auth_rig_ask(&r, "ALICE ", "SECRET1   ", 1), AUTH_OK);
        auth_rig_close(&r);
        metrics_reset();
    }
    place_close(&p);
}

/* Bytes that are no records, a half one at the end, a directory that takes no file. */
static void test_broken_file(void **state)
{
    static const char noise[100] = "ALICE  not a record";
    struct place p;
    struct auth_rig r;
    (void)state;

    place_open(&p);
    FILE *f = fopen(p.file, "w");
    assert_int_equal(fwrite(noise, 1, sizeof noise, f), sizeof noise);
    fclose(f);
    rig_restart(&r, &p, hash, NULL);
    assert_int_equal(auth_rig_ask(&r, "ALICE ", "WRONG     ", 1), AUTH_BAD);
    assert_int_equal(auth_rig_ask(&r, "ALICE ", "SECRET1   ", 1), AUTH_OK);
    auth_rig_close(&r);
    metrics_reset();
    place_close(&p);
    auth_rig_open(&r, 0);
    assert_false(auth_remember(r.auth, "/nowhere", 1));
    assert_true(auth_user_set(r.auth, "ALICE ", hash));
    assert_int_equal(auth_rig_ask(&r, "ALICE ", "SECRET1   ", 1), AUTH_OK);
    auth_rig_close(&r);
}

static void test_what_is_no_hash(void **state)
{
    struct auth_rig r;
    char text[AUTH_HASH_BYTES];
    (void)state;

    auth_rig_open(&r, 0);
    assert_false(auth_user_set(r.auth, "ALICE ", ""));
    assert_false(auth_user_set(r.auth, "ALICE ", "SECRET1"));
    assert_false(auth_user_set(r.auth, "ALICE ", "$argon2id$v=19$m=1,t=1,p=1$x$y"));
    assert_true(auth_user_set(r.auth, "ALICE ", hash));
    assert_true(auth_user_set(r.auth, "BOB   ", hash));
    assert_false(auth_user_set(r.auth, "CAROL ", hash)); /* no room */
    assert_false(auth_hash("", text));
    assert_false(auth_hash("elevenchars", text));
    assert_false(auth_hash("a b", text));
    auth_rig_close(&r);
}

static int make_hash(void **state)
{
    (void)state;
    return auth_hash("secret1", hash) ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_right_wrong_unknown),
        cmocka_unit_test(test_second_time_is_cheap_and_unknown_is_not),
        cmocka_unit_test(test_new_hash_forgets_the_digest),
        cmocka_unit_test(test_two_passwords),
        cmocka_unit_test(test_too_many_failures),
        cmocka_unit_test(test_requests_are_wiped_and_answers_wait),
        cmocka_unit_test(test_known_ones_overtake),
        cmocka_unit_test(test_suspects_wait_apart),
        cmocka_unit_test(test_limit_counts_for_those_that_wait),
        cmocka_unit_test(test_restart_costs_no_hash),
        cmocka_unit_test(test_changed_hash_is_not_recalled),
        cmocka_unit_test(test_file_without_its_key),
        cmocka_unit_test(test_rotten_record),
        cmocka_unit_test(test_broken_file),
        cmocka_unit_test(test_what_is_no_hash),
    };
    return cmocka_run_group_tests(tests, make_hash, NULL);
}
