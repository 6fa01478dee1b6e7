/*
 * test_conf.c - the configuration: every kind of error with its exact line, all of them at once,
 * and the files of config/ against the embedded default.
 */
#include <unistd.h>

#include "gateway/report.h"
#include "tests/lib/conf_rig.h"

static struct conf other;

static int load(const char *path)
{
    size_t n;

    free(errors);
    FILE *f = open_memstream(&errors, &n);
    int count = conf_load(path, &conf, f);
    fclose(f);
    return count;
}

/* ---- defaults ---- */

static void test_default(void **state)
{
    (void)state;
    conf_default(&conf);
    assert_int_equal(conf.shard, 1);
    assert_string_equal(conf.data_dir, "var/wirebook");
    assert_string_equal(conf.timezone, "America/New_York");
    assert_int_equal(conf.day_end_minute, -1);
    assert_int_equal(conf.durability, CONF_DURABILITY_DISK);
    assert_int_equal(conf.gateway.listen_used, 1);
    assert_memory_equal(&conf.gateway.listen[0].ipv4, "\x7F\0\0\1", 4);
    assert_int_equal(conf.gateway.listen[0].port, 9000);
    assert_int_equal(conf.gateway.heartbeat_ms, 1000);
    assert_int_equal(conf.gateway.silence_timeout_ms, 15000);
    assert_int_equal(conf.threads_used, 3);
    assert_string_equal(conf.threads[1].name, "engine");
    assert_int_equal(conf.threads[1].agents, CONF_AGENT_ENGINE);
    assert_int_equal(conf.threads[1].cpu, -1);
    assert_int_equal(conf.threads[1].idle, IDLE_BACKOFF);
    assert_int_equal(conf.log_level, LOG_INFO);
    assert_false(conf.postgres.enabled || conf.redis.enabled);
}

/* Nothing in the file, a comment, empty sections: all of it is the default. */
static void test_nothing_is_the_default(void **state)
{
    static const char *const texts[] = {"", "# only a comment\n", "{}", "export:\nlog:\n", "---\n"};

    (void)state;
    conf_default(&other);
    for (u32 i = 0; i < ARRAY_LEN(texts); i++) {
        assert_good(texts[i]);
        assert_memory_equal(&conf, &other, sizeof conf);
    }
}

static void test_dev_yaml_is_the_default(void **state)
{
    (void)state;
    conf_default(&other);
    assert_int_equal(load("config/dev.yaml"), 0);
    assert_memory_equal(&conf, &other, sizeof conf);
}

static char *printed(const struct conf *c)
{
    char *text = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&text, &n);
    conf_print(c, f);
    fclose(f);
    return text;
}

/* The reference says what --print-config says: remake it with `wirebook --print-config`. */
static void test_reference_yaml_is_printed(void **state)
{
    static char file[65536];

    (void)state;
    FILE *f = fopen("config/reference.yaml", "r");
    assert_non_null(f);
    file[fread(file, 1, sizeof file - 1, f)] = 0;
    fclose(f);
    conf_default(&conf);
    char *text = printed(&conf);
    assert_string_equal(file, text);
    free(text);
}

/* What is printed reads back as the same configuration, whatever its values. */
static void test_print_and_read_back(void **state)
{
    (void)state;
    assert_good("shard: 7\n"
                "data_dir: 'a \"b\" \\c: # d'\n"
                "venue: {day_end: '16:05', timezone: UTC}\n"
                "durability: none\n"
                "gateway:\n"
                "  listen: [{port: 1}, {address: 0.0.0.0, port: 65535}]\n"
                "threads: [{name: all, cpu: 3, idle: spin, agents: [persist, gateway, engine]}]\n"
                "export: {postgres: {enabled: true, conninfo: host=a}, redis: {socket: /s}}\n");
    other = conf;
    char *text = printed(&conf);
    assert_good(text);
    free(text);
    assert_memory_equal(&conf, &other, sizeof conf);
    assert_int_equal(conf.day_end_minute, 16 * 60 + 5);
    assert_string_equal(conf.data_dir, "a \"b\" \\c: # d");
    assert_int_equal(conf.gateway.listen_used, 2);
    assert_int_equal(conf.gateway.listen[1].ipv4, 0);
    assert_int_equal(conf.threads[0].agents,
                     CONF_AGENT_GATEWAY | CONF_AGENT_ENGINE | CONF_AGENT_PERSIST);
    assert_int_equal(conf.threads[0].cpu, 3);
    assert_true(conf.postgres.enabled);
}

