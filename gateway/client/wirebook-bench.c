/*
 * wirebook-bench - latency and correctness of a venue under a fixed schedule of orders.
 *
 * Starts what the command line (bench_command.c) asks for and leaves the rest to bench_run.c. Exit
 * codes are those of bench_run.h.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/clock.h"
#include "gateway/client/bench_command.h"
#include "gateway/client/bench_jitter.h"
#include "gateway/client/bench_machine.h"
#include "gateway/client/bench_report.h"
#include "gateway/client/wb_pipe.h"
#include "gateway/inside.h"

/* Where, how and over what: without it a figure says nothing. */
static void print_head(const struct bench_command *c)
{
    bench_machine_print(stdout);
    printf("transport of the client: %s\n",
           c->venue_config != NULL                    ? "none: the venue is in this process"
           : c->bypass.device != NULL                 ? "our own TCP over DPDK"
           : strncmp(c->options.host, "127.", 4) == 0 ? "the kernel's TCP over the loopback"
                                                      : "the kernel's TCP");
    for (u32 i = 0; i < c->notes_used; i++)
        puts(c->notes[i]);
    fflush(stdout);
}

static int run_once(const struct bench_command *c)
{
    const struct bench_options *o = &c->options;
    static struct bench_result result;
    int code = bench_run(o, &result);

    bench_report(stdout, o, &result);
    fflush(stdout);
    if (code == BENCH_TOO_SLOW) /* no file of figures that mean nothing */
        return code;
    const char *path, *wrong = bench_keep_write(&c->keep, o, &result, &path);
    if (wrong != NULL)
        bench_usage(wrong, path);
    return code;
}

/* Each session connects once a run; those that come back need more. */
static struct inside *start_venue(const struct bench_command *c)
{
    const struct bench_options *o = &c->options;
    u32 runs = max_u32(c->ladder.rungs, 1) * (o->reconnect || o->verify_replay ? 8 : 1);
    struct inside *venue = inside_start(c->venue_config, min_u32(o->sessions * runs, 65536));

    if (venue == NULL)
        exit(BENCH_USAGE);
    wb_pipe_use(inside_pipes(venue));
    return venue;
}

static void on_signal(int number)
{
    (void)number;
    bench_stop();
}

int main(int argc, char **argv)
{
    struct bench_command *c = bench_command();
    const struct bench_options *o = &c->options;

    bench_command_take(c, argc, argv);
    clock_init();
    if (c->jitter)
        return bench_jitter_print(stdout, o->rate, o->run_ms * NS_PER_MS, o->on_core);
    const char *path, *wrong = bench_keep_check(&c->keep, &path);
    if (wrong != NULL)
        bench_usage(wrong, path);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    char error[512];
    if (c->bypass.device != NULL && !wb_bypass_start(&c->bypass, error, sizeof(error)))
        bench_usage(error, "");
    struct inside *venue = c->venue_config != NULL ? start_venue(c) : NULL;
    if (!o->lines)
        print_head(c);
    int code =
        c->ladder.rungs > 0 ? bench_ladder_run(&c->ladder, o, bench_run, stdout) : run_once(c);
    wb_bypass_stop();
    if (!inside_stop(venue) && code == BENCH_OK)
        code = BENCH_WRONG;
    return code;
}
