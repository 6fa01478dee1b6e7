/*
 * auth.h - the password check: a cold agent on a thread of its own (the only libsodium file).
 *
 * Gateways ask by ring and never wait: a slow hash costs the hot path nothing. Requests and answers
 * are one slot each; whoever answers them instead (the simulator, tests) uses the same structs.
 */
#ifndef WIREBOOK_GATEWAY_SESSION_AUTH_H
#define WIREBOOK_GATEWAY_SESSION_AUTH_H

#include "engine/base/ring.h"
#include "engine/base/types.h"

/* Gateway -> auth. Trimmed, upper case, padded with spaces. */
struct auth_request {
    u64 conn;          /*  0 the gateway's name for the connection */
    u32 peer_ipv4;     /*  8 network order */
    char user[6];      /* 12 */
    char password[10]; /* 18 */
    u8 zero[36];       /* 28 */
};
_Static_assert(sizeof(struct auth_request) == 64, "one slot");

enum auth_result {
    AUTH_UNKNOWN = 0, /* inside auth: it takes a slow hash to say; never an answer */
    AUTH_OK = 1,
    AUTH_BAD = 2,     /* wrong password, unknown user */
    AUTH_LIMITED = 3, /* too many failures from that address, or too many wait; not looked at */
};

/* Auth -> gateway, one for each request, in any order. */
struct auth_answer {
    u64 conn;    /*  0 */
    u8 result;   /*  8 enum auth_result */
    u8 zero[55]; /*  9 */
};
_Static_assert(sizeof(struct auth_answer) == 64, "one slot");

struct auth;

struct auth_conf {
    u32 users_max;
    u32 failures_max;       /* from one address within the window; 0: no limit */
    u64 failures_window_ns; /* how long an address over the limit is refused; typically 60 s */
    u32 waiting_max; /* logins that may wait for a slow hash, twice (auth.c); more: refused */
};

#define AUTH_HASH_BYTES 128u /* of a stored hash, with its final zero */

/*
 * An auth agent without users; memory from malloc. NULL when libsodium cannot start. Cold.
 * auth_free wipes and gives back all.
 */
struct auth *auth_new(const struct auth_conf *conf);
void auth_free(struct auth *a);

/* Gives it the rings of one more gateway, at most GATEWAYS_MAX. Before the threads start. */
void auth_attach(struct auth *a, struct ring *requests, struct ring *answers);

/*
 * Adds a user (upper case, padded with spaces) or changes its hash, an argon2id string as made by
 * auth_hash. False: there is no room, or `hash` is not such a string. Before the threads start.
 */
bool auth_user_set(struct auth *a, const char user[6], const char *hash);

/*
 * Gives a user that there is a second password, so that he can change to it when he likes; both are
 * right until auth_user_set. False: `hash` is no argon2id string. Before the threads start.
 */
bool auth_user_next(struct auth *a, const char user[6], const char *hash);

/*
 * Remembers successes over restarts: in the file of the directory `dir`, under a key that the
 * kernel keeps for `days` after the process has ended (auth_memory.h), and takes those of earlier
 * processes. After the users were set, before the threads start. False: only this process will
 * remember.
 */
bool auth_remember(struct auth *a, const char *dir, u32 days);

/* Makes its numbers known. Before the threads start. */
void auth_register_metrics(struct auth *a);

/* A user whose passwords are others now. */
struct auth_change {
    char user[6];
    char hashes[2][AUTH_HASH_BYTES]; /* as for auth_user_set and auth_user_next; "": none */
};

/* What the agent is told while it runs. */
struct auth_news {
    u32 failures_max;
    u64 failures_window_ns;
    const struct auth_change *changes; /* their hashes are auth_hash_good, or "" */
    u32 changes_used;
};

/* Takes what `n` says at the agent's next turn; no user beyond conf.users_max. `n` must live until
 * auth_has_taken says true. One thread at a time. */
void auth_give(struct auth *a, const struct auth_news *n);
bool auth_has_taken(const struct auth *a, const struct auth_news *n);

/* True when `hash` is an argon2id string that can be checked. Any thread, after auth_new. */
bool auth_hash_good(const char *hash);

/*
 * The agent: answers all that it can at once and at most one slow hash a turn. `auth` is a struct
 * auth.
 */
int auth_do_work(void *auth, u64 now_ns);

/*
 * The stored form of `password` (1 to 10 letters and digits; case does not matter), salted, to
 * `out`. False: not such a password, or no memory. Takes tens of milliseconds. For tools and tests.
 */
bool auth_hash(const char *password, char out[AUTH_HASH_BYTES]);

#endif
