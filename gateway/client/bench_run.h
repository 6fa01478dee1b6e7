/*
 * bench_run.h - one run of the benchmark: all its sessions, from the logins to the report.
 */
#ifndef WIREBOOK_CLIENT_BENCH_RUN_H
#define WIREBOOK_CLIENT_BENCH_RUN_H

#include "gateway/client/bench_session.h"

#define BENCH_SESSIONS_MAX 16384u

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
    enum bench_shape shape;
    u64 burst;    /* BENCH_BURST: requests of one burst */
    u64 catch_up; /* what is owed goes at most so many times as fast as the rate; 0: at once */
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
    bool on_core;  /* show apart the requests during which no thread lost its core */
    u32 beside[BENCH_CORES_MAX - 1]; /* ... neither our own nor these of the venue */
    u32 beside_used;
    const char *ack_log;
};

/* What a run found: the sums over all sessions, and the verdict. 700 KiB: not for the stack. */
struct bench_result {
    double offered;   /* requests per second that the schedule had */
    double achieved;  /* ... and that were sent */
    bool interrupted; /* connections were lost or the run was stopped */
    bool judged;      /* a rate that was not reached makes the run fail */
    u64 losses;
    u64 unanswered;
    u64 lingering;
    u64 wrong;
    u64 replayed;
    u64 messages;
    u64 start_ns;    /* when the first measured request was due */
    u64 late_max_ns; /* how late the latest one was sent */
    struct ledger_counts counts;
    struct histogram latency[BENCH_KINDS];
    struct histogram all;     /* the same together */
    struct histogram on_core; /* those during which no watched thread lost its core */
    int code;                 /* enum bench_exit */
    char first_wrong[160];    /* in words; "" when nothing is */
};

/* Runs it. clock_init has been called. Returns result->code. */
int bench_run(const struct bench_options *o, struct bench_result *result);

/* Asks the running benchmark to send nothing more and to finish properly: for a signal handler. */
void bench_stop(void);

#endif
