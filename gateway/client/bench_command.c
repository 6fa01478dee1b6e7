/*
 * bench_command.c - see bench_command.h. One function for each group of options.
 */
#include "gateway/client/bench_command.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/client/client_options.h"

static const char help[] =
    "wirebook-bench - latency and correctness of a venue under a fixed schedule of orders\n"
    "\n"
    "  wirebook-bench --accounts USER:PASSWORD,... [OPTION...]\n"
    "\n"
    "Open loop: each request has its time, and its latency is measured from that time to its "
    "answer,\n"
    "however late it could be sent. Every answer is checked; at the end nothing may be "
    "unanswered.\n"
    "\n"
    "  --host HOST            default 127.0.0.1\n"
    "  --port PORT            default 9000\n"
    "  --vdev DEVICE          past the kernel, by our own TCP over this device of DPDK, for "
    "example\n"
    "                         net_memif0,role=client,id=0,socket=PATH,socket-abstract=no\n"
    "  --address A.B.C.D/N    our own address on it, default 10.9.0.2/24; HOST is an address then\n"
    "  --in-process CONFIG    no network: the venue of that config runs in this process, without\n"
    "                         listeners and exports\n"
    "  --accounts LIST|FILE   a session each: USER:PASSWORD,... or a file of such, one a line\n"
    "  --rate N               requests a second, all sessions together; default 1000\n"
    "  --shape SHAPE          constant; poisson: as independent clients would; burst:N, so many "
    "at\n"
    "                         once; default constant\n"
    "  --catch-up N           after a delay of this program's own what is owed goes out at most N\n"
    "                         times as fast as the rate, one after the other, not at once; it is\n"
    "                         measured from when it was due all the same\n"
    "  --ladder N,N,...       one run after the other at these rates (1k, 10k, 1M), until the p99 "
    "breaks\n"
    "  --knee N               it breaks above N times the first run's; default 10\n"
    "  --seconds S            measured time, default 10\n"
    "  --warmup S             before it and not measured, default 2\n"
    "  --mix A,C,R,X|FILE     percent of adds, cancels, replaces, aggressive; default 45,40,10,5.\n"
    "                         In a file: lines like `add 45`\n"
    "  --symbols LIST|FILE    AAPL:225.50,... or a CSV like config/instruments.csv\n"
    "  --open N               open orders of a session at most, default 1000\n"
    "  --seed N               of the order flow, default 1\n"
    "  --any-rate             do not judge the rate: where only right answers count\n"
    "  --keep                 leave open orders in the book at the end\n"
    "  --drain S              how long the last answers may take, default 10\n"
    "  --ack-log FILE         append each message: USER NUMBER HEX; flushed before it counts as "
    "seen\n"
    "  --reconnect            log in again when a connection is lost, and send again what is "
    "unanswered\n"
    "  --reconnect-for S      give up after so long without a connection, default 30\n"
    "  --verify-replay        on such a login, and at the end, have the whole stream replayed and\n"
    "                         compare it with what was seen\n"
    "  --hgrm FILE            write the latencies as HdrHistogram's percentile distribution, us\n"
    "  --hlog FILE            ... as a histogram log 1.3 with a line for each kind of request, ns\n"
    "  --csv FILE             ... as a table, ns\n"
    "  --note TEXT            a line of the report: what the client cannot know, such as the "
    "venue's\n"
    "                         cores, durability and commit; may be given several times\n"
    "  --lines                print `name value unit` lines instead of the report\n"
    "  --spin                 never sleep, and make requests just before they are due: wants a\n"
    "                         core of its own\n"
    "  --on-core TID,...|none also show apart the requests during which neither this program nor "
    "these\n"
    "                         threads (of the venue, on this machine) lost their core: with "
    "--spin\n"
    "                         and a venue that spins, what the machine's other work did not touch\n"
    "  --jitter               no venue: how late a thread that spins sees moments at --rate\n"
    "  --help\n"
    "\n"
    "Exit codes: 0 good, 1 options that make no sense, 2 login rejected, 3 connection lost, 4 "
    "something\n"
    "was lost, doubled or contradicts itself, 5 the offered rate was not reached within 1 %.\n";

