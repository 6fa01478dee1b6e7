/*
 * bench_command.h - the command line of wirebook-bench. Cold.
 */
#ifndef WIREBOOK_CLIENT_BENCH_COMMAND_H
#define WIREBOOK_CLIENT_BENCH_COMMAND_H

#include "gateway/client/bench_keep.h"
#include "gateway/client/bench_ladder.h"
#include "gateway/client/bench_run.h"
#include "gateway/client/wb_bypass.h"

#define BENCH_NOTES_MAX 16u

struct bench_command {
    struct bench_options options;
    struct bench_ladder ladder;         /* no rungs: one run */
    struct bench_keep keep;             /* where the results go besides the standard output */
    struct wb_bypass_conf bypass;       /* without a device: sockets */
    const char *venue_config;           /* --in-process; NULL: the venue is elsewhere */
    bool jitter;                        /* only the machine is measured */
    const char *notes[BENCH_NOTES_MAX]; /* lines of the report */
    u32 notes_used;
};

/* The one command, as it is without any option. */
struct bench_command *bench_command(void);

/* Takes the options of `argv`; ends the process where they make no sense, and after --help. */
void bench_command_take(struct bench_command *c, int argc, char **argv);

/* Ends the process with BENCH_USAGE and a line on the standard error; `value`: "" for none. */
__attribute__((noreturn)) void bench_usage(const char *what, const char *value);

#endif
