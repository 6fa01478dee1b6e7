/*
 * test_operate.c - an operator's request without a socket: long lists, a journal that cannot be
 * read. What is told of times and the disk is test_control.c's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "engine/base/log.h"
#include "engine/base/mem.h"
#include "gateway/admin/operate.h"

static struct mem mem;
static struct ring cmds, answers;
static _Atomic u64 durable;
static struct operate operate;
static u64 now_ns;

static enum operate_found trade_unreadable(void *ctx, struct msg_break *m, bool again)
{
    (void)ctx, (void)m;
    return again ? FOUND_NOT_YET : FOUND_UNREADABLE;
}

static enum operate_found request_unreadable(void *ctx, u64 request, struct msg_operated *out,
                                             bool again)
{
    (void)ctx, (void)request, (void)out;
    return again ? FOUND_NOT_YET : FOUND_UNREADABLE;
}

static int setup(void **state)
{
    struct operate_conf conf = {.cmds = &cmds,
                                .answers = &answers,
                                .durable_seq = &durable,
                                .trade_find = trade_unreadable,
                                .request_find = request_unreadable};

    (void)state;
    log_level_set(LOG_ERROR);
    mem_init(&mem, 0);
    ring_init(&cmds, &mem, "cmds", 64);
    ring_init(&answers, &mem, "answers", 256);
    now_ns = 1000 * NS_PER_SEC;
    operate_init(&operate, &conf, 100);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    operate_free(&operate);
    mem_free_all(&mem);
    return 0;
}

static void begin(const char *line)
{
    static const struct peer peer = {.user = "root", .role = ROLE_ADMIN};
    struct request r;

    assert_null(request_parse(&r, line, strlen(line)));
    operate_begin(&operate, &r, &peer, now_ns);
    assert_null(operate_step(&operate, now_ns));
}

/* The look for a page is taken and answered with its one account. */
static void page(u32 id, bool last)
{
    union msg copy;
    const union msg *look = msg_peek(&cmds, &copy);
    union msg m;

    assert_non_null(look);
    assert_int_equal(look->cmd.type, CMD_LOOK);
    assert_int_equal(look->look.from, id);
    memset(&m, 0, sizeof m);
    m.seen.head = (struct event_head){.type = EV_SEEN, .slots = 4};
    m.seen.request = look->look.request;
    m.seen.what = LOOK_ACCOUNT;
    m.seen.id = last ? 0 : id; /* behind the last one there is nothing */
    m.seen.last = true;
    ring_take(&cmds, look->cmd.slots);
    assert_true(ring_push(&answers, &m, 4));
}

/* A list that takes long is no engine that does not answer: each page has the whole time. */
static void test_each_page_has_its_time(void **state)
{
    (void)state;
    begin("{\"command\":\"accounts\"}");
    for (u32 id = 1; id <= 5; id++) {
        now_ns += OPERATE_ANSWER_NS - 1;
        page(id, false);
        assert_null(operate_step(&operate, now_ns));
    }
    page(6, true);
    json_t *answer = operate_step(&operate, now_ns);
    assert_string_equal(json_string_value(json_object_get(answer, "outcome")), "done");
    assert_int_equal(json_array_size(json_object_get(answer, "data")), 5);
    json_decref(answer);
    begin("{\"command\":\"accounts\"}");
    answer = operate_step(&operate, now_ns + OPERATE_ANSWER_NS);
    assert_string_equal(json_string_value(json_object_get(answer, "outcome")), "timeout");
    json_decref(answer);
}

/* Nobody hears that nothing was done, or that there is no such trade, from who could not look. */
static void test_journal_that_cannot_be_read(void **state)
{
    static const char *const lines[] = {
        "{\"command\":\"break\",\"args\":{\"match\":7,\"why\":\"E\"},\"reason\":\"x\"}",
        "{\"command\":\"request\",\"args\":{\"number\":7}}"};

    (void)state;
    for (u32 i = 0; i < ARRAY_LEN(lines); i++) {
        json_t *answer = NULL;
        begin(lines[i]);
        for (u32 turn = 0; turn < 3 && !answer; turn++)
            answer = operate_step(&operate, now_ns);
        assert_string_equal(json_string_value(json_object_get(answer, "outcome")), "refused");
        assert_string_equal(json_string_value(json_object_get(answer, "text")),
                            "the day's journal cannot be read: see the log");
        json_decref(answer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_each_page_has_its_time, setup, teardown),
        cmocka_unit_test_setup_teardown(test_journal_that_cannot_be_read, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