/* ---- one error each ---- */

static void test_unknown_keys(void **state)
{
    (void)state;
    assert_error(
        "gateway:\n  hartbeat_ms: 5\n",
        "f.yaml:2: gateway.hartbeat_ms: unknown key; did you mean gateway.heartbeat_ms?\n");
    assert_error("gateway:\n  heartbeat: 5\n",
                 "f.yaml:2: gateway.heartbeat: unknown key; did you mean gateway.heartbeat_ms?\n");
    assert_error("heartbeat_ms: 5\n",
                 "f.yaml:1: heartbeat_ms: unknown key; did you mean gateway.heartbeat_ms?\n");
    assert_error("gatewya: {count: 1}\n",
                 "f.yaml:1: gatewya: unknown key; did you mean gateway?\n");
    assert_error("log:\n  xyzzy: secret\n",
                 "f.yaml:2: log.xyzzy: unknown key; allowed: level, format\n");
    assert_error("gateway.count: 1\n",
                 "f.yaml:1: gateway.count: unknown key; allowed: shard, data_dir, durability, "
                 "venue, reference, gateway, dpdk, auth, engine, journal, threads, export, memory, "
                 "log, metrics, stages, control, management\n");
    assert_error("gateway: {listen: [{port: 1, prot: 2}]}\n",
                 "f.yaml:1: gateway.listen[0].prot: unknown key; did you mean "
                 "gateway.listen[].port?\n");
}

static void test_duplicate_keys(void **state)
{
    (void)state;
    assert_error("shard: 1\n\nshard: 2\n",
                 "f.yaml:3: shard: given twice, first in line 1; allowed: each key once\n");
    assert_error("log: {level: info}\ngateway:\n  count: 1\nlog:\n  level: warn\n",
                 "f.yaml:4: log: given twice, first in line 1; allowed: each key once\n");
    assert_error("gateway:\n  listen:\n    - port: 1\n      port: 2\n",
                 "f.yaml:4: gateway.listen[0].port: given twice, first in line 3; allowed: each "
                 "key once\n");
}