enum {
    OPT_HOST,
    OPT_PORT,
    OPT_VDEV,
    OPT_ADDRESS,
    OPT_IN_PROCESS,
    OPT_ACCOUNTS,
    OPT_RATE,
    OPT_SHAPE,
    OPT_CATCH_UP,
    OPT_LADDER,
    OPT_KNEE,
    OPT_SECONDS,
    OPT_WARMUP,
    OPT_MIX,
    OPT_SYMBOLS,
    OPT_OPEN,
    OPT_SEED,
    OPT_ANY_RATE,
    OPT_KEEP,
    OPT_DRAIN,
    OPT_ACK_LOG,
    OPT_RECONNECT,
    OPT_RECONNECT_FOR,
    OPT_VERIFY,
    OPT_HGRM,
    OPT_HLOG,
    OPT_CSV,
    OPT_NOTE,
    OPT_LINES,
    OPT_SPIN,
    OPT_ON_CORE,
    OPT_JITTER,
    OPT_HELP,
};

static const struct option option_list[] = {
    {"host", required_argument, NULL, OPT_HOST},
    {"port", required_argument, NULL, OPT_PORT},
    {"vdev", required_argument, NULL, OPT_VDEV},
    {"address", required_argument, NULL, OPT_ADDRESS},
    {"in-process", required_argument, NULL, OPT_IN_PROCESS},
    {"accounts", required_argument, NULL, OPT_ACCOUNTS},
    {"rate", required_argument, NULL, OPT_RATE},
    {"shape", required_argument, NULL, OPT_SHAPE},
    {"catch-up", required_argument, NULL, OPT_CATCH_UP},
    {"ladder", required_argument, NULL, OPT_LADDER},
    {"knee", required_argument, NULL, OPT_KNEE},
    {"seconds", required_argument, NULL, OPT_SECONDS},
    {"warmup", required_argument, NULL, OPT_WARMUP},
    {"mix", required_argument, NULL, OPT_MIX},
    {"symbols", required_argument, NULL, OPT_SYMBOLS},
    {"open", required_argument, NULL, OPT_OPEN},
    {"seed", required_argument, NULL, OPT_SEED},
    {"any-rate", no_argument, NULL, OPT_ANY_RATE},
    {"keep", no_argument, NULL, OPT_KEEP},
    {"drain", required_argument, NULL, OPT_DRAIN},
    {"ack-log", required_argument, NULL, OPT_ACK_LOG},
    {"reconnect", no_argument, NULL, OPT_RECONNECT},
    {"reconnect-for", required_argument, NULL, OPT_RECONNECT_FOR},
    {"verify-replay", no_argument, NULL, OPT_VERIFY},
    {"hgrm", required_argument, NULL, OPT_HGRM},
    {"hlog", required_argument, NULL, OPT_HLOG},
    {"csv", required_argument, NULL, OPT_CSV},
    {"note", required_argument, NULL, OPT_NOTE},
    {"lines", no_argument, NULL, OPT_LINES},
    {"spin", no_argument, NULL, OPT_SPIN},
    {"on-core", required_argument, NULL, OPT_ON_CORE},
    {"jitter", no_argument, NULL, OPT_JITTER},
    {"help", no_argument, NULL, OPT_HELP},
    {0},
};

void bench_usage(const char *what, const char *value)
{
    fprintf(stderr, "wirebook-bench: %s%s%s; see --help\n", what, value[0] != 0 ? ": " : "", value);
    exit(BENCH_USAGE);
}

static u64 wanted_number(const char *name, u64 low, u64 high)
{
    u64 value;
    if (!client_number(optarg, low, high, &value))
        bench_usage(name, optarg);
    return value;
}

/* Seconds with decimals, as milliseconds. */
static u64 wanted_seconds(const char *name)
{
    char *end;
    double s = strtod(optarg, &end);
    if (*end != 0 || !(s >= 0 && s <= 86400))
        bench_usage(name, optarg);
    return (u64)(s * 1000 + 0.5);
}

