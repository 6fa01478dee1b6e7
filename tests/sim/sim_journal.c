/* sim_journal.c - see sim_journal.h. */
#include "tests/sim/sim_journal.h"

#include <stdlib.h>
#include <string.h>

#include "persist/replay.h"
#include "tests/sim/sim.h"

void sim_journal_init(struct sim_journal *j, const struct engine_conf *conf)
{
    memset(j, 0, sizeof *j);
    mem_init(&j->mem, 0);
    j->shadow = engine_new(conf, &j->mem);
    j->rerun = engine_new(conf, &j->mem);
}

void sim_journal_free(struct sim_journal *j)
{
    for (u64 i = 0; i < j->truths_used; i++)
        free(j->truths[i].events);
    free(j->truths);
    free(j->txs);
    free(j->slots);
    mem_free_all(&j->mem);
}

/* ---- the index of streams ---- */

const struct sim_truth *sim_journal_truth(const struct sim_journal *j, u32 account, u32 day)
{
    for (u64 i = j->truths_used; i > 0; i--)
        if (j->truths[i - 1].account == account && j->truths[i - 1].day == day)
            return &j->truths[i - 1];
    return NULL;
}

const union msg *sim_truth_event(const struct sim_journal *j, const struct sim_truth *t, u64 seq)
{
    if (seq == 0 || seq > t->used)
        return NULL;
    return (const void *)&j->slots[t->events[seq]];
}

static struct sim_truth *truth_of(struct sim_journal *j, u32 account)
{
    struct sim_truth *t = (struct sim_truth *)sim_journal_truth(j, account, j->day);

    if (t)
        return t;
    j->truths = sim_grow(j->truths, &j->truths_room, j->truths_used + 1, sizeof *j->truths);
    t = &j->truths[j->truths_used++];
    t->account = account;
    t->day = j->day;
    t->midnight_ns = j->midnight_ns;
    return t;
}

static void index_event(struct sim_journal *j, const union msg *m, u64 at)
{
    if (m->ev.type == EV_DAY_OPENED) {
        j->day = m->day.day;
        j->midnight_ns = m->day.midnight_ns;
    }
    sim.counts.day_rolls += m->ev.type == EV_DAY_ENDED;
    if (m->ev.session_seq == 0)
        return;
    struct sim_truth *t = truth_of(j, m->ev.account);
    SIM_CHECK(m->ev.session_seq == t->used + 1,
              "journal: account %u message %llu follows %llu (transaction %llu)", m->ev.account,
              (unsigned long long)m->ev.session_seq, (unsigned long long)t->used,
              (unsigned long long)m->ev.seq);
    t->used++;
    t->events = sim_grow(t->events, &t->events_room, t->used + 1, sizeof *t->events);
    t->events[t->used] = at;
}

static void index_tx(struct sim_journal *j, struct sim_tx *tx)
{
    for (u32 i = 0; i < tx->used;) {
        const union msg *m = (const void *)&j->slots[tx->at + i];
        if (!msg_is_command(m->ev.type))
            index_event(j, m, tx->at + i);
        i += msg_slots(m);
    }
    tx->day = j->day;
}

/* ---- the engines ---- */

static void run_again(struct sim_journal *j, const struct slot *slots, u32 used)
{
    static struct tx out;
    union msg cmd;
    u64 seq, time_ns;

    memcpy(&cmd, slots, msg_slots(slots) * SLOT_BYTES);
    seq = cmd.cmd.seq;
    time_ns = cmd.cmd.time_ns;
    cmd.cmd.seq = 0;
    cmd.cmd.time_ns = 0;
    cmd.cmd.flags &= (u16)~MSG_TX_END;
    out.used = 0;
    if (cmd.cmd.type == CMD_CONTINUE) {
        SIM_CHECK(engine_busy(j->rerun), "run again: transaction %llu continues nothing",
                  (unsigned long long)seq);
        engine_continue(j->rerun, time_ns, &out);
    } else {
        SIM_CHECK(!engine_busy(j->rerun), "run again: transaction %llu comes before a CONTINUE",
                  (unsigned long long)seq);
        SIM_CHECK(engine_step(j->rerun, &cmd, time_ns, &out),
                  "run again: transaction %llu (%s) makes nothing", (unsigned long long)seq,
                  msg_type_name(cmd.cmd.type));
    }
    SIM_CHECK(out.used == used && memcmp(out.slots, slots, used * SLOT_BYTES) == 0,
              "run again: transaction %llu (%s) makes other bytes", (unsigned long long)seq,
              msg_type_name(cmd.cmd.type));
}

