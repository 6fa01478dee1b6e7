/* sim_auth.h - answers the gateway's password checks instead of the slow hash, after a while. */
#ifndef WIREBOOK_SIM_SIM_AUTH_H
#define WIREBOOK_SIM_SIM_AUTH_H

#include "engine/base/ring.h"
#include "gateway/session/auth.h"

#define SIM_AUTH_WAITING_MAX 256u

struct sim_auth {
    struct ring *requests; /* one for each gateway */
    struct ring *answers;
    u32 gateways;
    struct {
        struct auth_answer answer;
        u32 gateway;
        u64 due_ns;
    } waiting[SIM_AUTH_WAITING_MAX];
    u32 first;
    u32 next;
};

/* Serves the rings of a new process, two for each of its gateways. */
void sim_auth_init(struct sim_auth *a, struct ring *requests, struct ring *answers, u32 gateways);

/* One turn: takes requests, gives the answers that are due, in order. Returns how much it did. */
int sim_auth_step(struct sim_auth *a);

/* When the next answer is due; UINT64_MAX when none is. */
u64 sim_auth_next_ns(const struct sim_auth *a);

#endif
