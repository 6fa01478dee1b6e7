/*
 * control_rig.h - the control socket before an engine that the test plays. One program, one rig.
 */
#ifndef WIREBOOK_TESTS_CONTROL_RIG_H
#define WIREBOOK_TESTS_CONTROL_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "engine/base/mem.h"
#include "gateway/admin/control.h"
#include "gateway/admin/operate.h"

static struct mem mem;
static struct ring cmds, answers;
static _Atomic u64 durable;
static struct operate operate;
static struct control *control;
static char path[64];
static u64 now_ns;
static u32 drains;
static const char *hindered; /* why no snapshot can be made; NULL: nothing */
static u32 snapshots;        /* asked for */
static bool snapshot_there;
static char said[1024]; /* the last answer, the whole line */

/* ---- what the rest of the process is asked for ---- */

static inline void on_drain(void *ctx)
{
    (void)ctx;
    drains++;
}

static inline const char *on_hindered(void *ctx)
{
    (void)ctx;
    return hindered;
}

static inline u64 on_ask(void *ctx)
{
    (void)ctx;
    return ++snapshots;
}

static inline bool on_answer(void *ctx, u64 asked, json_t *answer)
{
    (void)ctx;
    assert_int_equal(asked, snapshots);
    if (snapshot_there)
        json_object_set_new(answer, "outcome", json_string("made"));
    return snapshot_there;
}

/* A journal that has nothing, and takes a look more to say so. */
static inline enum operate_found on_find(void *ctx, u64 request, struct msg_operated *out,
                                         bool again)
{
    (void)ctx, (void)request, (void)out;
    return again ? FOUND_NOT_YET : FOUND_NONE;
}

/* ---- the rig ---- */

static inline int set_up(void **state)
{
    struct operate_conf oc = {.cmds = &cmds,
                              .answers = &answers,
                              .durable_seq = &durable,
                              .request_find = on_find,
                              .drain = on_drain,
                              .snapshots = {on_hindered, on_ask, on_answer, NULL}};
    struct control_conf cc = {.path = path, .group = ""};
    (void)state;

    mem_init(&mem, 0);
    ring_init(&cmds, &mem, "cmds", 64);
    ring_init(&answers, &mem, "answers", 256);
    snprintf(path, sizeof path, "/tmp/wb-control-%d.sock", getpid());
    now_ns = 1000 * NS_PER_SEC;
    durable = 0;
    drains = snapshots = 0;
    hindered = NULL;
    snapshot_there = false;
    operate_init(&operate, &oc, 100);
    control = control_new(&cc, &operate);
    assert_non_null(control);
    return 0;
}

static inline int tear_down(void **state)
{
    (void)state;
    control_free(control);
    assert_int_not_equal(access(path, F_OK), 0);
    mem_free_all(&mem);
    return 0;
}

static inline void turns(void)
{
    for (u32 i = 0; i < 4; i++)
        control_do_work(control, now_ns);
}

/* ---- the operators ---- */

/* One connects and says `lines`. Returns his end. */
static inline int say(const char *lines)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
    assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(write(fd, lines, strlen(lines)), strlen(lines));
    return fd;
}

/* ... and is heard. */
static inline int ask(const char *lines)
{
    int fd = say(lines);

    turns();
    return fd;
}

/* The outcome that has come, or "" while there is none. */
static inline const char *heard(int fd)
{
    static char word[32];

    turns();
    ssize_t n = recv(fd, said, sizeof said - 1, MSG_DONTWAIT);
    word[0] = '\0';
    if (n <= 0)
        return word;
    said[n] = '\0';
    json_t *answer = json_loadb(said, (size_t)n, 0, NULL);
    snprintf(word, sizeof word, "%s", json_string_value(json_object_get(answer, "outcome")));
    json_decref(answer);
    return word;
}

/* The same of one who goes when he has it. */
static inline const char *outcome(int fd)
{
    const char *word = heard(fd);

    if (word[0] != '\0')
        close(fd);
    return word;
}

/* What a request for that number answers. */
static inline const char *looked_up(u64 number)
{
    char line[128];

    snprintf(line, sizeof line, "{\"command\":\"request\",\"args\":{\"number\":%llu}}\n",
             (unsigned long long)number);
    return outcome(ask(line));
}

/* ---- the engine ---- */

static inline union msg taken(void)
{
    union msg copy, m;
    const union msg *at = msg_peek(&cmds, &copy);

    assert_non_null(at);
    memcpy(&m, at, at->cmd.slots * (size_t)SLOT_BYTES);
    ring_take(&cmds, m.cmd.slots);
    return m;
}

static inline void say_operated(u64 request, u64 seq, u8 how)
{
    union msg m = {.operated = {.head = {.type = EV_OPERATED, .slots = 1, .seq = seq},
                                .request = request,
                                .first_seq = seq,
                                .outcome = how}};

    assert_true(ring_push(&answers, &m, 1));
}

#endif