static void test_wrong_values(void **state)
{
    (void)state;
    assert_error("shard: 0\n", "f.yaml:1: shard: 0: too small; allowed: 1 to 99\n");
    assert_error("shard: -3\n", "f.yaml:1: shard: -3: too small; allowed: 1 to 99\n");
    assert_error("shard: 100\n", "f.yaml:1: shard: 100: too large; allowed: 1 to 99\n");
    assert_error("shard: 99999999999999999999\n",
                 "f.yaml:1: shard: 99999999999999999999: too large; allowed: 1 to 99\n");
    assert_error("shard: 0x10\n", "f.yaml:1: shard: 0x10: not a whole number; allowed: 1 to 99\n");
    assert_error("shard: 1.5\n", "f.yaml:1: shard: 1.5: not a whole number; allowed: 1 to 99\n");
    assert_error("shard:\n", "f.yaml:1: shard: \"\": not a whole number; allowed: 1 to 99\n");
    assert_error("gateway: {count: 17}\n",
                 "f.yaml:1: gateway.count: 17: too large; allowed: 1 to 16 agents\n");
    assert_error("durability: quorum\n",
                 "f.yaml:1: durability: quorum: not built yet; allowed: disk, none\n");
    assert_error("durability: tape\n",
                 "f.yaml:1: durability: tape: unknown word; allowed: disk, none\n");
    assert_error("durability: DISK\n",
                 "f.yaml:1: durability: DISK: unknown word; allowed: disk, none\n");
    assert_error("data_dir: ''\n",
                 "f.yaml:1: data_dir: \"\": empty; allowed: 1 to 255 characters\n");
    assert_error("data_dir: \"a\\nb\"\n", "f.yaml:1: data_dir: a?b: contains a control character; "
                                          "allowed: 1 to 255 characters\n");
    assert_error("data_dir: \"a\\0b\"\n", "f.yaml:1: data_dir: a text with a zero byte stands "
                                          "here; allowed: 1 to 255 characters\n");
    assert_error("export: {redis: {enabled: perhaps}}\n",
                 "f.yaml:1: export.redis.enabled: perhaps: neither yes nor no; allowed: yes, no\n");
    assert_error("venue: {day_end: '24:00'}\n",
                 "f.yaml:1: venue.day_end: 24:00: not a time of day; allowed: none, or HH:MM from "
                 "00:00 to 23:59\n");
    assert_error("venue: {timezone: Mars/Olympus}\n",
                 "f.yaml:1: venue.timezone: Mars/Olympus: no such time zone on this machine "
                 "(package tzdata?); allowed: a name of the tz database such as "
                 "America/New_York\n");
    assert_error("venue: {timezone: ../../../etc/passwd}\n",
                 "f.yaml:1: venue.timezone: ../../../etc/passwd: no such time zone on this machine "
                 "(package tzdata?); allowed: a name of the tz database such as "
                 "America/New_York\n");
    assert_good("gateway: {balancers: [{network: 10.0.0.0/8}, {network: 0.0.0.0/0}]}\n");
    assert_int_equal(conf.gateway.balancers_used, 2);
    assert_memory_equal(&conf.gateway.balancers[0].network, "\x0A\0\0\0\xFF\0\0\0", 8);
    assert_memory_equal(&conf.gateway.balancers[1].network, "\0\0\0\0\0\0\0\0", 8);
    assert_error("gateway: {balancers: [{network: 10.0.0.1/8}]}\n",
                 "f.yaml:1: gateway.balancers[0].network: 10.0.0.1/8: has bits behind its prefix; "
                 "allowed: an IPv4 network such as 10.0.0.0/16\n");
    assert_error("gateway: {balancers: [{network: 10.0.0.0/33}]}\n",
                 "f.yaml:1: gateway.balancers[0].network: 10.0.0.0/33: not an IPv4 network; "
                 "allowed: an IPv4 network such as 10.0.0.0/16\n");
    assert_error("gateway: {listen: [{address: localhost, port: 1}]}\n",
                 "f.yaml:1: gateway.listen[0].address: localhost: not an IPv4 address; allowed: an "
                 "IPv4 address such as 127.0.0.1\n");
}

static void test_wrong_shapes(void **state)
{
    (void)state;
    assert_error("- a\n", "f.yaml:1: this is no configuration; allowed: lines of key: value\n");
    assert_error("shard: [1]\n", "f.yaml:1: shard: a list stands here; allowed: 1 to 99\n");
    assert_error("shard: {a: 1}\n", "f.yaml:1: shard: a section stands here; allowed: 1 to 99\n");
    assert_error("engine: 5\n",
                 "f.yaml:1: engine: a single value stands here; allowed: a section of keys\n");
    assert_error("? [a]\n: b\n", "f.yaml:1: a key that is no plain text; allowed: key: value\n");
    assert_error("shard: 1\n---\nshard: 2\n",
                 "f.yaml:3: a second document begins; allowed: one a file\n");
    assert_error("shard: 1\n  a: b\n", "f.yaml:2: not YAML: mapping values are not allowed in this "
                                       "context (column 4)\n");
}

