/*
 * main.c - START HERE. A wirebook process from its command line to its last line of log.
 *
 *   conf       the YAML file, or the embedded default (conf.h), and the reference data it names
 *   world      what lies outside: the journal's directory, sockets, databases (world.h)
 *   topology   rings and agents, recovery from the journal (topology.h)
 *   open       START, trading day, instruments, accounts: through engine and journal (startup.c)
 *   go         each hot agent on the thread that the config names, each cold one on its own
 *   close      on SIGINT or SIGTERM: sessions end, everything becomes durable, exports catch up
 *
 * Exit codes: 0 ended in order; 1 config or surroundings; 10-13 the journal (persist.h).
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/base/agent.h"
#include "engine/base/clock.h"
#include "engine/base/log.h"
#include "gateway/admin/health.h"
#include "gateway/admin/http.h"
#include "gateway/admin/log_write.h"
#include "gateway/console/console.h"
#include "gateway/admin/service.h"
#include "gateway/conf.h"
#include "gateway/conf_machine.h"
#include "gateway/drain.h"
#include "gateway/draw.h"
#include "gateway/load.h"
#include "gateway/refdata.h"
#include "gateway/session/auth.h"
#include "gateway/steer.h"
#include "gateway/threads.h"
#include "gateway/topology.h"
#include "gateway/world.h"

#define VERSION             "0.1.0"
#define STATE_LOOK_INTERVAL 50u                /* ms between two looks at the journal's health */
#define STALL_NS            (10 * NS_PER_SEC)  /* an agent without a turn for so long is stuck */
#define START_EXTEND_NS     (600 * NS_PER_SEC) /* for a journal that takes long to read */
#define END_EXTEND_NS       (20 * NS_PER_SEC)  /* for what no key of the config bounds */

static struct conf conf; /* one of each; static because they are large */
static struct refdata refs;
static struct schedule schedule;
static struct machine machine;
static struct placement place;
static struct world world;
static struct topology topology;
static struct health health;
static struct http *http; /* NULL: not configured */
static struct agent http_agent;
static struct steer *steer;
static struct console *console;
static struct threads threads;

static void usage(FILE *out)
{
    fputs("wirebook - a trading gateway and matching engine\n"
          "\n"
          "  wirebook [CONFIG.yaml]            run; without a file, with the defaults\n"
          "  wirebook --check-config FILE      say all that is wrong with a file, change nothing;\n"
          "                                    files, users and cores that it names and only this\n"
          "                                    machine lacks: a warning\n"
          "  wirebook --print-config [FILE]    every key with its value, unit, range and meaning\n"
          "  wirebook --print-topology [FILE]  cores, agents, ports and rings that it leads to\n"
          "  wirebook --hash-password          read a password from stdin, print its stored form\n"
          "  wirebook --version\n"
          "\n"
          "Reads its files again on SIGHUP. Ends in order on SIGINT or SIGTERM, at once on a "
          "second one. Exit codes: 0 ended in "
          "order; 1 config or\n"
          "surroundings; 10 journal damaged; 11 journal cannot be written; 12 data_dir in use;\n"
          "13 data_dir cannot be opened.\n",
          out);
}

static int check_config(const char *path)
{
    int errors = load_files(path, NULL, &conf, &schedule, &refs, stderr);

    if (errors != 0) {
        fprintf(stderr, "%s: %d error%s\n", path, errors, errors == 1 ? "" : "s");
        return 1;
    }
    if (conf_machine_check(path, stderr) != 0)
        fprintf(stderr,
                "%s: warning: that is what this machine lacks; fine where the venue runs on "
                "another one, that has it\n",
                path);
    printf("%s: good; %u instruments, %u accounts\n", path, refs.instruments_used,
           refs.accounts_used);
    return 0;
}

static int print_config(const char *path)
{
    if (path && conf_load(path, &conf, stderr) != 0)
        return 1;
    if (!path)
        conf_default(&conf);
    conf_print(&conf, stdout);
    return 0;
}

static int print_topology(const char *path)
{
    if (path && conf_load(path, &conf, stderr) != 0)
        return 1;
    if (!path)
        conf_default(&conf);
    machine_read(&machine, &conf, "");
    draw_topology(&conf, &machine, stdout);
    return 0;
}

