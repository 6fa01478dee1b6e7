/*
 * bench_recovery.c - how long a start takes: a journal of ten million transactions of a real engine
 * on the real disk, read back alone and from a snapshot with a million transactions behind it.
 *
 * One thread makes the journal: 64 accounts enter and cancel limit orders of 32 instruments around
 * one price, so about half of the orders trade. Prints `name value unit` lines; both recovered
 * engines must have the state of the one that wrote, or the program fails.
 *
 *   bench-recovery [DIR [TRANSACTIONS]]      default: var/bench-recovery, 10000000
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/clock.h"
#include "engine/base/hash.h"
#include "engine/base/log.h"
#include "engine/base/metrics.h"
#include "persist/persist.h"
#include "persist/recovery.h"
#include "persist/shadow.h"
#include "persist/uring.h"

#define ACCOUNTS    64u
#define INSTRUMENTS 32u
#define BEHIND      1000000u /* transactions after the snapshot */
#define CANCELS     1000u    /* orders back that an account looks for one to cancel */
#define TICK        100u
#define MIDDLE      1000000u

static const struct engine_conf engine_sizes = {
    .accounts_max = ACCOUNTS, .instruments_max = INSTRUMENTS, .orders_max = 262144, .gateways = 1};

struct bench {
    struct disk *disk;
    struct mem mem; /* rings, persist */
    struct mem engine_mem;
    struct ring tx;
    struct engine *engine;
    struct persist *persist;
    struct shadow *shadow;
    struct tx out;
    u64 random;
    u32 refs[ACCOUNTS + 1]; /* last UserRefNum */
};

static struct bench b;

static _Noreturn void give_up(const char *what)
{
    fprintf(stderr, "bench-recovery: %s\n", what);
    exit(1);
}

static u32 below(u32 n)
{
    b.random = hash_u64(b.random + 1);
    return (u32)(b.random % n);
}

static void to_journal(void)
{
    while (ring_room(&b.tx, b.out.used) < b.out.used) {
        if (persist_do_work(b.persist, 0) + persist_segments_do_work(b.persist, 0) == 0)
            clock_sleep_ns(20 * NS_PER_US);
        if (persist_failed(b.persist))
            give_up("the journal cannot be written");
    }
    ring_push(&b.tx, b.out.slots, b.out.used);
}

static void send(union msg *m)
{
    m->cmd.slots = (u8)msg_type_slots(m->cmd.type);
    if (engine_step(b.engine, m, engine_time_ns(b.engine) + 1000, &b.out))
        to_journal();
    while (engine_busy(b.engine)) {
        engine_continue(b.engine, engine_time_ns(b.engine) + 1000, &b.out);
        to_journal();
    }
}

static void venue_open(void)
{
    union msg m = {.start = {.cmd = {.type = CMD_START}, .epoch = 1, .shard = 1, .journal_id = 9}};

    send(&m);
    m = (union msg){.day = {.cmd = {.type = CMD_DAY_OPEN}, .day = 20261122}};
    send(&m);
    for (u32 i = 0; i < INSTRUMENTS; i++) {
        m = (union msg){.instrument = {.cmd = {.type = CMD_INSTRUMENT}, .tick = TICK, .lot = 1}};
        char text[16];
        snprintf(text, sizeof text, "S%-7u", i);
        memcpy(m.instrument.symbol, text, 8);
        send(&m);
    }
    for (u32 i = 0; i < ACCOUNTS; i++) {
        m = (union msg){.account = {.cmd = {.type = CMD_ACCOUNT}}};
        char text[16];
        snprintf(text, sizeof text, "U%-5u", i);
        memcpy(m.account.user, text, 6);
        memcpy(m.account.firm, "FIRM", 4);
        send(&m);
        m = (union msg){.login = {.head = {.type = CMD_LOGIN, .account = i + 1}}};
        send(&m);
    }
}