static void test_lists(void **state)
{
    (void)state;
    assert_error("gateway:\n  listen: 9000\n", "f.yaml:2: gateway.listen: a single value stands "
                                               "here; allowed: a list of 1 to 8 items\n");
    assert_error("gateway: {listen: []}\n",
                 "f.yaml:1: gateway.listen: empty; allowed: a list of 1 to 8 items\n");
    assert_error("gateway: {listen: [9000]}\n",
                 "f.yaml:1: gateway.listen[0]: 9000: not an item of this list; allowed: sections "
                 "of keys, as in [{address: 127.0.0.1, port: 9000}]\n");
    assert_error("gateway: {listen: [{}]}\n",
                 "f.yaml:1: gateway.listen[0].port: missing; allowed: 1 to 65535\n");
    assert_error("gateway:\n  listen:\n    - port: 1\n    - port: 2\n    - port: 3\n"
                 "    - port: 4\n    - port: 5\n    - port: 6\n    - port: 7\n    - port: 8\n"
                 "    - port: 9\n    - port: 10\n",
                 "f.yaml:11: gateway.listen: too many items; allowed: a list of 1 to 8 items\n");
    assert_error("gateway:\n  listen:\n    - {port: 1}\n    - {address: 0.0.0.0, port: 1}\n",
                 "f.yaml:4: gateway.listen[1]: the same port as gateway.listen[0]; allowed: each "
                 "address and port once\n");
    assert_good("gateway: {listen: [{address: 127.0.0.2, port: 1}, {port: 1}]}\n");
    assert_error("gateway: {transport: dpdk, listen: [{address: 127.0.0.2, port: 1}, {port: 1}]}\n",
                 "f.yaml:1: gateway.listen[1]: the same port as gateway.listen[0]; allowed: each "
                 "address and port once\n");
    assert_error("gateway: {listen: [{port: 1, role: health}]}\n",
                 "f.yaml:1: gateway.listen: nobody can trade; allowed: at least one with role: "
                 "orders\n");
}

static void test_threads(void **state)
{
    (void)state;
    assert_error("threads:\n  - {name: a, agents: [gateway, engine]}\n",
                 "f.yaml:1: threads: persist: this agent runs in no thread; allowed: each of "
                 "gateway, engine, persist in one\n");
    assert_error("threads:\n  - {name: a, agents: [gateway, engine, persist]}\n"
                 "  - {name: b, agents: [engine]}\n",
                 "f.yaml:3: threads[1].agents: engine: already runs in an earlier thread; allowed: "
                 "each agent once\n");
    assert_error("threads:\n  - {name: a, agents: [gateway, engine]}\n"
                 "  - {name: a, agents: [persist]}\n",
                 "f.yaml:3: threads[1].name: a: already the name of threads[0]; allowed: each name "
                 "once\n");
    assert_error("threads:\n  - {name: a, agents: [gateway, engine, export, persist]}\n",
                 "f.yaml:2: threads[0].agents: export: unknown word; allowed: a list of gateway, "
                 "gateway1 to gateway15, engine, persist\n");
    assert_error("threads:\n  - {name: a, agents: [gateway, gateway, engine, persist]}\n",
                 "f.yaml:2: threads[0].agents: gateway: given twice; allowed: each once\n");
    assert_error("threads:\n  - {name: a, agents: []}\n",
                 "f.yaml:2: threads[0].agents: empty; allowed: at least one of gateway, "
                 "gateway1 to gateway15, engine, persist\n");
    assert_error("threads:\n  - {name: a, agents: engine}\n",
                 "f.yaml:2: threads[0].agents: a single value stands here; allowed: a list of "
                 "gateway, gateway1 to gateway15, engine, persist\n");
    assert_error("threads:\n  - {name: sixteen letters!, agents: [gateway, engine, persist]}\n",
                 "f.yaml:2: threads[0].name: sixteen letters!: too long; allowed: 1 to 15 "
                 "characters\n");
    assert_error("threads:\n  - {name: a, cpu: 2, idle: spin, agents: [gateway, engine]}\n"
                 "  - {name: b, cpu: 2, agents: [persist]}\n",
                 "f.yaml:3: threads[1].cpu: 2: shared with threads[0] although one of them spins; "
                 "allowed: a core of its own, or idle: backoff\n");
    assert_error("threads:\n  - {name: a, cpu: 1024, agents: [gateway, engine, persist]}\n",
                 "f.yaml:2: threads[0].cpu: 1024: too large; allowed: none, 0 to 1023\n");
}

