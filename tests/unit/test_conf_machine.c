/*
 * test_conf_machine.c - what an operator gets wrong, as a table: each row is a config as he would
 * write it and all that `wirebook --check-config` says of it, word by word. A line names the file,
 * the line, the key, the value, what is allowed, and what to do.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/conf_machine.h"
#include "gateway/load.h"

static char dir[] = "/tmp/test_conf_machine_XXXXXX";

static void write_file(const char *name, mode_t mode, const char *text)
{
    char path[64];

    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    assert_int_equal(chmod(path, mode), 0);
}

/* `text` with each `from` as `to`; malloc. */
static char *replaced(const char *text, const char *from, const char *to)
{
    char *out = NULL;
    size_t bytes;
    FILE *f = open_memstream(&out, &bytes);

    for (const char *at; (at = strstr(text, from)); text = at + strlen(from))
        fprintf(f, "%.*s%s", (int)(at - text), text, to);
    fputs(text, f);
    fclose(f);
    return out;
}

/* All that is said of the config, with DIR for the directory; malloc. */
static char *said_of(const char *yaml)
{
    static struct conf conf;
    static struct schedule schedule;
    struct refdata refs;
    char path[64], *errors = NULL;
    char *text = replaced(yaml, "DIR", dir);
    size_t bytes;

    write_file("f.yaml", 0600, text);
    free(text);
    snprintf(path, sizeof path, "%s/f.yaml", dir);
    FILE *f = open_memstream(&errors, &bytes);
    if (load_files(path, NULL, &conf, &schedule, &refs, f) == 0)
        conf_machine_check(path, f);
    fclose(f);
    refdata_free(&refs);
    char *said = replaced(errors, dir, "DIR");
    free(errors);
    return said;
}

struct mistake {
    const char *yaml;
    const char *said;
};

static void assert_said(const struct mistake *m, u32 used)
{
    for (u32 i = 0; i < used; i++) {
        char *said = said_of(m[i].yaml);
        if (strcmp(said, m[i].said) != 0)
            fail_msg("%s\nsaid:   %swanted: %s", m[i].yaml, said, m[i].said);
        free(said);
    }
}

/* ---- wrong wherever it runs ---- */

static void test_values(void **state)
{
    static const struct mistake mistakes[] = {
        {"gateway: {heartbeat_ms: 1s}\n",
         "DIR/f.yaml:1: gateway.heartbeat_ms: 1s: not a whole number; allowed: 100 to 60000 ms\n"},
        {"journal:\n  segment_mb: 64MB\n",
         "DIR/f.yaml:2: journal.segment_mb: 64MB: not a whole number; allowed: 1 to 4096 MiB\n"},
        {"gateway:\n  listen:\n    - {port: 90000}\n",
         "DIR/f.yaml:3: gateway.listen[0].port: 90000: too large; allowed: 1 to 65535\n"},
        {"gateway: {listen: [{address: '127.0.0.1:9000', port: 9000}]}\n",
         "DIR/f.yaml:1: gateway.listen[0].address: 127.0.0.1:9000: not an IPv4 address; allowed: "
         "an IPv4 address such as 127.0.0.1\n"},
        {"gateway: {listen: ['127.0.0.1:9000']}\n",
         "DIR/f.yaml:1: gateway.listen[0]: 127.0.0.1:9000: not an item of this list; allowed: "
         "sections of keys, as in [{address: 127.0.0.1, port: 9000}]\n"},
        {"venue: {day_end: 4pm}\n",
         "DIR/f.yaml:1: venue.day_end: 4pm: not a time of day; allowed: none, or HH:MM from 00:00 "
         "to 23:59\n"},
        {"export: {redis: {enabled: on}}\n",
         "DIR/f.yaml:1: export.redis.enabled: on: neither yes nor no; allowed: yes, no\n"},
        {"exports: {postgres: {enabled: yes}}\n",
         "DIR/f.yaml:1: exports: unknown key; did you mean export?\n"},
        {"gateway:\n\theartbeat_ms: 1000\n",
         "DIR/f.yaml:2: not YAML: a tab (column 1); allowed: spaces in front of keys\n"},
        {"log: {level: info\nshard: 1\n",
         "DIR/f.yaml:2: not YAML: did not find expected ',' or '}', while parsing a flow mapping "
         "from line 1 on (column 6)\n"},
        {"export:\n  postgres:\n    enabled: yes\n    conninfo: hots=db dbname=wirebook\n",
         "DIR/f.yaml:4: export.postgres.conninfo: invalid connection option \"hots\"; allowed: "
         "host=... port=... dbname=... user=... and more of libpq's\n"},
        {"export: {postgres: {enabled: yes, conninfo: host=db S3cret}}\n", /* not repeated */
         "DIR/f.yaml:1: export.postgres.conninfo: not a connection string; allowed: host=... "
         "port=... dbname=... user=... and more of libpq's\n"},
        {"journal: {archive_to: 'S3://bucket/shard-1', archive_command: /bin/true}\n",
         "DIR/f.yaml:1: journal.archive_to: S3://bucket/shard-1: no place; allowed: "
         "s3://BUCKET/PREFIX, or a directory\n"},
    };

    (void)state;
    assert_said(mistakes, ARRAY_LEN(mistakes));
}

