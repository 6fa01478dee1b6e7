/* test_postgres_text.c - what is said to a server, which host is next, how errors are read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "persist/postgres_text.h"

static const struct postgres_claim claim = {.shard = 3,
                                            .epoch = 5,
                                            .process_id = 0xabc,
                                            .journal_id = 0xfedcba9876543210,
                                            .claim = 7,
                                            .lock_wait_ms = 800};

static void test_claim(void **state)
{
    char query[POSTGRES_QUERY_BYTES];

    (void)state;
    postgres_text_claim(query, &claim);
    assert_non_null(strstr(query, "set lock_timeout = 800; insert into export_mark"));
    assert_non_null(strstr(query, "values (3, 5, '0000000000000abc', 'fedcba9876543210', 1) "
                                  "on conflict"));
    assert_non_null(strstr(query,
                           "where m.journal = excluded.journal and (m.epoch < excluded.epoch "
                           "or m.epoch = excluded.epoch and m.process = excluded.process) "
                           "returning claim, seq"));
    assert_non_null(strstr(
        query, "select epoch, coalesce(journal, 'unknown') from export_mark where shard = 3"));
}

static void test_batch(void **state)
{
    char query[POSTGRES_QUERY_BYTES];
    struct copy_batch b = {0};
    const struct sink_mark from = {.seq = 10}, to = {.seq = 20, .time_ns = 9, .day = 20261123};
    const u32 days[] = {20261123, 20261124};

    (void)state;
    b.tables[COPY_EXECUTIONS].rows = 2;
    b.tables[COPY_VENUE].rows = 1;
    postgres_text_batch(query, &claim, &b, days, 2, &from, &to);
    const char *copy = strstr(query, "copy executions (day, shard, seq, idx, ");
    assert_non_null(copy);
    assert_ptr_equal(strstr(query, "begin; select open_day('20261123'); "
                                   "select open_day('20261124'); copy executions"),
                     query);
    assert_null(strstr(query, "copy orders"));
    assert_true(strstr(query, "copy venue") > copy);
    const char *update = "update export_mark set seq = 20, time_ns = 9, moved = now(), "
                         "day = '20261123' "
                         "where shard = 3 and epoch = 5 and claim = 7 and seq = 10";
    assert_string_equal(query + strlen(query) - strlen(update), update);

    const struct sink_mark none = {.seq = 11};
    b.tables[COPY_EXECUTIONS].rows = b.tables[COPY_VENUE].rows = 0;
    postgres_text_batch(query, &claim, &b, days, 0, &from, &none);
    assert_ptr_equal(strstr(query,
                            "begin; update export_mark set seq = 11, time_ns = 0, moved = now(), "
                            "day = null where"),
                     query);

    /* All tables and days at once still fit. */
    for (u32 t = 0; t < COPY_TABLES; t++)
        b.tables[t].rows = 1;
    const u32 many[COPY_DAYS_MAX] = {20261123};
    const struct sink_mark far = {.seq = UINT64_MAX, .day = 99991231};
    postgres_text_batch(query, &claim, &b, many, COPY_DAYS_MAX, &far, &far);
    assert_true(strlen(query) < POSTGRES_QUERY_BYTES);
}

static void test_status(void **state)
{
    static const struct {
        const char *sqlstate;
        enum sink_status status;
        const char *part;
    } cases[] = {
        {NULL, SINK_LOST, "ended"},
        {"08006", SINK_LOST, "broke"},
        {"57P01", SINK_LOST, "down"},
        {"57014", SINK_REFUSED, "refuses"},
        {"25006", SINK_LOST, "writer"},
        {"40P01", SINK_LOST, "gave"},
        {"42P01", SINK_REFUSED, "scripts/migrate"},
        {"42703", SINK_REFUSED, "scripts/migrate"},
        {"42883", SINK_REFUSED, "scripts/migrate"},
        {"42501", SINK_REFUSED, "right"},
        {"55P03", SINK_LOST, "older"},
        {"23505", SINK_REFUSED, "beyond"},
        {"53100", SINK_REFUSED, "disk"},
        {"22P02", SINK_REFUSED, "refuses"},
    };

    (void)state;
    for (u32 i = 0; i < ARRAY_LEN(cases); i++) {
        const char *what = NULL;
        assert_int_equal(postgres_text_status(cases[i].sqlstate, &what), cases[i].status);
        assert_non_null(strstr(what, cases[i].part));
    }
}

static const char *value(const struct postgres_params *p, const char *key)
{
    for (u32 i = 0; p->keys[i]; i++)
        if (strcmp(p->keys[i], key) == 0)
            return p->values[i];
    return NULL;
}

static void test_hosts_in_turn(void **state)
{
    struct postgres_params given = {0}, out;

    (void)state;
    postgres_text_param(&given, "host", "a,b,c");
    postgres_text_param(&given, "port", "1,2,3");
    postgres_text_param(&given, "user", "u");
    postgres_text_param(&given, "dbname", "");
    postgres_text_param(&given, "sslmode", NULL);
    postgres_text_param(&given, "tcp_user_timeout", "99");
    for (u32 attempt = 0; attempt < 7; attempt++) {
        char host[2] = {(char)('a' + attempt % 3), '\0'},
             port[2] = {(char)('1' + attempt % 3), '\0'};
        postgres_text_attempt(&given, attempt, &out);
        assert_string_equal(value(&out, "host"), host);
        assert_string_equal(value(&out, "port"), port);
        assert_string_equal(value(&out, "user"), "u");
        assert_null(value(&out, "dbname"));
        assert_null(value(&out, "sslmode"));
        assert_string_equal(value(&out, "target_session_attrs"), "read-write");
        assert_string_equal(value(&out, "tcp_user_timeout"), "99");
        assert_null(out.keys[out.used]);
        assert_null(out.values[out.used]);
    }
}

static void test_one_port_for_all(void **state)
{
    struct postgres_params given = {0}, out;

    (void)state;
    postgres_text_param(&given, "hostaddr", "10.0.0.1,10.0.0.2");
    postgres_text_param(&given, "port", "5432");
    postgres_text_param(&given, "target_session_attrs", "any");
    postgres_text_attempt(&given, 1, &out);
    assert_string_equal(value(&out, "hostaddr"), "10.0.0.2");
    assert_string_equal(value(&out, "port"), "5432");
    assert_string_equal(value(&out, "target_session_attrs"), "any");

    struct postgres_params nothing = {0};
    postgres_text_attempt(&nothing, 5, &out);
    assert_null(value(&out, "host"));
    assert_string_equal(value(&out, "application_name"), "wirebook-export");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_claim),
        cmocka_unit_test(test_batch),
        cmocka_unit_test(test_status),
        cmocka_unit_test(test_hosts_in_turn),
        cmocka_unit_test(test_one_port_for_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