/* An order of a random account, or the end of one of its last ones. */
static void trade(void)
{
    u32 account = 1 + below(ACCOUNTS);
    u32 bind = account; /* numbered in the order of the logins */
    union msg m;

    if (b.refs[account] > CANCELS && below(5) < 3) {
        m = (union msg){.cancel = {.head = {.type = CMD_CANCEL, .account = account}}};
        m.cancel.head.bind_id = bind;
        m.cancel.user_ref = b.refs[account] - below(CANCELS);
    } else {
        m = (union msg){.enter = {.head = {.type = CMD_ENTER, .account = account}}};
        m.enter.head.bind_id = bind;
        m.enter.user_ref = ++b.refs[account];
        m.enter.instrument = (u16)(1 + below(INSTRUMENTS));
        m.enter.side = below(2) ? 'B' : 'S';
        m.enter.qty = 100 * (1 + below(9));
        m.enter.price = MIDDLE + TICK * (m.enter.side == 'B' ? below(40) : below(40) + 2) - 2000;
        m.enter.tif = '0';
        m.enter.display = 'Y';
        m.enter.capacity = 'A';
        m.enter.cross_type = 'N';
    }
    send(&m);
}

static void settle(void)
{
    while (!persist_idle(b.persist)) {
        if (persist_do_work(b.persist, 0) + persist_segments_do_work(b.persist, 0) == 0)
            clock_sleep_ns(20 * NS_PER_US);
        if (persist_failed(b.persist))
            give_up("the journal cannot be written");
    }
}

static void journal_begin(u64 snapshot_after)
{
    struct replay_result at = {.next_segment = 1, .next_block = 1};
    struct persist_conf conf;
    struct why why;

    persist_conf_defaults(&conf);
    conf.shard = 1;
    mem_init(&b.mem, 0);
    mem_init(&b.engine_mem, 0);
    ring_init(&b.tx, &b.mem, "tx", TX_RING_SLOTS);
    b.engine = engine_new(&engine_sizes, &b.engine_mem);
    b.persist = persist_new(&conf, b.disk, &b.tx, &at, 1, &b.mem, &why);
    if (!b.persist)
        give_up(why.text);
    struct shadow_conf shadow = {
        .cursor = {.disk = b.disk,
                   .shard = 1,
                   .stored = persist_stored(b.persist),
                   .live = {persist_live_segment(b.persist), persist_live_block(b.persist)}},
        .engine = engine_sizes,
        .every = snapshot_after};
    b.shadow = shadow_new(&shadow, &b.engine_mem, &at);
}

static void recover(const char *name, bool no_snapshots)
{
    struct recovery_conf conf = {
        .disk = b.disk, .shard = 1, .engine = engine_sizes, .no_snapshots = no_snapshots};
    struct replay_result at;
    struct engine *e;
    struct mem mem;
    struct why why;

    mem_init(&mem, 0);
    u64 start_ns = clock_now_ns();
    if (recovery_run(&conf, &mem, &e, &at, &why) != REPLAY_OK)
        give_up(why.text);
    double seconds = (double)(clock_now_ns() - start_ns) / NS_PER_SEC;
    if (engine_state_hash(e) != engine_state_hash(b.engine) || no_snapshots != (at.from_seq == 0))
        give_up("what was recovered is not what was written");
    printf("%s %.2f s\n%s.transactions %llu tx\n", name, seconds, name,
           (unsigned long long)at.transactions);
    fflush(stdout);
    mem_free_all(&mem);
}

int main(int argc, char **argv)
{
    const char *dir = argc > 1 ? argv[1] : "var/bench-recovery";
    u64 count = argc > 2 ? strtoull(argv[2], NULL, 10) : 10000000;
    char command[512];
    struct why why;

    if (count < 2 * BEHIND)
        give_up("at least 2000000 transactions");
    clock_init();
    log_level_set(LOG_WARN);
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    if (system(command) != 0 || !(b.disk = uring_new(dir, &why)))
        give_up(why.text);
    journal_begin(count - BEHIND);
    venue_open();
    while (engine_seq(b.engine) < count - BEHIND)
        trade();
    settle();
    while (shadow_do_work(b.shadow, 0) > 0)
        ;
    while (engine_seq(b.engine) < count)
        trade();
    settle();
    printf("recovery.open_orders %u orders\n", engine_open_orders(b.engine));
    recover("recovery.seconds", true);
    recover("recovery.snapshot.seconds", false);
    shadow_free(b.shadow);
    persist_free(b.persist);
    b.disk->ops->free(b.disk);
    return system(command) != 0;
}