static void test_contradictions(void **state)
{
    static const struct mistake mistakes[] = {
        {"management: {port: 9000}\n",
         "DIR/f.yaml:1: management.port: 9000: the same port as gateway.listen[0]; allowed: one "
         "of its own\n"},
        {"control: {admins: root}\n",
         "DIR/f.yaml:1: control.admins: root: means nothing without control.socket; set that, or "
         "drop this\n"},
        {"venue: {half_closing: '13:00'}\n",
         "DIR/f.yaml:1: venue.half_closing: means nothing without a schedule; set venue.pre_open, "
         "opening, closing and closed, or drop this\n"},
        {"gateway: {listen: [{port: 9000}, {port: 9002, profile: HOUSE}]}\n",
         "DIR/f.yaml: gateway.listen[1].profile: HOUSE: no such profile; allowed: profiles of "
         "reference.profiles_file, which is not set\n"},
    };

    (void)state;
    assert_said(mistakes, ARRAY_LEN(mistakes));
}

#define HEAD                                                                               \
    "user,firm,password_hash,enabled,max_qty,max_notional,collar_percent,max_open_orders," \
    "restricted"
#define ROW                                                                                  \
    ",ALFA,\"$argon2id$v=19$m=8,t=1,p=1$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA\",yes,none,none," \
    "none,none,\n"

static void test_reference_data(void **state)
{
    static const struct mistake mistakes[] = {
        {"reference: {accounts_file: DIR/acounts.csv}\n",
         "DIR/acounts.csv: cannot be opened: No such file or directory; the config names it as "
         "reference.accounts_file; give the path of a CSV file, which counts from the working "
         "directory unless it begins with /\n"},
        {"reference: {instruments_file: DIR}\n",
         "DIR: cannot be read: Is a directory; the config names it as "
         "reference.instruments_file; give the path of a CSV file, which counts from the working "
         "directory unless it begins with /\n"},
        {"reference: {accounts_file: DIR/twice.csv}\n",
         "DIR/twice.csv:4: user: ANNA: given twice, before in line 2; allowed: each once\n"},
        {"reference: {accounts_file: DIR/column.csv}\n",
         "DIR/column.csv:1: max_quantity: unknown column; allowed: user, firm, password_hash, "
         "enabled, max_qty, max_notional, collar_percent, max_open_orders, restricted, stp, "
         "stp_level, stp_details, cancel_on_disconnect, post_only, password_hash_2, networks, "
         "drop_copy, max_exposure, max_daily_notional, max_position, last_price_collar_percent, "
         "orders_per_s, symbol_orders_per_s, repeat_max, repeat_ms, forbidden, profile, ports, "
         "short_restricted\n"},
    };

    (void)state;
    write_file("twice.csv", 0600, HEAD "\nANNA" ROW "BERT" ROW "anna" ROW);
    write_file("column.csv", 0600, HEAD ",max_quantity\n");
    assert_said(mistakes, ARRAY_LEN(mistakes));
}

/* ---- wrong on this machine ---- */

static void test_what_the_machine_lacks(void **state)
{
    static const struct mistake mistakes[] = {
        {"export: {redis: {enabled: yes, password_file: DIR/none}}\n",
         "DIR/f.yaml:1: export.redis.password_file: DIR/none: cannot be read: No such file or "
         "directory; give the path of a file that is there\n"},
        {"export: {redis: {enabled: no, password_file: DIR/none}}\n", ""},
        {"export: {postgres: {enabled: yes, conninfo: dbname=x, password_file: DIR/open}}\n",
         "DIR/f.yaml:1: export.postgres.password_file: DIR/open: others may read it (mode 640); "
         "chmod 600\n"},
        {"control:\n  socket: DIR/none/control.sock\n",
         "DIR/f.yaml:2: control.socket: DIR/none/control.sock: DIR/none: No such file or "
         "directory; make the folder, or give another path\n"},
        {"control: {socket: /run/none-of-ours/control.sock}\n", ""},
        {"control:\n  socket: DIR/control.sock\n  viewers: 'root, @nogroup-of-ours'\n",
         "DIR/f.yaml:3: control.viewers: this machine has no group 'nogroup-of-ours'; make it "
         "(groupadd), or take it out\n"},
        {"metrics: {file: DIR/none/metrics.prom}\n",
         "DIR/f.yaml:1: metrics.file: DIR/none/metrics.prom: DIR/none: No such file or directory; "
         "make the folder, or give another path\n"},
        {"management: {port: 9001, console_dir: DIR/none, token_file: DIR/open}\n",
         "DIR/f.yaml:1: management.console_dir: DIR/none: No such file or directory; give the "
         "path of a directory\n"
         "DIR/f.yaml:1: management.token_file: DIR/open: others may read it (mode 640); chmod "
         "600\n"},
        {"management: {port: 9001, tls_cert_file: DIR/open, tls_key_file: DIR}\n",
         "DIR/f.yaml:1: management.tls_key_file: DIR: no file; allowed: a file's path\n"},
        {"data_dir: DIR/open\n",
         "DIR/f.yaml:1: data_dir: DIR/open: no directory; allowed: a directory's path\n"},
    };

    (void)state;
    write_file("open", 0640, "*:*:*:*:x\n");
    assert_said(mistakes, ARRAY_LEN(mistakes));
    char *said = said_of("threads:\n"
                         "  - {name: a, agents: [gateway, engine]}\n"
                         "  - {name: b, cpu: 1023, agents: [persist]}\n");
    assert_non_null(strstr(said, "DIR/f.yaml:3: threads[1].cpu: 1023: this machine has no such "
                                 "core, or not for this process; its cores are below "));
    free(said);
}

static int setup(void **state)
{
    (void)state;
    return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
    static const char *const names[] = {"f.yaml", "twice.csv", "column.csv", "open"};
    char path[64];

    (void)state;
    for (u32 i = 0; i < ARRAY_LEN(names); i++) {
        snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        unlink(path);
    }
    return rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_contradictions),
        cmocka_unit_test(test_reference_data),
        cmocka_unit_test(test_what_the_machine_lacks),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