static void test_ports(void **state)
{
    (void)state;
    assert_good(
        "gateway: {transport: auto}\n"
        "dpdk:\n"
        "  ports: [{device: '0000:00:06.0', ipv4: 10.0.0.9, gateway: 10.0.0.1, mtu: 9001},\n"
        "          {device: net_af_xdp0, ipv4: 10.1.0.9, queues: 2}]\n");
    assert_int_equal(conf.gateway.transport, CONF_TRANSPORT_AUTO);
    assert_int_equal(conf.dpdk.ports_used, 2);
    assert_string_equal(conf.dpdk.ports[0].device, "0000:00:06.0");
    assert_int_equal(conf.dpdk.ports[1].prefix_bits, 24);
    assert_int_equal(conf.dpdk.ports[1].queues, 2);
    assert_error(
        "dpdk:\n  ports:\n  - {device: net_tap0, ipv4: 0.0.0.0}\n",
        "f.yaml:3: dpdk.ports[0].ipv4: 0.0.0.0: not an address of one machine; allowed: our "
        "own on this port\n");
    assert_error("dpdk: {ports: [{device: net_tap0, ipv4: 10.0.0.1, mtu: 500}]}\n",
                 "f.yaml:1: dpdk.ports[0].mtu: 500: too small; allowed: 0, 576 to 9001\n");
    assert_error("dpdk:\n"
                 "  ports:\n"
                 "  - {device: 'net_tap1,iface=a', ipv4: 10.0.0.1}\n"
                 "  - {device: net_tap12, ipv4: 10.0.0.2}\n"
                 "  - {device: 'net_tap1,iface=b', ipv4: 10.0.0.3}\n",
                 "f.yaml:5: dpdk.ports[2].device: net_tap1,iface=b: the same device as "
                 "dpdk.ports[0]; allowed: each device once\n");
}

static void test_relations(void **state)
{
    (void)state;
    assert_error("gateway:\n  heartbeat_ms: 20000\n",
                 "f.yaml:2: gateway.silence_timeout_ms: 15000: too small beside "
                 "gateway.heartbeat_ms; allowed: more than 20000\n");
    assert_error("journal:\n  hard_space_mb: 10\n  low_space_mb: 10\n",
                 "f.yaml:3: journal.low_space_mb: 10: too small beside journal.hard_space_mb; "
                 "allowed: more than 10\n");
    assert_error("export: {retry_max_ms: 99}\n",
                 "f.yaml:1: export.retry_max_ms: 99: too small beside export.retry_min_ms; "
                 "allowed: at least 100\n");
    assert_good("export: {retry_max_ms: 100}\n");
    assert_error("gateway: {store_slots: 300}\n",
                 "f.yaml:1: gateway.store_slots: 300: not a multiple of 32; allowed: multiples of "
                 "it\n");
    assert_error("journal: {buffer_mb: 12}\n",
                 "f.yaml:1: journal.buffer_mb: 12: not a power of two; allowed: 4, 8, 16, 32, 64, "
                 "128, 256\n");
    assert_error("export:\n  postgres:\n    enabled: yes\n",
                 "f.yaml:3: export.postgres.conninfo: missing although the export is enabled; "
                 "allowed: libpq's connection string\n");
}

/* A password is refused, and what was written is not repeated on a screen or in a log. */
static void test_passwords_are_refused(void **state)
{
    static const char *const texts[] = {"host=a password=geheim", "host=a PASSWORD = 'geheim'",
                                        "postgresql://me:geheim@host/db",
                                        "postgresql://host/db?password=geheim"};
    char yaml[200];

    (void)state;
    for (u32 i = 0; i < ARRAY_LEN(texts); i++) {
        snprintf(yaml, sizeof yaml, "export: {postgres: {conninfo: \"%s\"}}\n", texts[i]);
        assert_error(yaml, "f.yaml:1: export.postgres.conninfo: (not shown): a password does not "
                           "belong in this file, it goes into password_file; allowed: 0 to 511 "
                           "characters\n");
    }
    parse("password: geheim\n");
    assert_null(strstr(errors, "geheim"));
    assert_good("export: {postgres: {conninfo: \"postgresql://me@host:5432/db?sslmode=require\"}}");
}

