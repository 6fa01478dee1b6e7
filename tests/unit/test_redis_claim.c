/*
 * test_redis_claim.c - what the answers of a claim mean: marks that fit their stream, streams
 * without a mark, strangers' entries, others who have the shard, and what is no answer at all.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <hiredis/hiredis.h>

#include "persist/fill_codec.h"
#include "persist/redis_claim.h"

#define SHARD 7u

static struct redis_claim claim;
static struct sink sink;

/* The words as a server's list, given to redis_claim_take. The sixth may be a fill's bytes. */
static enum sink_status take(const char *const *words, u32 used, const struct fill *newest)
{
    u8 bytes[1024], payload[FILL_BYTES_MAX];
    struct resp out = {.bytes = bytes, .room = sizeof bytes};
    redisReader *reader = redisReaderCreate();
    void *reply = NULL;

    resp_head(&out, used); /* a command is a list of texts, as its answer is */
    for (u32 i = 0; i < used; i++)
        if (i == 5 && newest)
            resp_arg(&out, payload, fill_encode(newest, payload));
        else
            resp_text(&out, words[i]);
    claim = (struct redis_claim){.epoch = 4};
    sink = (struct sink){.process_id = 5, .journal_id = 0xabc};
    assert_int_equal(redisReaderFeed(reader, (const char *)bytes, out.used), REDIS_OK);
    assert_int_equal(redisReaderGetReply(reader, &reply), REDIS_OK);
    enum sink_status status = redis_claim_take(&claim, &sink, "wb", SHARD, reply);
    freeReplyObject(reply);
    redisReaderFree(reader);
    return status;
}

static void assert_mark(u64 seq, u32 day, u64 time_ns)
{
    assert_int_equal(sink.mark.seq, seq);
    assert_int_equal(sink.mark.day, day);
    assert_int_equal(sink.mark.time_ns, time_ns);
}

static struct fill a_fill(u64 seq, u32 shard)
{
    return (struct fill){.seq = seq, .idx = 2, .shard = shard, .day = 20261124, .side = 'B'};
}

static void test_marks(void **state)
{
    const struct fill ours = a_fill(90, SHARD);
    const char *words[] = {"ours", "12", "9007199254740995", "20261123", "90-2", "", "77"};

    (void)state;
    assert_int_equal(take(words, 7, &ours), SINK_OK); /* the mark fits the stream */
    assert_int_equal(claim.claim, 12);
    assert_mark(9007199254740995, 20261123, 77);

    words[2] = ""; /* it does not: the newest entry's transaction comes again */
    assert_int_equal(take(words, 7, &ours), SINK_OK);
    assert_mark(89, 20261124, 0);

    words[5] = ""; /* entries were trimmed to nothing: the day is what the mark says */
    assert_int_equal(take(words, 7, NULL), SINK_OK);
    assert_mark(89, 20261123, 0);

    words[4] = "0-0"; /* no stream */
    assert_int_equal(take(words, 7, NULL), SINK_OK);
    assert_mark(0, 0, 0);
}

static void test_strangers(void **state)
{
    const struct fill other = a_fill(90, SHARD + 1);
    const char *words[] = {"ours", "12", "", "20261123", "90-2", "junk", "77"};

    (void)state;
    assert_int_equal(take(words, 7, NULL), SINK_REFUSED);
    assert_non_null(strstr(sink.error, "wb:fills ends at 90-2 with what is no fill of shard 7"));
    assert_int_equal(take(words, 7, &other), SINK_REFUSED);
}

static void test_others(void **state)
{
    const char *foreign[] = {"foreign", "unknown"}, *fenced[] = {"fenced", "9"};
    const char *strange[] = {"ours", "1", "2", "3", "4-0", ""};

    (void)state;
    assert_int_equal(take(foreign, 2, NULL), SINK_FOREIGN);
    assert_non_null(strstr(sink.error, "of journal unknown, ours is 0000000000000abc: "));
    assert_int_equal(take(fenced, 2, NULL), SINK_FENCED);
    assert_non_null(strstr(sink.error, "another process with epoch 9 has wb:mark, ours is 4"));
    assert_int_equal(take(strange, 6, NULL), SINK_REFUSED);
    assert_string_equal(sink.error, "the claim had no answer that we know");
}

/* A list of the right length that is not all texts. */
static void test_no_text(void **state)
{
    static const char answer[] = "*7\r\n$4\r\nours\r\n$1\r\n1\r\n$1\r\n2\r\n$1\r\n3\r\n"
                                 "$3\r\n4-0\r\n$-1\r\n$1\r\n7\r\n";
    redisReader *reader = redisReaderCreate();
    void *reply = NULL;

    (void)state;
    assert_int_equal(redisReaderFeed(reader, answer, sizeof answer - 1), REDIS_OK);
    assert_int_equal(redisReaderGetReply(reader, &reply), REDIS_OK);
    assert_int_equal(redis_claim_take(&claim, &sink, "wb", SHARD, reply), SINK_REFUSED);
    assert_string_equal(sink.error, "the claim had no answer that we know");
    freeReplyObject(reply);
    redisReaderFree(reader);
}

static void test_command(void **state)
{
    u8 bytes[8192];
    struct resp out = {.bytes = bytes, .room = sizeof bytes - 1};
    static const char tail[] = "\r\n$1\r\n2\r\n$7\r\nwb:mark\r\n$8\r\nwb:fills\r\n$1\r\n4\r\n"
                               "$16\r\n0000000000000005\r\n$16\r\n0000000000000abc\r\n";

    (void)state;
    claim = (struct redis_claim){.epoch = 4};
    sink = (struct sink){.process_id = 5, .journal_id = 0xabc};
    redis_claim_command(&out, "wb", &claim, &sink);
    bytes[out.used] = '\0';
    assert_memory_equal(bytes, "*8\r\n$4\r\nEVAL\r\n$", 15);
    assert_non_null(strstr((const char *)bytes, redis_script_claim));
    assert_string_equal((const char *)bytes + out.used - strlen(tail), tail);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_marks),   cmocka_unit_test(test_strangers),
        cmocka_unit_test(test_others),  cmocka_unit_test(test_no_text),
        cmocka_unit_test(test_command),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