/* One USER:PASSWORD; it is not printed when it is wrong. */
static void add_account(struct bench_options *o, char *text)
{
    char *colon = strchr(text, ':');
    if (colon == NULL || o->sessions == BENCH_SESSIONS_MAX)
        bench_usage("accounts are USER:PASSWORD, at most 16384 of them", "");
    *colon = 0;
    struct wb_login *l = &o->logins[o->sessions++];
    if (strlen(text) >= sizeof(l->user) || strlen(colon + 1) >= sizeof(l->password))
        bench_usage("a user has up to 6 characters, a password up to 10", text);
    snprintf(l->user, sizeof(l->user), "%s", text);
    snprintf(l->password, sizeof(l->password), "%s", colon + 1);
}

static void take_accounts(struct bench_options *o)
{
    char line[256];
    char *rest = NULL;
    if (strchr(optarg, ':') != NULL) {
        for (char *w = strtok_r(optarg, ",", &rest); w != NULL; w = strtok_r(NULL, ",", &rest))
            add_account(o, w);
        return;
    }
    FILE *f = fopen(optarg, "r");
    if (f == NULL)
        bench_usage("neither USER:PASSWORD,... nor a file that can be read", optarg);
    while (fgets(line, sizeof(line), f) != NULL) {
        line[strcspn(line, " \t\r\n")] = 0;
        if (line[0] != 0 && line[0] != '#')
            add_account(o, line);
    }
    fclose(f);
}

static void take_symbols(struct bench_options *o)
{
    const char *wrong = bench_symbols_parse(&o->symbols, optarg);
    if (wrong != NULL)
        bench_usage(wrong, optarg);
}

static void take_shape(struct bench_options *o)
{
    u64 burst = 1;

    if (strcmp(optarg, "constant") == 0)
        o->shape = BENCH_CONSTANT;
    else if (strcmp(optarg, "poisson") == 0)
        o->shape = BENCH_POISSON;
    else if (strncmp(optarg, "burst:", 6) == 0 && client_number(optarg + 6, 1, 1000000, &burst))
        o->shape = BENCH_BURST;
    else
        bench_usage("--shape is constant, poisson or burst:N", optarg);
    o->burst = burst;
}

static void take_on_core(struct bench_options *o)
{
    char *rest = NULL;
    u64 tid;

    o->on_core = true;
    if (strcmp(optarg, "none") == 0)
        return;
    for (char *w = strtok_r(optarg, ",", &rest); w != NULL; w = strtok_r(NULL, ",", &rest)) {
        if (o->beside_used == ARRAY_LEN(o->beside) || !client_number(w, 1, UINT32_MAX, &tid))
            bench_usage("--on-core is none, or up to 7 numbers of threads", w);
        o->beside[o->beside_used++] = (u32)tid;
    }
}

static void take_ladder(struct bench_ladder *ladder)
{
    const char *wrong = bench_ladder_parse(ladder, optarg);

    if (wrong != NULL)
        bench_usage(wrong, optarg);
}

/* The options that say what is sent. */
static bool take_load_option(struct bench_command *c, int option)
{
    struct bench_options *o = &c->options;

    switch (option) {
    case OPT_RATE:
        o->rate = wanted_number("--rate is 1..10000000", 1, 10000000);
        return true;
    case OPT_SHAPE:
        take_shape(o);
        return true;
    case OPT_CATCH_UP:
        o->catch_up = wanted_number("--catch-up is 2..1000", 2, 1000);
        return true;
    case OPT_LADDER:
        take_ladder(&c->ladder);
        return true;
    case OPT_KNEE:
        c->ladder.knee = wanted_number("--knee is 1..1000000", 1, 1000000);
        return true;
    case OPT_SECONDS:
        o->run_ms = wanted_seconds("--seconds is a time");
        if (o->run_ms == 0)
            bench_usage("--seconds is a time above 0", optarg);
        return true;
    case OPT_WARMUP:
        o->warmup_ms = wanted_seconds("--warmup is a time");
        return true;
    case OPT_MIX:
        if (!bench_mix_parse(o->percent, optarg))
            bench_usage(
                "--mix wants four percentages that sum to 100, like 45,40,10,5, or a file with "
                "them",
                optarg);
        return true;
    case OPT_SYMBOLS:
        take_symbols(o);
        return true;
    case OPT_OPEN:
        o->open_max = (u32)wanted_number("--open is 1..65536", 1, LEDGER_OPEN_MAX);
        return true;
    case OPT_SEED:
        o->seed = wanted_number("--seed is a number", 0, UINT64_MAX);
        return true;
    case OPT_ANY_RATE:
        o->any_rate = true;
        return true;
    case OPT_KEEP:
        o->keep = true;
        return true;
    default:
        return false;
    }
}

