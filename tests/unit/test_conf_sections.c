/*
 * test_conf_sections.c - what fits together within a section of the config and what does not: the
 * venue's schedule, several gateway agents, where the exports go.
 */
#include "tests/lib/conf_rig.h"

static void test_no_schedule_is_the_default(void **state)
{
    (void)state;
    assert_int_equal(parse(""), 0);
    assert_int_equal(conf.schedule.pre_open_minute, -1);
    assert_int_equal(conf.schedule.late_s, 120);
    assert_false(conf.schedule.weekends);
}

static void test_a_schedule(void **state)
{
    (void)state;
    assert_int_equal(parse("venue:\n  pre_open: 04:00\n  opening: 09:30\n  closing: 16:00\n"
                           "  closed: 20:00\n  half_closing: 13:00\n  late_s: 60\n"
                           "  weekends: yes\n  calendar_file: config/holidays.csv\n"),
                     0);
    assert_int_equal(conf.schedule.pre_open_minute, 240);
    assert_int_equal(conf.schedule.closed_minute, 1200);
    assert_int_equal(conf.schedule.half_closing_minute, 780);
    assert_int_equal(conf.schedule.late_s, 60);
    assert_true(conf.schedule.weekends);
    assert_string_equal(conf.schedule.calendar_file, "config/holidays.csv");
    assert_int_equal(parse("venue: {pre_open: 04:00, opening: 09:30, closing: 16:00, "
                           "closed: 16:00}\n"),
                     0); /* no extended hours */
}

static void test_what_does_not_fit(void **state)
{
    (void)state;
    assert_error("venue:\n  pre_open: 04:00\n  opening: 09:30\n  closing: 16:00\n",
                 "f.yaml: venue.closed: none: a schedule has all of venue.pre_open, opening, "
                 "closing and closed; allowed: HH:MM, or none in all four\n");
    assert_error("venue:\n  pre_open: 10:00\n  opening: 09:30\n  closing: 16:00\n  closed: 20:00\n",
                 "f.yaml:3: venue.opening: before venue.pre_open; allowed: a later time\n");
    assert_error("venue:\n  pre_open: 04:00\n  opening: 09:30\n  closing: 09:30\n  closed: 20:00\n",
                 "f.yaml:4: venue.closing: before venue.opening; allowed: a later time\n");
    assert_error("venue:\n  pre_open: 04:00\n  opening: 09:30\n  closing: 16:00\n  closed: 20:00\n"
                 "  half_closing: 09:00\n",
                 "f.yaml:6: venue.half_closing: not a time of trading; allowed: after "
                 "venue.opening, up to venue.closing\n");
    assert_error("venue:\n  pre_open: 04:00\n  opening: 09:30\n  closing: 16:00\n  closed: 20:00\n"
                 "  day_end: 18:00\n",
                 "f.yaml:6: venue.day_end: the day ends while the venue is open; allowed: "
                 "venue.closed or later\n");
    assert_error("venue:\n  late_s: 7000\n",
                 "f.yaml:2: venue.late_s: 7000: too large; allowed: 0 to 3600 seconds\n");
}

/* As many gateway agents as the config counts, each in a thread and with dpdk with a queue pair. */
static void test_gateways(void **state)
{
    (void)state;
    assert_good("gateway: {count: 3}\n"
                "threads: [{name: a, agents: [gateway, engine, gateway2]},\n"
                "          {name: b, agents: [persist, gateway1]}]\n");
    assert_int_equal(conf.threads[0].agents,
                     CONF_AGENT_GATEWAY | CONF_AGENT_GATEWAY << 2 | CONF_AGENT_ENGINE);
    assert_error("gateway: {count: 2}\n",
                 "f.yaml:1: threads: gateway1: this agent runs in no thread; allowed: each of "
                 "gateway, gateway1, engine, persist in one\n");
    assert_error("gateway: {count: 2}\n"
                 "threads: [{name: a, agents: [gateway, gateway1, gateway3, engine, persist]}]\n",
                 "f.yaml:2: threads[0].agents: gateway3: there is no such agent with gateway.count "
                 "2; allowed: an agent that is there, or a higher count\n");
    assert_error("threads: [{name: a, agents: [gateway, engine, persist]},\n"
                 "          {name: b, agents: [gateway1]}]\n",
                 "f.yaml:2: threads[1].agents: gateway1: there is no such agent with gateway.count "
                 "1; allowed: an agent that is there, or a higher count\n");
    assert_error("gateway: {count: 2, transport: dpdk}\n"
                 "threads: [{name: a, agents: [gateway, gateway1, engine, persist]}]\n"
                 "dpdk: {ports: [{device: 'net_tap0,iface=a', ipv4: 10.0.0.1, queues: 2},\n"
                 "               {device: 'net_tap1,iface=b', ipv4: 10.0.1.1, queues: 1}]}\n",
                 "f.yaml:4: dpdk.ports[1].queues: 1: fewer than gateways, each of which needs one "
                 "of its own; allowed: at least gateway.count, 2\n");
    assert_good("gateway: {count: 2, transport: sockets}\n"
                "threads: [{name: a, agents: [gateway, gateway1, engine, persist]}]\n"
                "dpdk: {ports: [{device: 'net_tap0,iface=a', ipv4: 10.0.0.1, queues: 1}]}\n");
}

static void test_redis_hosts_and_tls(void **state)
{
    static const char *const wrong[] = {"a:", "a:0", "a:65536", "a:1x",
                                        "a,", "a b", "[::1",    "[]:1"};
    char yaml[200];

    (void)state;
    assert_good("export: {redis: {host: \"a.example,b:6380,[::1]:7\", tls: yes, tls_name: x}}");
    for (u32 i = 0; i < ARRAY_LEN(wrong); i++) {
        snprintf(yaml, sizeof yaml, "export: {redis: {host: \"%s\"}}\n", wrong[i]);
        parse(yaml);
        assert_ptr_equal(strstr(errors, "f.yaml:1: export.redis.host: "), errors);
        assert_non_null(strstr(errors, "; allowed: "));
    }
    assert_error("export:\n  redis:\n    tls_ca_file: /ca.pem\n",
                 "f.yaml:3: export.redis.tls_ca_file: /ca.pem: means nothing without "
                 "export.redis.tls; set that to yes, or drop this\n");
    assert_error("export:\n  redis:\n    tls: yes\n    tls_cert_file: /c\n",
                 "f.yaml:4: export.redis.tls_cert_file: a certificate and its key go together; set "
                 "export.redis.tls_key_file, too\n");
    assert_error("export:\n  redis:\n    tls: yes\n    socket: /s\n",
                 "f.yaml:4: export.redis.socket: /s: a Unix socket has no TLS; drop one of the "
                 "two\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_schedule_is_the_default), cmocka_unit_test(test_a_schedule),
        cmocka_unit_test(test_what_does_not_fit),          cmocka_unit_test(test_gateways),
        cmocka_unit_test(test_redis_hosts_and_tls),
    };
    return cmocka_run_group_tests(tests, NULL, conf_teardown);
}