static int hash_password(void)
{
    char password[64] = "";
    char hash[AUTH_HASH_BYTES];

    if (!fgets(password, sizeof password, stdin))
        password[0] = '\0';
    password[strcspn(password, "\r\n")] = '\0';
    if (!auth_hash(password, hash)) {
        fputs("wirebook: a password has 1 to 10 letters and digits, on one line of stdin\n",
              stderr);
        return 1;
    }
    puts(hash);
    return 0;
}

static void hint(void *ctx, const char *line)
{
    (void)ctx;
    log_warn("%s", line);
}

/* Where everything goes; from here on this thread and those without a core leave the others alone.
 */
static void places_choose(void)
{
    machine_read(&machine, &conf, "");
    placement_choose(&conf, &machine, &place);
    placement_hints(&conf, &machine, &place, hint, NULL);
    int rc = placement_settle(&place);
    if (rc != 0)
        log_warn("the cold threads cannot be kept off the hot ones' cores: %s", strerror(rc));
}

static void greet(void)
{
    log_info("shard %u leads under epoch %llu, day %u, %u open orders, %u instruments, "
             "%u accounts; durability %s",
             topology.conf.shard, (unsigned long long)engine_epoch(topology.engine),
             engine_day(topology.engine), engine_open_orders(topology.engine),
             engine_instruments(topology.engine), engine_accounts(topology.engine),
             conf.durability == CONF_DURABILITY_DISK ? "disk" : "none (UNSAFE: for benchmarks)");
    log_info("listening on %s by %s; journal %016llx in %s; Ctrl-C ends it", world.edge.address,
             world.edge.dpdk ? "DPDK and our own TCP" : "kernel sockets",
             (unsigned long long)topology.journal_id, conf.data_dir);
}

static bool console_open(void)
{
    struct console_conf cc = {
        .dir = conf.console_dir,
        .token_file = conf.console_token_file,
        .exports = {conf.console_conninfo, conf.console_password_file, (u32)conf.shard},
    };

    console = console_new(&cc);
    return console != NULL;
}

/* Numbers and health for those who watch the process. Returns 0, or 1 after one log line. */
static int watch_open(u64 now_ns)
{
    struct health_conf hc = {
        .engine_day = engine_day_gauge(topology.engine),
        .clock_forward = &topology.admin.forward,
        .clock_back = &topology.admin.back,
        .space_level = persist_space_level(topology.persist),
        .stall_ns = STALL_NS,
    };

    health_init(&health, &hc);
    for (u32 i = 0; i < topology.agents_used; i++)
        health_watch(&health, &topology.agents[i], now_ns);
    health_register_metrics(&health);
    if (conf.management_port == 0)
        return 0;
    if (conf.console_dir[0] && !console_open())
        return 1;
    struct http_tls tls = {conf.management_cert_file, conf.management_key_file};
    http = http_new(conf.management_ipv4, (u16)conf.management_port, &tls, &health, console);
    if (!http)
        return 1;
    http_register_metrics(http);
    agent_init(&http_agent, "http", http_do_work, http, 0);
    agent_thread_add(threads_add(&threads, "http", -1, IDLE_COLD), &http_agent);
    return 0;
}

/* A sign of life for the service manager, as often as it wants one; none when an agent is stuck. */
static void watch(u64 now_ns)
{
    static u64 next_ns;
    u64 interval_ns = service_watchdog_ns() / 3;

    health_look(&health, now_ns);
    if (interval_ns == 0 || now_ns < next_ns || !health_live(&health, NULL))
        return;
    next_ns = now_ns + interval_ns;
    service_alive();
}

/* Housekeeping every 50 ms while the agents run. False: the journal has failed. */
static bool tick(u64 now_ns)
{
    edge_tick(&world.edge, now_ns);
    watch(now_ns);
    return !persist_failed(topology.persist);
}

/* Waits for SIGINT or SIGTERM, an operator's drain, or until the journal fails; SIGHUP reads the
 * files again. Returns the exit code, and whether it was a signal. */
static int wait_for_end(const sigset_t *signals, bool *signalled)
{
    struct timespec interval = {.tv_nsec = STATE_LOOK_INTERVAL * 1000000l};

    while (tick(clock_now_ns())) {
        int sig = sigtimedwait(signals, NULL, &interval);
        *signalled = sig == SIGINT || sig == SIGTERM;
        if (*signalled || steer_drains(steer)) {
            log_info("%s: ending in order", sig == SIGINT    ? "SIGINT"
                                            : sig == SIGTERM ? "SIGTERM"
                                                             : "drain");
            return 0;
        }
        if (sig == SIGHUP)
            steer_reload(steer);
    }
    return PERSIST_EXIT_FAILED;
}

