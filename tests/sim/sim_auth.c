/* sim_auth.c - see sim_auth.h. User SIMn has the password PASSn. */
#include "tests/sim/sim_auth.h"

#include <string.h>

#include "tests/sim/sim.h"

void sim_auth_init(struct sim_auth *a, struct ring *requests, struct ring *answers, u32 gateways)
{
    memset(a, 0, sizeof *a);
    a->requests = requests;
    a->answers = answers;
    a->gateways = gateways;
}

static enum auth_result judge(const struct auth_request *r)
{
    bool known = memcmp(r->user, "SIM", 3) == 0 && memcmp(r->password, "PASS", 4) == 0;

    for (u32 i = 0; i < 3; i++)
        known = known && r->user[3 + i] == r->password[4 + i];
    return known ? AUTH_OK : AUTH_BAD;
}

static int take(struct sim_auth *a, u32 gateway)
{
    struct ring *requests = &a->requests[gateway];
    int did = 0;

    while (ring_avail(requests, 1) > 0 && a->next - a->first < SIM_AUTH_WAITING_MAX) {
        struct auth_request r;
        u32 i = a->next++ % SIM_AUTH_WAITING_MAX;
        memcpy(&r, ring_at(requests, 0), sizeof r);
        ring_take(requests, 1);
        a->waiting[i].gateway = gateway;
        memset(&a->waiting[i].answer, 0, sizeof a->waiting[i].answer);
        a->waiting[i].answer.conn = r.conn;
        a->waiting[i].answer.result = (u8)judge(&r);
        a->waiting[i].due_ns = sim.now_ns + sim_delay(10 * NS_PER_US, 3 * NS_PER_MS);
        did++;
    }
    return did;
}

int sim_auth_step(struct sim_auth *a)
{
    int did = 0;

    for (u32 g = 0; g < a->gateways; g++)
        did += take(a, g);
    while (a->first != a->next) {
        u32 i = a->first % SIM_AUTH_WAITING_MAX;
        if (a->waiting[i].due_ns > sim.now_ns ||
            !ring_push(&a->answers[a->waiting[i].gateway], &a->waiting[i].answer, 1))
            break;
        a->first++;
        did++;
    }
    return did;
}

u64 sim_auth_next_ns(const struct sim_auth *a)
{
    return a->first == a->next ? UINT64_MAX : a->waiting[a->first % SIM_AUTH_WAITING_MAX].due_ns;
}
