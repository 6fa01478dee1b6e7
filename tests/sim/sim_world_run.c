/*
 * sim_world_run.c - a run: lives and deaths of processes, the final drain, the last comparisons.
 */
#include "tests/sim/sim_world_impl.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/hash.h"
#include "engine/base/log.h"
#include "tests/sim/sim.h"

void look(void)
{
    struct sim_disk *copy = sim_disk_copy(world->disk);

    sim_journal_look(&world->journal, sim_disk_disk(copy), SHARD);
    sim_disk_free(copy);
    for (u32 i = 0; i < CLIENTS; i++)
        sim_oracle_account(&world->journal, &world->clients[i].account);
}

/* ---- the end ---- */

static bool at_rest(void)
{
    u64 seq = engine_seq(world->topology.engine);

    for (u32 i = 0; i < CLIENTS; i++)
        if (!sim_client_drained(&world->clients[i]))
            return false;
    return persist_idle(world->topology.persist) &&
           export_has_passed(&world->topology.exporter, seq);
}

static void say_what_waits(void)
{
    for (u32 i = 0; i < CLIENTS; i++) {
        struct sim_client *cl = &world->clients[i];
        struct sim_stream *s = sim_account_today(&cl->account);
        fprintf(stderr, "sim: %s: drained %d, live %d, seen %llu of %llu, last ref %u of %u\n",
                cl->account.user, sim_client_drained(cl), cl->conns[cl->active].live,
                (unsigned long long)(s ? s->modelled : 0), (unsigned long long)(s ? s->seen : 0),
                s ? s->last_ref : 0, s ? s->next_ref - 1 : 0);
    }
    fprintf(stderr, "sim: engine at %llu, durable %llu, database %llu, redis %llu\n",
            (unsigned long long)engine_seq(world->topology.engine),
            (unsigned long long)durable_get(persist_stored(world->topology.persist)),
            (unsigned long long)world->database.mark.seq,
            (unsigned long long)world->redis.mark.seq);
}

/* Everything is healthy: the clients read all, the exports catch up. */
static void drain(void)
{
    u64 quiet = 0;
    u64 deadline;

    sim.calm = true;
    world->database.faults_per_mille = 0;
    world->database.down = false;
    world->fate = FATE_RESTART;
    world->conf.gateways = world->nets_used;
    process_start();
    for (u32 i = 0; i < CLIENTS; i++)
        sim_client_drain(&world->clients[i]);
    deadline = sim.now_ns + 30 * NS_PER_SEC;
    while (quiet < 500) {
        world_step();
        quiet = at_rest() ? quiet + 1 : 0;
        if (sim.now_ns > deadline) {
            say_what_waits();
            sim_fail("30 s of good weather do not bring everything to rest");
        }
    }
}

static void compare_sinks(void)
{
    struct export_names names, then;
    struct mem mem;
    const struct engine *e = world->journal.shadow;
    union msg m;

    mem_init(&mem, 0);
    export_names_init(&names, &mem, 16, 16);
    for (u32 id = 1; id <= engine_accounts(e); id++) {
        m.account = *engine_account(e, id);
        export_names_note(&names, &m);
    }
    for (u32 id = 1; id <= engine_instruments(e); id++) {
        m.instrument = *engine_instrument(e, (u16)id);
        export_names_note(&names, &m);
    }
    export_names_init(&then, &mem, 16, 16);
    /* where the beginning of the journal goes, so may what a firm was */
    bool known = world->conf.keep_segments == 0;
    sim_oracle_database(&world->journal, &world->database, known ? &then : NULL);
    sim_oracle_redis(&world->journal, &world->redis, &names);
    mem_free_all(&mem);
}

/* All that can be known, known: the last looks. */
static void final_checks(void)
{
    u32 live = 0;

    look();
    for (u32 i = 0; i < CLIENTS; i++) {
        struct sim_account *a = &world->clients[i].account;
        sim_account_check_answered(a);
        sim_oracle_account_complete(&world->journal, a);
        live += sim_account_today(a)->live;
    }
    SIM_CHECK(live == engine_open_orders(world->topology.engine),
              "the clients know %u open orders, the engine %u", live,
              engine_open_orders(world->topology.engine));
    SIM_CHECK(live == engine_open_orders(world->journal.shadow),
              "the clients know %u open orders, the journal %u", live,
              engine_open_orders(world->journal.shadow));
    compare_sinks();
    sim.counts.fingerprint =
        hash_2u64(sim.random, engine_state_hash(world->journal.shadow), sim.now_ns);
}

/* ---- one run ---- */

void sim_world_run(const struct sim_options *options)
{
    /* Shortly before midnight, so that a day ends soon. */
    u64 start_ns = (FIRST_DAY + 1) * DAY_NS;

    setenv("TZ", "UTC", 1);
    tzset();
    log_level_set(options->trace ? LOG_INFO : LOG_ERROR + 1);
    sim_begin(options->seed, start_ns, options->trace);
    sim.now_ns -= sim_between(20, 250) * NS_PER_MS;
    sim.base_ns = sim.now_ns;
    world = sim_alloc(sizeof *world);
    world_init(options);
    if (options->plant)
        options->plant();
    if (options->moves > 0)
        process_of_moves();
    for (u32 i = 0; i < options->cuts; i++) {
        process_life();
        stay_off();
    }
    drain();
    final_checks();
    process_end();
    sim.counts.sink_fenced += world->database.late_refusals;
    world_free();
}

int sim_world_run_apart(const struct sim_options *options, bool quiet, struct sim_counts *counts)
{
    struct sim_counts *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    static const int crashes[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    int status = 0;

    SIM_CHECK(shared != MAP_FAILED, "no shared memory");
    fflush(NULL);
    pid_t pid = fork();
    SIM_CHECK(pid >= 0, "no process for a seed");
    if (pid == 0) {
        for (u32 i = 0; i < ARRAY_LEN(crashes); i++)
            signal(crashes[i], SIG_DFL); /* the test framework's handlers would go on from here */
        if (quiet && (!freopen("/dev/null", "w", stdout) || !freopen("/dev/null", "w", stderr)))
            _exit(1);
        sim_world_run(options);
        *shared = sim.counts;
        fflush(stdout);
        _exit(0);
    }
    waitpid(pid, &status, 0);
    sim_counts_add(counts, shared);
    munmap(shared, sizeof *shared);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
