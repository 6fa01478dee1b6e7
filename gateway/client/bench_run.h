/*
 * bench_run.h - one run of the benchmark: all its sessions, from the logins to the report.
 */
#ifndef WIREBOOK_CLIENT_BENCH_RUN_H
#define WIREBOOK_CLIENT_BENCH_RUN_H

#include <stdio.h>

#include "gateway/client/bench_session.h"

#define BENCH_SESSIONS_MAX 1024u

enum bench_exit {
    BENCH_OK = 0,
    BENCH_USAGE = 1,
    BENCH_LOGIN_REJECTED = 2,
    BENCH_LOST = 3,
    BENCH_WRONG = 4,    /* something was lost, doubled or contradicts itself */
    BENCH_TOO_SLOW = 5, /* the offered rate was not reached: the latencies mean nothing */
};

struct bench_options {
    const char *host;
    u16 port;
    struct wb_login logins[BENCH_SESSIONS_MAX];
    u32 sessions;
    u64 rate; /* requests per second of all sessions together */
    u64 warmup_ms;
    u64 run_ms;
    u64 drain_ms; /* how long answers may take at the end */
    u64 reconnect_ms;
    u64 seed;
    u32 percent[BENCH_KINDS];
    u32 open_max; /* open orders of a session */
    struct bench_symbols symbols;
    bool reconnect;
    bool verify_replay;
    bool any_rate; /* do not judge the rate */
    bool keep;     /* leave open orders in the book */
    bool spin;     /* never sleep: a core of its own */
    bool lines;    /* print `name value unit` lines only */
    const char *ack_log;
};

/* Runs it and prints the report. clock_init has been called. Returns enum bench_exit. */
int bench_run(const struct bench_options *o);

/* Asks the running benchmark to send nothing more and to finish properly: for a signal handler. */
void bench_stop(void);

#endif