static void take_note(struct bench_command *c)
{
    if (c->notes_used == BENCH_NOTES_MAX)
        bench_usage("at most 16 notes", "");
    c->notes[c->notes_used++] = optarg;
}

/* The options that say what comes out. */
static bool take_output_option(struct bench_command *c, int option)
{
    struct bench_options *o = &c->options;

    switch (option) {
    case OPT_HGRM:
        c->keep.hgrm = optarg;
        return true;
    case OPT_HLOG:
        c->keep.hlog = optarg;
        return true;
    case OPT_CSV:
        c->keep.csv = optarg;
        return true;
    case OPT_NOTE:
        take_note(c);
        return true;
    case OPT_ON_CORE:
        take_on_core(o);
        return true;
    case OPT_ACK_LOG:
        o->ack_log = optarg;
        return true;
    case OPT_LINES:
        o->lines = true;
        return true;
    default:
        return false;
    }
}

static void take_option(struct bench_command *c, int option)
{
    struct bench_options *o = &c->options;

    if (take_load_option(c, option) || take_output_option(c, option))
        return;
    switch (option) {
    case OPT_HOST:
        o->host = optarg;
        return;
    case OPT_PORT:
        o->port = (u16)wanted_number("--port is 1..65535", 1, 65535);
        return;
    case OPT_VDEV:
        c->bypass.device = optarg;
        return;
    case OPT_ADDRESS:
        c->bypass.address = optarg;
        return;
    case OPT_IN_PROCESS:
        c->venue_config = optarg;
        return;
    case OPT_ACCOUNTS:
        take_accounts(o);
        return;
    case OPT_DRAIN:
        o->drain_ms = wanted_seconds("--drain is a time");
        return;
    case OPT_RECONNECT:
        o->reconnect = true;
        return;
    case OPT_RECONNECT_FOR:
        o->reconnect_ms = wanted_seconds("--reconnect-for is a time");
        return;
    case OPT_VERIFY:
        o->verify_replay = true;
        return;
    case OPT_SPIN:
        o->spin = true;
        return;
    case OPT_JITTER:
        c->jitter = true;
        return;
    case OPT_HELP:
        fputs(help, stdout);
        exit(BENCH_OK);
    default:
        bench_usage("an option that there is not, or without its value", "");
    }
}

void bench_command_take(struct bench_command *c, int argc, char **argv)
{
    const struct bench_options *o = &c->options;
    int option;

    while ((option = getopt_long(argc, argv, "", option_list, NULL)) != -1)
        take_option(c, option);
    if (optind < argc)
        bench_usage("not an option", argv[optind]);
    if (c->jitter)
        return;
    if (o->sessions == 0)
        bench_usage("--accounts is needed", "");
    const char *twice = client_twice(o->logins, o->sessions);
    if (twice != NULL)
        bench_usage("an account is there twice: it would take over from itself", twice);
    if (c->ladder.rungs > 0 && bench_keep_any(&c->keep))
        bench_usage("--hgrm, --hlog and --csv are for one run, not for a --ladder", "");
    if (o->catch_up > 0 && o->shape == BENCH_BURST)
        bench_usage("--catch-up spreads what is due at once, which --shape burst:N wants", "");
    if (c->bypass.device != NULL && c->venue_config != NULL)
        bench_usage("--vdev and --in-process: one of them", "");
}

struct bench_command *bench_command(void)
{
    static struct bench_command c = {
        .options =
            {
                .host = "127.0.0.1",
                .port = 9000,
                .rate = 1000,
                .burst = 1,
                .warmup_ms = 2000,
                .run_ms = 10000,
                .drain_ms = 10000,
                .reconnect_ms = 30000,
                .seed = 1,
                .percent = {[BENCH_ADD] = 45,
                            [BENCH_CANCEL] = 40,
                            [BENCH_REPLACE] = 10,
                            [BENCH_AGGRESSIVE] = 5},
                .open_max = 1000,
            },
        .ladder = {.knee = 10},
        .bypass = {.address = "10.9.0.2/24"},
    };

    bench_symbols_default(&c.options.symbols);
    return &c;
}
