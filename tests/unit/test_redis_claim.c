/*
 * test_redis_claim.c - what the answers of a claim mean: marks that fit their stream, streams
 * without a mark, strangers' entries, others who have the shard, and what is no answer at all. Then
 * the whole sink before a server that says what the test says, in virtual time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <hiredis/hiredis.h>

#include "persist/fill_codec.h"
#include "persist/redis.h"
#include "persist/redis_claim.h"
#include "persist/tops.h"

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

/* ---- the sink before a server of few words ---- */

#define SHA "$40\r\n0123456789012345678901234567890123456789\r\n"
#define OURS                                                                    \
    SHA SHA "*7\r\n$4\r\nours\r\n$1\r\n3\r\n$0\r\n\r\n$1\r\n0\r\n$3\r\n0-0\r\n" \
            "$0\r\n\r\n$1\r\n0\r\n"

struct talk {
    int server, peer; /* the peer's -1: nobody has come yet */
    u16 port;
    struct redis_conf conf;
    struct mem mem;
    struct sink *sink;
    u64 now_ns;
};

static int talk_start(void **state)
{
    static struct talk t;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;

    t = (struct talk){.server = socket(AF_INET, SOCK_STREAM, 0), .peer = -1, .now_ns = 1};
    if (bind(t.server, (struct sockaddr *)&at, sizeof at) < 0 || listen(t.server, 0) < 0)
        return -1;
    getsockname(t.server, (struct sockaddr *)&at, &size);
    mem_init(&t.mem, 0);
    redis_conf_defaults(&t.conf);
    t.conf.port = ntohs(at.sin_port);
    t.conf.tops = tops_new(3, &t.mem);
    t.sink = redis_new(&t.conf);
    t.sink->epoch = t.sink->process_id = t.sink->journal_id = 1;
    *state = &t;
    return 0;
}

static int talk_end(void **state)
{
    struct talk *t = *state;

    redis_free(t->sink);
    mem_free_all(&t->mem);
    close(t->server);
    return t->peer >= 0 ? close(t->peer) : 0;
}

/* Polls until it is not busy, or for 50 ms. */
static enum sink_status polled(struct talk *t)
{
    enum sink_status status;

    for (u32 i = 0; (status = t->sink->ops->poll(t->sink, t->now_ns)) == SINK_BUSY && i < 50; i++)
        usleep(1000);
    return status;
}

