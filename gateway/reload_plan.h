/*
 * reload_plan.h - what the engine has to be asked so that it knows what the files say now. Pure but
 * for malloc. Cold: the admin agent's thread.
 *
 *   plan_begin: what differs ─▶ subjects ─▶ looks ─▶ plan_seen ─▶ plan_make: steps, each with its
 *   way back. What may be refused comes first, so that a refusal undoes little.
 */
#ifndef WIREBOOK_GATEWAY_RELOAD_PLAN_H
#define WIREBOOK_GATEWAY_RELOAD_PLAN_H

#include "gateway/refdata.h"

/* An account before and now; NULL: it was, or is, not there. */
struct plan_pair {
    const struct refdata_account *was;
    const struct refdata_account *is;
};

/* All accounts of both, by name, to `*out`, which is to be freed. Returns how many. */
u32 plan_pairs(const struct refdata *was, const struct refdata *is, struct plan_pair **out);

/* An instrument or account that is to be looked at first. */
struct plan_subject {
    char name[8];                       /* as a look has it */
    u8 look;                            /* LOOK_INSTRUMENT or LOOK_ACCOUNT */
    bool kept;                          /* an operator's terms, or checks, stay */
    bool bound;                         /* an account that is logged in */
    u32 id;                             /* the engine's; 0: it does not know it */
    u8 terms[OPERATOR_BODY_BYTES];      /* as it has them */
    const struct refdata_instrument *i; /* as the files have it now; NULL: not at all */
    struct plan_pair account;
};

/* A carried command, and what takes it back. */
struct plan_step {
    u8 type;
    u8 undo_type; /* 0: nothing does, or need be done */
    bool done;    /* the engine has made it, with effect */
    u8 body[OPERATOR_BODY_BYTES];
    u8 undo[OPERATOR_BODY_BYTES];
};

/* What happens to whom, for people. */
struct plan_counts {
    u32 instruments_new, instruments_changed, instruments_gone, instruments_kept;
    u32 accounts_new, accounts_changed, accounts_gone;
    u32 firms, profiles, listed;
};

struct plan {
    const struct refdata *was, *is; /* not owned */
    struct plan_subject *subjects;
    u32 subjects_used;
    struct plan_step *steps;
    u32 steps_used;
    u32 careful; /* so many steps at the beginning may be refused: one at a time */
    u32 last;    /* all before this one are answered before it is sent */
    struct plan_counts counts;
};

/* Both sides must live as long as the plan. */
void plan_begin(struct plan *p, const struct refdata *was, const struct refdata *is);

/* The engine's answer to the look for subject `i`. */
void plan_seen(struct plan *p, u32 i, const struct msg_seen *seen);

/*
 * Makes the steps; `venue` is what a look at it has said, `max` what the pools hold. Writes what
 * cannot be while the venue runs to `errors`, a line each. Returns the number of those.
 */
int plan_make(struct plan *p, const struct seen_venue *venue, const struct refdata_max *max,
              FILE *errors);

void plan_free(struct plan *p);

#endif