static void test_default_zone_without_tzdata(void **state)
{
    (void)state;
    setenv("TZDIR", "/nowhere", 1);
    assert_error("shard: 1\n", "f.yaml: venue.timezone: America/New_York: the default is no time "
                               "zone on this machine; install tzdata or name another\n");
    unsetenv("TZDIR");
}

/* ---- all at once ---- */

static void test_all_errors_at_once(void **state)
{
    (void)state;
    int count = parse("shard: 0\n"
                      "shrad: 1\n"
                      "gateway:\n"
                      "  heartbeat_ms: 99\n"
                      "  listen: [{port: 0}, {}]\n"
                      "durability: quorum\n"
                      "journal: {low_space_mb: 3, hard_space_mb: 4}\n"
                      "threads: {}\n");
    assert_string_equal(
        errors,
        "f.yaml:1: shard: 0: too small; allowed: 1 to 99\n"
        "f.yaml:2: shrad: unknown key; did you mean shard?\n"
        "f.yaml:4: gateway.heartbeat_ms: 99: too small; allowed: 100 to 60000 ms\n"
        "f.yaml:5: gateway.listen[0].port: 0: too small; allowed: 1 to 65535\n"
        "f.yaml:5: gateway.listen[1].port: missing; allowed: 1 to 65535\n"
        "f.yaml:6: durability: quorum: not built yet; allowed: disk, none\n"
        "f.yaml:8: threads: a section stands here; allowed: a list of 1 to 18 items\n"
        "f.yaml:7: journal.low_space_mb: 3: too small beside journal.hard_space_mb; allowed: more "
        "than 4\n");
    assert_int_equal(count, 8);
}

/* What a file says cannot steer the terminal that it is printed on. */
static void test_errors_are_printable(void **state)
{
    (void)state;
    parse("\"\\e[31m\": 1\n\"shard\": \"\\e[2J\\a\"\n");
    for (const char *c = errors; *c; c++)
        assert_true(*c == '\n' || (*c >= ' ' && *c != 0x7F));
    char yaml[5000] = "data_dir: ";
    memset(yaml + 10, 'x', 4000);
    parse(yaml);
    assert_true(strlen(errors) < 200);
}

/* ---- files ---- */

static void test_files(void **state)
{
    char path[] = "/tmp/test_conf_XXXXXX";

    (void)state;
    assert_int_equal(load("no/such.yaml"), 1);
    assert_string_equal(errors, "no/such.yaml: cannot be opened: No such file or directory; give "
                                "the path of a YAML file\n");
    assert_int_equal(load("/"), 1);
    assert_string_equal(errors, "/: cannot be read: Is a directory; give the "
                                "path of a YAML file\n");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "shard: 3\n", 9), 9);
    assert_int_equal(load(path), 0);
    assert_int_equal(conf.shard, 3);
    assert_int_equal(ftruncate(fd, 2 << 20), 0);
    assert_int_equal(load(path), 1);
    assert_non_null(strstr(errors, "too large; allowed: less than 1 MiB"));
    close(fd);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_default),
        cmocka_unit_test(test_nothing_is_the_default),
        cmocka_unit_test(test_dev_yaml_is_the_default),
        cmocka_unit_test(test_reference_yaml_is_printed),
        cmocka_unit_test(test_print_and_read_back),
        cmocka_unit_test(test_unknown_keys),
        cmocka_unit_test(test_duplicate_keys),
        cmocka_unit_test(test_wrong_values),
        cmocka_unit_test(test_wrong_shapes),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_ports),
        cmocka_unit_test(test_relations),
        cmocka_unit_test(test_passwords_are_refused),
        cmocka_unit_test(test_default_zone_without_tzdata),
        cmocka_unit_test(test_all_errors_at_once),
        cmocka_unit_test(test_errors_are_printable),
        cmocka_unit_test(test_files),
    };
    return cmocka_run_group_tests(tests, NULL, conf_teardown);
}