static void say(struct talk *t, const char *text)
{
    assert_int_equal(send(t->peer, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* A connection that has said `text`. */
static void meet(struct talk *t, const char *text)
{
    t->sink->ops->open(t->sink, t->now_ns);
    t->peer = accept(t->server, NULL, NULL);
    say(t, text);
}

/* All that has been asked for, once `word` is among it. */
static void assert_asks(struct talk *t, const char *word)
{
    static char heard[1 << 16];
    u32 used = 0;

    memset(heard, 0, sizeof heard);
    for (u32 i = 0; i < 200 && !memmem(heard, used, word, strlen(word)); i++) {
        polled(t);
        ssize_t n = recv(t->peer, heard + used, sizeof heard - used, MSG_DONTWAIT);
        used += n > 0 ? (u32)n : 0;
    }
    assert_non_null(memmem(heard, used, word, strlen(word)));
}

static void assert_lost(struct talk *t, enum sink_status status, const char *why)
{
    assert_int_equal(polled(t), status);
    if (!strstr(t->sink->error, why))
        fail_msg("\"%s\" does not say \"%s\"", t->sink->error, why);
    t->sink->ops->close(t->sink);
}

/* The way there and each silence have their own time, and a word begins it anew. */
static void test_silence(void **state)
{
    struct talk *t = *state;
    int before[4];
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    meet(t, SHA);
    assert_int_equal(polled(t), SINK_BUSY);
    t->now_ns += t->conf.commit_timeout_ns;
    say(t, SHA);
    assert_int_equal(polled(t), SINK_BUSY);
    t->now_ns += t->conf.commit_timeout_ns;
    assert_int_equal(polled(t), SINK_BUSY);
    t->now_ns++;
    assert_lost(t, SINK_LOST, "no answer in time while claiming");

    at.sin_port = htons(t->conf.port); /* a queue that is full takes nobody in */
    for (u32 i = 0; i < ARRAY_LEN(before); i++) {
        before[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        connect(before[i], (struct sockaddr *)&at, sizeof at);
    }
    usleep(10000);
    t->sink->ops->open(t->sink, t->now_ns);
    t->now_ns += t->conf.connect_timeout_ns;
    assert_int_equal(polled(t), SINK_BUSY);
    t->now_ns++;
    assert_lost(t, SINK_LOST, "no answer in time while connecting");
    for (u32 i = 0; i < ARRAY_LEN(before); i++)
        close(before[i]);
}

static void test_nonsense(void **state)
{
    static const struct {
        const char *says, *then, *why;
        enum sink_status status;
    } cases[] = {
        {"$3\r\nabc\r\n", "", "SCRIPT LOAD had no digest", SINK_REFUSED},
        {":1\r\n", "", "SCRIPT LOAD had no digest", SINK_REFUSED},
        {SHA SHA "+OK\r\n", "", "the claim had no answer that we know", SINK_REFUSED},
        {OURS, "+OK\r\n", "the server speaks without being asked", SINK_LOST},
        {OURS, NULL, "lost while idle", SINK_LOST},
    };
    struct talk *t = *state;

    for (u32 i = 0; i < ARRAY_LEN(cases); i++) {
        meet(t, cases[i].says);
        if (cases[i].status == SINK_LOST)
            assert_int_equal(polled(t), SINK_OK);
        if (cases[i].then)
            say(t, cases[i].then);
        else
            shutdown(t->peer, SHUT_RDWR);
        usleep(2000);
        assert_lost(t, cases[i].status, cases[i].why);
        close(t->peer);
        t->peer = -1;
    }
}

/* Tops that have changed go out when nothing else does, behind a batch, and to whoever comes. */
static void test_tops_go_out(void **state)
{
    struct talk *t = *state;
    const struct sink_mark to = {.seq = 1, .time_ns = 5, .day = 20261124};

    meet(t, OURS);
    assert_int_equal(polled(t), SINK_OK);
    memcpy(&t->conf.tops->at[1].words[0], "AAA     ", 8);
    t->conf.tops->used = 1;
    t->conf.tops->dirty[0] = 2;
    t->conf.tops->changes = 1;
    t->now_ns += 2 * t->conf.commit_timeout_ns; /* nobody was asked: no silence */
    assert_asks(t, "wirebook:top:AAA");
    say(t, ":1\r\n");
    assert_int_equal(polled(t), SINK_OK);
    t->now_ns += 2 * t->conf.commit_timeout_ns;
    t->conf.tops->dirty[0] = 2;
    t->conf.tops->changes = 2;
    t->sink->ops->commit(t->sink, &to, t->now_ns);
    assert_asks(t, "wirebook:top:AAA");
    say(t, ":0\r\n");
    assert_int_equal(polled(t), SINK_BUSY); /* the batch is there, the tops may not be */
    assert_int_equal(t->sink->mark.seq, 1);
    say(t, ":1\r\n");
    assert_int_equal(polled(t), SINK_OK);
    t->sink->ops->close(t->sink);
    close(t->peer);
    meet(t, OURS);
    assert_asks(t, "wirebook:top:AAA");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_marks),
        cmocka_unit_test(test_strangers),
        cmocka_unit_test(test_others),
        cmocka_unit_test(test_no_text),
        cmocka_unit_test(test_command),
        cmocka_unit_test_setup_teardown(test_silence, talk_start, talk_end),
        cmocka_unit_test_setup_teardown(test_nonsense, talk_start, talk_end),
        cmocka_unit_test_setup_teardown(test_tops_go_out, talk_start, talk_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
