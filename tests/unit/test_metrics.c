/* test_metrics.c - the registry and its text format. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include <string.h>

#include "engine/base/metrics.h"

static char *printed(void)
{
    char *text = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&text, &n);
    metrics_print(f);
    fclose(f);
    return text;
}

static void test_add_set_max(void **state)
{
    struct metric m = {0};

    (void)state;
    metric_add(&m, 3);
    metric_add(&m, 4);
    assert_int_equal(metric_get(&m), 7);
    metric_max(&m, 5);
    assert_int_equal(metric_get(&m), 7);
    metric_max(&m, 9);
    assert_int_equal(metric_get(&m), 9);
    metric_set(&m, 1);
    assert_int_equal(metric_get(&m), 1);
}

/* As many as there are: sixteen gateways on eight ports, whose drivers count what they like. */
static void test_many(void **state)
{
    static struct metric m = {1};
    char labels[64];

    (void)state;
    metrics_reset();
    for (u32 i = 0; i < 50000; i++) {
        snprintf(labels, sizeof labels, "port=\"%u\",name=\"%u\"", i % 8, i / 8);
        metrics_register(i % 2 ? "wirebook_odd" : "wirebook_even", labels, "It.", METRIC_GAUGE, &m);
    }
    assert_int_equal(metrics_sum("wirebook_odd"), 25000);
    assert_int_equal(metrics_sum("wirebook_even"), 25000);
    char *text = printed();
    u32 lines = 0;
    for (const char *c = text; *c; c++)
        lines += *c == '\n';
    assert_int_equal(lines, 50004);
    free(text);
    metrics_reset();
}

/* What lies between two owners' numbers; read a little apart it is never negative. */
static void test_difference(void **state)
{
    static struct metric end = {70}, begin = {50};

    (void)state;
    metrics_reset();
    metrics_register_difference("wirebook_ring_used_slots", "", "Used.", &end, &begin);
    assert_int_equal(metrics_sum("wirebook_ring_used_slots"), 20);
    metric_set(&begin, 71);
    assert_int_equal(metrics_sum("wirebook_ring_used_slots"), 0);
    char *text = printed();
    assert_non_null(strstr(text, "\nwirebook_ring_used_slots 0\n"));
    free(text);
    metrics_reset();
}

/* One family a name, in order of first registration, wherever its members were registered. */
static void test_print_groups_by_name(void **state)
{
    static struct metric a = {1}, b = {2}, c = {3};
    char labels[] = "gateway=\"1\"";

    (void)state;
    metrics_reset();
    metrics_register("wirebook_a_total", "gateway=\"0\"", "Things.", METRIC_COUNTER, &a);
    metrics_register("wirebook_b", "", "A level.", METRIC_GAUGE, &b);
    metrics_register("wirebook_a_total", labels, "Things.", METRIC_COUNTER, &c);
    memset(labels, 'x', sizeof labels - 1); /* labels are copied */
    char *text = printed();
    assert_string_equal(text, "# HELP wirebook_a_total Things.\n"
                              "# TYPE wirebook_a_total counter\n"
                              "wirebook_a_total{gateway=\"0\"} 1\n"
                              "wirebook_a_total{gateway=\"1\"} 3\n"
                              "# HELP wirebook_b A level.\n"
                              "# TYPE wirebook_b gauge\n"
                              "wirebook_b 2\n");
    free(text);
    assert_int_equal(metrics_sum("wirebook_a_total"), 4);
    assert_int_equal(metrics_sum("wirebook_b"), 2);
    assert_int_equal(metrics_sum("wirebook_c"), 0);
}

/* Kept in nanoseconds, shown in seconds without a loss. */
static void test_print_seconds(void **state)
{
    static struct metric lag = {12 * NS_PER_SEC + 34};
    static struct metric busy = {5};

    (void)state;
    metrics_reset();
    metrics_register("wirebook_lag_seconds", "", "A time.", METRIC_GAUGE_NS, &lag);
    metrics_register("wirebook_busy_seconds_total", "", "Work.", METRIC_COUNTER_NS, &busy);
    char *text = printed();
    assert_string_equal(text, "# HELP wirebook_lag_seconds A time.\n"
                              "# TYPE wirebook_lag_seconds gauge\n"
                              "wirebook_lag_seconds 12.000000034\n"
                              "# HELP wirebook_busy_seconds_total Work.\n"
                              "# TYPE wirebook_busy_seconds_total counter\n"
                              "wirebook_busy_seconds_total 0.000000005\n");
    free(text);
    assert_int_equal(metrics_sum("wirebook_lag_seconds"), 12 * NS_PER_SEC + 34);
}

static void test_reset(void **state)
{
    (void)state;
    metrics_reset();
    char *text = printed();
    assert_string_equal(text, "");
    free(text);
    assert_int_equal(metrics_sum("wirebook_b"), 0);
}

/* Cumulative buckets in seconds, then sum and count, as Prometheus reads them. */
static void test_print_histogram(void **state)
{
    static struct metric_histogram h;
    static struct histogram copy;

    (void)state;
    metrics_reset();
    metric_histogram_init(&h);
    metrics_register_histogram("wirebook_t_seconds", "stage=\"x\"", "Times.", &h);
    metric_histogram_add(&h, 100);
    metric_histogram_add(&h, 1500);
    metric_histogram_add(&h, 3 * NS_PER_SEC);
    char *text = printed();
    assert_non_null(strstr(text, "# TYPE wirebook_t_seconds histogram\n"));
    assert_non_null(strstr(text, "_bucket{stage=\"x\",le=\"0.000000250\"} 1\n"));
    assert_non_null(strstr(text, "_bucket{stage=\"x\",le=\"0.000001000\"} 1\n"));
    assert_non_null(strstr(text, "_bucket{stage=\"x\",le=\"0.000002000\"} 2\n"));
    assert_non_null(strstr(text, "_bucket{stage=\"x\",le=\"1.000000000\"} 2\n"));
    assert_non_null(strstr(text, "_bucket{stage=\"x\",le=\"+Inf\"} 3\n"));
    assert_non_null(strstr(text, "wirebook_t_seconds_sum{stage=\"x\"} 3.000001600\n"));
    assert_non_null(strstr(text, "wirebook_t_seconds_count{stage=\"x\"} 3\n"));
    free(text);
    assert_int_equal(metrics_sum("wirebook_t_seconds"), 3);
    metric_histogram_copy(&h, &copy);
    assert_int_equal(copy.count, 3);
    assert_int_equal(copy.min, 100);
    assert_int_equal(copy.max, 3 * NS_PER_SEC);
    assert_int_equal(histogram_percentile(&copy, 1), 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_add_set_max),     cmocka_unit_test(test_print_groups_by_name),
        cmocka_unit_test(test_print_histogram), cmocka_unit_test(test_print_seconds),
        cmocka_unit_test(test_reset),           cmocka_unit_test(test_many),
        cmocka_unit_test(test_difference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
