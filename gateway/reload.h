/*
 * reload.h - the files again while the venue runs: all of what may change, or nothing.
 *
 *   begin ─▶ NOTE ─▶ read and check ─▶ LOOK ─▶ SEND ─▶ GIVE ─▶ DURABLE ─▶ result
 *             │         │ wrong         │ does not fit  ╰ refused ─▶ UNDO ─╮
 *             ╰ journalled with who and why     ╰────────┴──────────────────┴▶ result: refused
 *
 * What the engine keeps goes there as requests of the operator who asked, one journalled
 * transaction each; what other agents keep is given to them once the engine has taken all. The
 * admin agent runs it between other requests; hot agents see commands, and one pointer each.
 */
#ifndef WIREBOOK_GATEWAY_RELOAD_H
#define WIREBOOK_GATEWAY_RELOAD_H

#include <stdatomic.h>

#include "engine/base/metrics.h"
#include "engine/base/ring.h"
#include "gateway/admin/roles.h"
#include "gateway/reload_plan.h"

#define RELOAD_WINDOW 16u /* requests that the engine has still to answer */

struct reload_conf {
    struct ring *cmds; /* to the engine; shared, by the same thread */
    const _Atomic u64 *durable_seq;
    u64 (*number)(void *ctx); /* of one more request */
    /* Reads and checks all files; what is wrong to `errors`, a line each. Returns how many. After 0
     * `*was` and `*is` are the reference data, which stay until done; `*max` the pools. */
    int (*load)(void *renew, const struct refdata **was, const struct refdata **is,
                struct refdata_max *max, FILE *errors);
    bool (*give)(
        void *renew); /* gives the other parts theirs; true once all have it. Cannot fail */
    void (*drop)(void *renew); /* instead: what was loaded is not wanted */
    void *renew;               /* of load, give and drop */
    void *ctx;                 /* of number */
};

enum reload_outcome { RELOAD_DONE, RELOAD_REFUSED };

struct reload_result {
    enum reload_outcome outcome;
    u64 request; /* its number in the journal, and where it stands there */
    u64 seq;
    u64 last_seq;
    struct plan_counts counts;
    u32 commands; /* that had an effect */
    char *text;   /* what was wrong, lines; "": nothing. reload_end frees it */
};

enum reload_stage {
    RELOAD_IDLE,
    RELOAD_NOTE,
    RELOAD_LOOK,
    RELOAD_SEND,
    RELOAD_UNDO,
    RELOAD_GIVE,
    RELOAD_DURABLE
};

struct reload {
    struct reload_conf conf;
    enum reload_stage stage;
    struct peer peer;
    char reason[OPERATOR_REASON_BYTES + 1];
    struct plan plan;
    struct refdata_max max;
    struct seen_venue venue;
    u32 sent, answered;         /* of the stage's subjects or steps */
    u64 numbers[RELOAD_WINDOW]; /* of those on their way, by place % RELOAD_WINDOW */
    bool refused;               /* SEND: one was */
    bool stays;                 /* UNDO: something could not be taken back */
    struct reload_result result;
    FILE *errors; /* writes result.text; NULL: closed */
    size_t text_bytes;
    struct metric reloads, failed;
};

void reload_init(struct reload *r, const struct reload_conf *conf);
void reload_register_metrics(const struct reload *r);

static inline bool reload_busy(const struct reload *r)
{
    return r->stage != RELOAD_IDLE;
}

/* Begins. Only when not busy. `reason` is at most OPERATOR_REASON_BYTES long. */
void reload_begin(struct reload *r, const struct peer *peer, const char *reason);

/* An answer of the engine that nobody else has asked for. */
void reload_answer(struct reload *r, const union msg *m);

/* Goes on; `*work` grows by what was done. The result when it is done, valid until reload_end. */
const struct reload_result *reload_step(struct reload *r, int *work);

/* The result was told; also gives back whatever is under way. */
void reload_end(struct reload *r);

#endif
