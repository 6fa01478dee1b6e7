/*
 * operate.h - carries out one operator's request at a time: looks, the command, its answer.
 *
 *   begin ─▶ LOOK ─▶ [SEARCH] ─▶ ASK ─▶ WAIT ─▶ DURABLE ─▶ answer
 *              ╰─ lists: page by page ────────────────────▶ answer
 *
 * An answer is what the engine has said (EV_OPERATED), once it is durable; never a hope.
 * When none comes in time the answer says how far the request is: in the engine's ring, taken, or
 * carried out and not on the disk yet. What becomes of it then is remembered, and looked up by its
 * number (the request `request`): here, else in the journal of the day. Thread: admin (cold).
 */
#ifndef WIREBOOK_GATEWAY_ADMIN_OPERATE_H
#define WIREBOOK_GATEWAY_ADMIN_OPERATE_H

#include <stdatomic.h>

#include "engine/base/metrics.h"
#include "gateway/admin/refusals.h"

#define OPERATE_ANSWER_NS (5 * NS_PER_SEC) /* until the engine must have answered, each page */

#define OPERATE_LATE 32u /* requests without an answer in time, the last ones, are remembered */

enum operate_found {
    FOUND_NOT_YET, /* call again */
    FOUND_IT,
    FOUND_NONE,       /* the journal of the day has no such trade, or request */
    FOUND_UNREADABLE, /* nobody knows: it cannot be read */
};

/* Snapshots, for operators: the three calls of who makes them. `ask` NULL: nobody. */
struct operate_snapshots {
    const char *(*hindered)(void *ctx); /* what is in the way of one; NULL: nothing */
    u64 (*ask)(void *ctx);              /* wants one; returns what to wait for */
    /* True when it is there, or cannot be: then it has said so in `answer`. */
    bool (*answer)(void *ctx, u64 asked, json_t *answer);
    void *ctx;
};

struct operate_conf {
    struct ring *cmds;    /* to the engine; shared with the admin agent, by the same thread */
    struct ring *answers; /* from it */
    const _Atomic u64 *durable_seq;
    /* Looks on in the journal for the trade of `m->match` and fills in what it was: a bounded piece
     * of work a call; `again` begins anew. NULL: cannot be done here. */
    enum operate_found (*trade_find)(void *ctx, struct msg_break *m, bool again);
    /* The same for what came of a request. NULL: cannot be done here. */
    enum operate_found (*request_find)(void *ctx, u64 request, struct msg_operated *out,
                                       bool again);
    void (*drain)(void *ctx); /* the process is to end in order. NULL: cannot */
    /* Begins a reload, which answers by itself (control_answer). Returns NULL, or what is in the
     * way. NULL: cannot. */
    const char *(*reload)(void *ctx, const struct peer *peer, const char *reason);
    /* An answer of the engine that is for none of these requests. NULL: nobody else asks. */
    void (*other)(void *ctx, const union msg *m);
    void *ctx;
    struct operate_snapshots snapshots;
};

enum operate_state { OPERATE_IDLE, OPERATE_LOOK, OPERATE_SEARCH, OPERATE_ASK, OPERATE_DURABLE };

/* A request that the engine had not answered, or the disk not taken, in time. */
struct operate_late {
    u64 request; /* 0: none */
    u64 end;     /* of its command in the ring */
    u8 note;     /* request_note: what follows once it is durable; 0: nothing */
    bool begun;  /* ... and has followed */
    bool ended;  /* the engine has answered by now: */
    struct msg_operated operated;
};

struct operate {
    struct operate_conf conf;
    enum operate_state state;
    struct request request;
    struct peer peer;
    u64 number;  /* of the request */
    u64 numbers; /* given out last */
    u64 deadline_ns;
    bool sent;      /* the look, or the command, is in the ring */
    u32 from;       /* LOOK: first id of the page */
    bool trade_new; /* SEARCH: nothing was looked at yet */
    json_t *list;   /* of what was seen */
    struct msg_seen seen;
    struct msg_operated end;
    union msg cmd; /* the carried one */
    u64 cmd_end;   /* its end in the ring, when it is sent */
    struct operate_late late[OPERATE_LATE];
    u32 late_used; /* in all; the place of the next one % OPERATE_LATE */
    u64 drain_ns;  /* when the process is to be told to end; 0: not */
    json_t *aside; /* the answer to who waits for a snapshot; NULL: nobody */
    u64 aside_asked;
    u64 now_ns; /* of this turn */
    struct refusals refusals;
    struct metric requests;
    struct metric refused; /* by role, by the parser or by the engine */
    struct metric timeouts;
};

/* `first` is the number of the first request: not used in the journal by this process' epoch. */
void operate_init(struct operate *o, const struct operate_conf *conf, u64 first);
void operate_register_metrics(const struct operate *o);

static inline bool operate_busy(const struct operate *o)
{
    return o->state != OPERATE_IDLE;
}

/* The number of one more request, of whoever asks the engine by the same rings. */
u64 operate_number(struct operate *o);

/* One more request was refused before the engine was asked, and is answered so: counted, noted. */
void operate_refused(struct operate *o, const struct refusal *f, u64 now_ns);

/* Takes `r` over. Only when not busy, and when the peer's role allows it. */
void operate_begin(struct operate *o, const struct request *r, const struct peer *peer, u64 now_ns);

/* An end that was asked for comes now, since its answer is out (or nobody takes it). */
void operate_drain(struct operate *o);

/* Goes on. Returns the answer, the caller's, when it is done; else NULL. */
json_t *operate_step(struct operate *o, u64 now_ns);

/* The answer to who waits for a snapshot, the caller's, when it is there; else NULL. Meanwhile
 * others are served; operate_step has ended that request without an answer. */
json_t *operate_aside(struct operate *o);

/* An answer that says `text`; `outcome` is one word. */
json_t *operate_answer(const char *outcome, const char *text);

/* Gives all back, whatever is under way. */
void operate_free(struct operate *o);

#endif
