/* test_bench_files.c - the formats of a run's latencies; HdrHistogram's own code reads the log in
 * tests/integ/test_bench_output.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "gateway/client/bench_files.h"
#include "gateway/client/bench_keep.h"
#include "gateway/client/bench_machine.h"

static struct histogram h;

static char *text;
static size_t text_bytes;

static FILE *open_text(void)
{
    free(text);
    return open_memstream(&text, &text_bytes);
}

static void record_to(u64 n, u64 step)
{
    histogram_init(&h);
    for (u64 v = 1; v <= n; v++)
        histogram_record(&h, v * step);
}

/* 1 to 1,000 us: each line's value is that share of 1,000 us, each count what is at or below. */
static void test_hgrm(void **state)
{
    double value, percentile, inverse, last = 0;
    unsigned long long count;
    u32 lines = 0;

    (void)state;
    record_to(1000, 1000);
    FILE *f = open_text();
    bench_hgrm_write(f, &h);
    fclose(f);
    assert_memory_equal(text, "       Value     Percentile TotalCount 1/(1-Percentile)\n\n", 57);
    for (char *line = text + 57; *line != '#'; line = strchr(line, '\n') + 1, lines++) {
        int n = sscanf(line, "%lf %lf %llu %lf", &value, &percentile, &count, &inverse);
        assert_true(n >= 3 && value >= last);
        assert_true(value >= percentile * 1000 * 0.999 &&
                    value <= percentile * 1000 * 1.003 + 1.01);
        assert_true((double)count >= percentile * 1000 - 0.001);
        last = value;
    }
    assert_true(lines > 30 && lines < 100);
    assert_true(last == 1000 && count == 1000);
    assert_non_null(strstr(text, "#[Max     =     1000.000, Total count    =         1000]\n"));
    assert_non_null(strstr(text, "#[Mean    =      500.5"));
}

static void test_hgrm_empty(void **state)
{
    (void)state;
    histogram_init(&h);
    FILE *f = open_text();
    bench_hgrm_write(f, &h);
    fclose(f);
    assert_non_null(strstr(text, "Total count    =            0]"));
}

static void test_csv(void **state)
{
    (void)state;
    const struct bench_tagged tagged[] = {{"add", &h}};

    histogram_init(&h);
    histogram_record(&h, 5);
    histogram_record(&h, 5);
    histogram_record(&h, 900);
    FILE *f = open_text();
    bench_csv_write(f, tagged, 1);
    fclose(f);
    assert_string_equal(text, "request,at_most_ns,count,cumulative\nadd,5,2,2\nadd,900,1,3\n");
}

static u32 base64_value(char c)
{
    const char *set = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    return c == '=' ? 0 : (u32)(strchr(set, c) - set);
}

/* The deflated bytes of the only line of the log, inflated; their number. */
static size_t unpack(u8 *out, size_t room)
{
    static u8 packed[65536];
    size_t n = 0;
    const char *in = strrchr(text, ',') + 1;

    for (; *in != '\n'; in += 4) {
        u32 v = base64_value(in[0]) << 18 | base64_value(in[1]) << 12 | base64_value(in[2]) << 6 |
                base64_value(in[3]);
        packed[n++] = (u8)(v >> 16);
        packed[n++] = (u8)(v >> 8);
        packed[n++] = (u8)v;
        n -= (in[2] == '=') + (in[3] == '=');
    }
    assert_memory_equal(packed, "\x1C\x84\x93\x14", 4);
    u32 deflated = (u32)packed[4] << 24 | (u32)packed[5] << 16 | (u32)packed[6] << 8 | packed[7];
    assert_int_equal(deflated, n - 8);
    uLongf got = room;
    assert_int_equal(uncompress(out, &got, packed + 8, deflated), Z_OK);
    return got;
}

/* Worked out by hand from the format: 0 is index 0, 3 is index 3, 5,000 is index 3,298. */
static void test_hlog_bytes(void **state)
{
    (void)state;
    const struct bench_tagged tagged[] = {{"all", &h}};
    u8 got[4096];
    static const u8 head[] = {0x1C, 0x84, 0x93, 0x13, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0,
                              0,    3,    0,    0,    0, 0, 0, 0, 0, 1, 0, 0, 0};
    /* 2 zeros; none for 1..2 (-2); one 3 (+1); 3,294 empty (-3294); 200 of 5,000 */
    static const u8 counts[] = {0x04, 0x03, 0x02, 0xBB, 0x33, 0x90, 0x03};

    histogram_init(&h);
    histogram_record(&h, 0);
    histogram_record(&h, 0);
    histogram_record(&h, 3);
    for (u32 i = 0; i < 200; i++)
        histogram_record(&h, 5000);
    FILE *f = open_text();
    assert_true(bench_hlog_write(f, tagged, 1, 1700000000123000000, 2500 * NS_PER_MS));
    fclose(f);
    assert_memory_equal(text,
                        "#[Histogram log format version 1.3]\n"
                        "#[StartTime: 1700000000.123 (seconds since epoch)]\n"
                        "\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\","
                        "\"Interval_Compressed_Histogram\"\n"
                        "Tag=all,0.000,2.500,0.005,HISTFA",
                        190);
    size_t n = unpack(got, sizeof got);
    assert_int_equal(n, 40 + sizeof counts);
    assert_memory_equal(got, head, sizeof head);
    assert_memory_equal(got + 40, counts, sizeof counts);
}

static void test_machine(void **state)
{
    (void)state;
    FILE *f = open_text();
    bench_machine_print(f);
    fclose(f);
    assert_non_null(strstr(text, "processor: "));
    assert_non_null(strstr(text, "kernel: Linux "));
    assert_non_null(strstr(text, "cores of the client: "));
    assert_non_null(strstr(text, "clock: "));
}

/* What was asked for is there; what cannot be written is named. */
static void test_keep(void **state)
{
    static struct bench_result result;
    struct bench_options o = {.run_ms = 1000};
    char path[] = "/tmp/wb-keep-XXXXXX", line[64] = "";
    const char *which = NULL;

    (void)state;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    struct bench_keep none = {0}, good = {.csv = path}, bad = {.csv = path, .hlog = "/nowhere/x"};
    assert_false(bench_keep_any(&none));
    assert_null(bench_keep_write(&none, &o, &result, &which));
    assert_true(bench_keep_any(&good));
    assert_null(bench_keep_write(&good, &o, &result, &which));
    FILE *f = fopen(path, "r");
    assert_non_null(fgets(line, sizeof line, f));
    assert_non_null(strchr(line, ','));
    fclose(f);
    assert_string_equal(bench_keep_write(&bad, &o, &result, &which), "cannot be written");
    assert_string_equal(which, "/nowhere/x");
    unlink(path);
    struct bench_keep full = {.csv = "/dev/full"};
    assert_string_equal(bench_keep_write(&full, &o, &result, &which), "could not be written whole");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hgrm),    cmocka_unit_test(test_hgrm_empty),
        cmocka_unit_test(test_csv),     cmocka_unit_test(test_hlog_bytes),
        cmocka_unit_test(test_machine), cmocka_unit_test(test_keep),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    free(text);
    return failed;
}
