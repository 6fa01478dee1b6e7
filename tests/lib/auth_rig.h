/* auth_rig.h - an auth agent between two rings, called turn by turn; for test_auth*.c. */
#ifndef WIREBOOK_TESTS_AUTH_RIG_H
#define WIREBOOK_TESTS_AUTH_RIG_H

#include "engine/base/mem.h"
#include "gateway/session/auth.h"

struct auth_rig {
    struct mem mem;
    struct ring requests, answers;
    struct auth *auth;
    u64 now_ns;
    u64 conn;
};

#define AUTH_RIG_WAITING_MAX 4u

/* Two users at most; so many failures of an address in a minute. */
void auth_rig_open(struct auth_rig *r, u32 failures_max);
void auth_rig_close(struct auth_rig *r);

/* One login, answered at once. `user` has 6 characters, `password` 10. */
enum auth_result auth_rig_ask(struct auth_rig *r, const char *user, const char *password, u32 ipv4);

#endif
