/*
 * bench_session.h - one session of the benchmark: its connection, its stream, what it owes.
 *
 * Around a wb_client: logs in, finds the first free order number, hands messages to the ledger,
 * records latencies, keeps the log of what was seen, and - where asked - survives the venue: it
 * logs in again where the stream stopped, sends again what was not answered (which OUCH allows: the
 * venue ignores what it has), and compares a replay with what was seen before. One thread.
 */
#ifndef WIREBOOK_CLIENT_BENCH_SESSION_H
#define WIREBOOK_CLIENT_BENCH_SESSION_H

#include <stdio.h>

#include "engine/base/histogram.h"
#include "gateway/client/bench_cores.h"
#include "gateway/client/bench_flow.h"
#include "gateway/client/bench_ledger.h"
#include "gateway/client/bench_schedule.h"
#include "gateway/client/wb_client.h"

/* What all sessions share. */
struct bench_shared {
    const char *host;
    u16 port;
    bool reconnect;     /* a lost connection is made again */
    u64 reconnect_ns;   /* ... for so long */
    bool verify_replay; /* a resume asks for everything and compares */
    FILE *ack_log;      /* NULL: none */
    struct bench_schedule schedule;
    u32 sessions;
    struct histogram latency[BENCH_KINDS];
    struct histogram on_core; /* of those during which no watched thread lost its core */
    struct bench_cores cores;
    u64 first_due_ns; /* of the measured requests */
    u64 last_due_ns;
    u64 measured;    /* how many were sent */
    u64 last_ns;     /* when the last of them was sent */
    u64 late_max_ns; /* how late the latest one was sent */
    u64 sent;        /* requests of the schedule */
    u32 made;        /* requests that are ready before they are due, and not yet sent */
    u64 gap_ns;      /* between two requests at least; 0: what is due goes at once */
    u64 next_ns;     /* when the next one may go */
    u64 waiting;     /* of all ledgers: requests that are made and not answered */
};

enum bench_state {
    BENCH_CONNECTING, /* the first login */
    BENCH_QUERYING,   /* asked for the first free order number */
    BENCH_READY,
    BENCH_AGAIN, /* connection lost; logs in again at retry_ns */
    BENCH_RESUMING,
    BENCH_OVER, /* logged out, or failed */
};

struct bench_session {
    struct bench_shared *shared;
    struct wb_client *client;
    struct wb_login login; /* user and password */
    struct ledger ledger;
    struct bench_flow flow;
    u32 index;
    enum bench_state state;
    int failed;             /* exit code (bench_run.h) of what ended the session; 0: nothing did */
    char why[160];          /* the same in words, or the first contradiction */
    u64 wrong;              /* contradictions */
    struct bench_pace pace; /* its part of the schedule */
    u32 made_bytes;         /* of the next request, which is made already; 0: it is not */
    u8 made[WB_REQUEST_MAX];
    char session[WB_SESSION_BYTES + 1];
    u64 stream_end; /* messages after it were made after our first login */
    u64 next_seq;   /* first message that was never seen */
    u64 replayed;   /* messages that came again, and were compared */
    u64 losses;     /* connections lost */
    u32 *crcs;      /* of the messages from crc_base on, with verify_replay */
    u64 crc_base;
    u64 crc_room;
    u32 again_ref;    /* numbers before it need not be sent again */
    u32 again_end;    /* ... nor those from here on */
    bool full;        /* as much is unanswered as can be kept: goes on with the next answer */
    bool query_owed;  /* a query is to be sent */
    bool query_asked; /* ... or was, and is not yet answered */
    u64 retry_ns;
    u64 backoff_ns;
    u64 lost_ns; /* since when there has been no connection */
};

/* A session that has not connected. `login` has user and password; the flow is initialised. */
void bench_session_init(struct bench_session *s, struct bench_shared *shared, u32 index,
                        const struct wb_login *login);
void bench_session_free(struct bench_session *s);

/* Connects and logs in: the first time, or again. */
void bench_session_connect(struct bench_session *s, u64 now_ns);

/* Takes in what has come, reconnects when it is time, sends again what is owed. */
void bench_session_poll(struct bench_session *s, u64 now_ns);

/* The schedule in `shared` is set: this session's part of it begins. */
void bench_session_begin(struct bench_session *s, u64 seed);

/*
 * Makes the next request before it is due, which has to be soon. As with a client who knows what he
 * will do, what that takes is not in the latency. From then on the session counts it as asked.
 */
void bench_session_prepare(struct bench_session *s);

/* Queues the requests of the schedule that are due; bench_session_flush sends them in one write. */
void bench_session_send(struct bench_session *s, u64 now_ns);

/* Queues cancels of open orders while there is room. True: none are left. */
bool bench_session_cancel_all(struct bench_session *s, u64 now_ns);

/* Asks for the next order number: its answer shows that all before it has been handled. */
void bench_session_ask(struct bench_session *s);

void bench_session_flush(struct bench_session *s, u64 now_ns);

/* True when everything that was asked has been answered, that question included. */
bool bench_session_quiet(const struct bench_session *s);

/* When its next request is due, UINT64_MAX when it has none or cannot send now. */
u64 bench_session_due(const struct bench_session *s);

/* Ends the connection with a logout, and asks for the whole stream again to compare it. */
void bench_session_verify(struct bench_session *s, u64 now_ns);

#endif