static const char *tx_new(struct sim_journal *j, const struct slot *slots, u32 used)
{
    j->slots = sim_grow(j->slots, &j->slots_room, j->slots_used + used, sizeof *j->slots);
    j->txs = sim_grow(j->txs, &j->txs_room, j->used + 1, sizeof *j->txs);
    struct sim_tx *tx = &j->txs[j->used++];
    tx->at = j->slots_used;
    tx->used = used;
    memcpy(&j->slots[tx->at], slots, used * SLOT_BYTES);
    j->slots_used += used;
    index_tx(j, tx);
    sim.counts.transactions++;
    sim.counts.continues += ((const struct cmd_head *)(const void *)slots)->type == CMD_CONTINUE;
    run_again(j, slots, used);
    return engine_apply(j->shadow, slots, used);
}

static const char *look_at(void *ctx, const struct slot *slots, u32 used)
{
    struct sim_journal *j = ctx;
    u64 seq = ((const struct cmd_head *)(const void *)slots)->seq;

    if (seq > j->limit)
        return NULL;
    if (j->looked == 0 && seq > 1 && seq <= j->used + 1)
        j->looked = seq - 1; /* what stood before was recycled, and an earlier look has seen it */
    SIM_CHECK(seq == j->looked + 1, "journal: transaction %llu follows %llu",
              (unsigned long long)seq, (unsigned long long)j->looked);
    j->looked++;
    if (seq > j->used)
        return tx_new(j, slots, used);
    const struct sim_tx *tx = &j->txs[seq - 1];
    SIM_CHECK(tx->used == used && memcmp(&j->slots[tx->at], slots, used * SLOT_BYTES) == 0,
              "journal: transaction %llu is not what an earlier recovery found",
              (unsigned long long)seq);
    return NULL;
}

static struct replay_result read_through(struct sim_journal *j, struct disk *disk, u32 shard,
                                         u64 limit)
{
    struct replay_conf conf = {
        .disk = disk, .shard = shard, .apply = look_at, .ctx = j, .quiet = true};
    struct replay_result result;
    struct why why = {""};

    j->looked = 0;
    j->limit = limit;
    enum replay_status status = replay_run(&conf, &result, &why);
    SIM_CHECK(status == REPLAY_OK, "recovery refuses the journal: %s", why.text);
    return result;
}

void sim_journal_look_beside(struct sim_journal *j, struct disk *disk, u32 shard, u64 durable_seq)
{
    read_through(j, disk, shard, durable_seq);
    SIM_CHECK(j->used >= durable_seq, "journal: ends at %llu, but %llu are durable",
              (unsigned long long)j->used, (unsigned long long)durable_seq);
}

void sim_journal_look(struct sim_journal *j, struct disk *disk, u32 shard)
{
    struct replay_result result = read_through(j, disk, shard, UINT64_MAX);

    SIM_CHECK(j->looked == j->used, "journal: ends at %llu, an earlier recovery found %llu",
              (unsigned long long)j->looked, (unsigned long long)j->used);
    SIM_CHECK(engine_state_hash(j->shadow) == engine_state_hash(j->rerun),
              "the engine that ran the commands again has another state");
    sim.counts.torn_tails += result.cut;
    sim_trace("oracle", "journal: %llu transactions%s", (unsigned long long)j->used,
              result.cut ? ", torn tail cut" : "");
}