/* Those that end the process, to `ends`; together with SIGHUP they wait for wait_for_end. */
static void signals_block(sigset_t *ends, sigset_t *all)
{
    sigemptyset(ends);
    sigaddset(ends, SIGINT);
    sigaddset(ends, SIGTERM);
    *all = *ends;
    sigaddset(all, SIGHUP);
    pthread_sigmask(SIG_BLOCK, all, NULL);
}

static int lead(const char *path)
{
    bool signalled = false;
    sigset_t ends, all;
    int rc = topology_open(&topology, &refs, clock_now_ns());
    struct renew_parts parts = {path, &refs, &topology, world.auth};

    if (rc != 0)
        return rc;
    signals_block(&ends, &all);
    signal(SIGHUP, SIG_DFL); /* blocked: it waits for wait_for_end */
    if (!edge_accept(&world.edge, TRANSPORT_ALL))
        return 1;
    threads_make(&threads, &conf, &topology);
    steer = steer_open(&conf, &parts);
    if (!steer || watch_open(clock_now_ns()) != 0)
        return 1;
    greet();
    rc = threads_start(&threads);
    if (rc == 0) {
        health_course_set(&health, HEALTH_OPEN);
        service_ready("open");
        rc = wait_for_end(&all, &signalled);
    }
    health_course_set(&health, HEALTH_DRAINING);
    service_stopping(steer_drain_notice_ns(steer) + steer_drain_timeout_ns(steer) + END_EXTEND_NS);
    if (rc == 0)
        drain_notice(&topology, &ends, signalled, steer_drain_notice_ns(steer), tick);
    threads_stop(&threads);
    stamps_write(topology.stamps, conf.stages_file);
    if (rc == 0) {
        u64 now_ns = clock_now_ns();
        if (!topology_close(&topology, now_ns, now_ns + steer_drain_timeout_ns(steer)))
            rc = persist_failed(topology.persist) ? PERSIST_EXIT_FAILED : 1;
        log_info("ended %s", rc == 0 ? "in order; all is durable" : "before all was durable");
    }
    return rc;
}

static int run(const char *path)
{
    struct topology_conf tc;
    int rc;

    if (load_files(path, NULL, &conf, &schedule, &refs, stderr) != 0)
        return 1;
    setenv("TZ", conf.timezone, 1);
    tzset();
    clock_init();
    log_level_set(conf.log_level);
    if (!log_write_open(conf.log_format, NULL))
        return 1;
    places_choose();
    load_topology(&tc, &conf, &schedule, &place);
    service_starting(START_EXTEND_NS);
    rc = world_open(&world, &conf, &refs, &place);
    if (rc == 0)
        rc = topology_build(&topology, &tc, &world.topology, clock_now_ns());
    if (rc == 0)
        rc = lead(path);
    http_free(http);
    console_free(console);
    steer_close(steer);
    topology_free(&topology);
    world_close(&world);
    refdata_free(&refs);
    log_write_close();
    return rc;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"check-config", required_argument, NULL, 'c'},
        {"print-config", no_argument, NULL, 'p'},
        {"print-topology", no_argument, NULL, 't'},
        {"hash-password", no_argument, NULL, 'w'},
        {"version", no_argument, NULL, 'v'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };

    signal(SIGHUP, SIG_IGN);  /* until there is something to reload */
    signal(SIGPIPE, SIG_IGN); /* hiredis uses write(): a peer that is gone must be an errno */
    int what = getopt_long(argc, argv, "h", options, NULL);
    const char *checked = optarg;
    bool takes_file = what == -1 || what == 'p' || what == 't';
    if (what != -1 && what != '?' && getopt_long(argc, argv, "h", options, NULL) != -1)
        what = '?'; /* one thing at a time */
    if (what != '?' && argc - optind > takes_file) {
        fprintf(stderr, "wirebook: %s: one argument too many\n\n", argv[optind + takes_file]);
        what = '?';
    }
    const char *file = optind < argc ? argv[optind] : NULL;
    switch (what) {
    case 'c':
        return check_config(checked);
    case 'p':
        return print_config(file);
    case 't':
        return print_topology(file);
    case 'w':
        return hash_password();
    case 'v':
        puts("wirebook " VERSION);
        return 0;
    case 'h':
        usage(stdout);
        return 0;
    case -1:
        return run(file);
    default:
        usage(stderr);
        return 1;
    }
}
