/*
 * auth.c - the password check (the only file that knows libsodium). Cold thread.
 *
 * What enters: users and passwords, one a slot, from each gateway's ring; what leaves: yes or no.
 * The request rings are the queue and bound it: when one is full its gateway takes no more logins.
 *
 * A stored hash is argon2id, some tens of milliseconds by intention. So that a thousand clients can
 * come back at once after a failure, the first success of a user is remembered as a digest under a
 * key that lives in this process only; from then on the right password costs a microsecond, and a
 * wrong one as much as ever. An unknown user costs a hash too, so that time does not tell who
 * exists. An address with too many failures gets its answer without a hash until its window is
 * over; it is tested first, or the digest would be an oracle to guess against. Secrets are wiped
 * where they were.
 */
#include "gateway/session/auth.h"

#include <sodium.h>
#include <string.h>

#include "engine/base/hash.h"
#include "engine/base/mem.h"
#include "gateway/session/map.h"

_Static_assert(crypto_pwhash_STRBYTES <= AUTH_HASH_BYTES, "a stored hash fits");

/* What auth_hash asks of the machine: OWASP's second recommendation for argon2id. */
#define HASH_PASSES 2u
#define HASH_BYTES  (19u * 1024 * 1024)

#define DIGEST_BYTES 32u
#define SOURCE_SETS  1024u /* addresses with failures: sets of SOURCE_WAYS, the oldest makes room */
#define SOURCE_WAYS  4u

#define PASSWORDS 2u /* of one user, both right: while he changes from one to the other */

struct password {
    bool remembered;
    u8 digest[DIGEST_BYTES];    /* of name and password, under the key; when remembered */
    char hash[AUTH_HASH_BYTES]; /* "": none */
};

struct user {
    char name[6];
    struct password passwords[PASSWORDS];
};

struct source {
    u32 ipv4; /* 0: free */
    u32 failures;
    u64 since_ns; /* the first of them */
};

struct auth_rings {
    struct ring *requests;
    struct ring *answers;
};

struct auth {
    struct mem mem;
    struct auth_conf conf;
    struct map names; /* user -> index */
    struct user *users;
    u32 users_used;
    u8 key[DIGEST_BYTES];
    u64 seed;
    struct source sources[SOURCE_SETS][SOURCE_WAYS];
    struct auth_rings gateways[GATEWAYS_MAX];
    u32 gateways_used;
    u32 next; /* whose turn it is */
};

static u64 name_key(const char name[6])
{
    u64 key = 0;
    memcpy(&key, name, 6);
    return key;
}

struct auth *auth_new(const struct auth_conf *conf)
{
    struct mem mem;

    if (sodium_init() < 0)
        return NULL;
    mem_init(&mem, 0);
    struct auth *a = mem_alloc(&mem, sizeof *a, CACHE_LINE);
    a->conf = *conf;
    randombytes_buf(a->key, sizeof a->key);
    randombytes_buf(&a->seed, sizeof a->seed);
    a->users = mem_alloc(&mem, conf->users_max * sizeof a->users[0], CACHE_LINE);
    map_init(&a->names, &mem, conf->users_max, a->seed);
    a->mem = mem;
    return a;
}

void auth_free(struct auth *a)
{
    struct mem mem = a->mem;

    sodium_memzero(a->users, a->conf.users_max * sizeof a->users[0]);
    sodium_memzero(a, sizeof *a);
    mem_free_all(&mem);
}

void auth_attach(struct auth *a, struct ring *requests, struct ring *answers)
{
    ASSERT_LT(a->gateways_used, GATEWAYS_MAX);
    a->gateways[a->gateways_used].requests = requests;
    a->gateways[a->gateways_used].answers = answers;
    a->gateways_used++;
}

static bool is_hash(const char *hash)
{
    return strnlen(hash, AUTH_HASH_BYTES) < AUTH_HASH_BYTES &&
           strncmp(hash, crypto_pwhash_argon2id_STRPREFIX, 10) == 0 &&
           crypto_pwhash_str_needs_rehash(hash, HASH_PASSES, HASH_BYTES) != -1;
}

static void password_set(struct password *p, const char *hash)
{
    memset(p, 0, sizeof *p);
    memcpy(p->hash, hash, strlen(hash));
}

bool auth_user_next(struct auth *a, const char user[6], const char *hash)
{
    u32 index = map_get(&a->names, name_key(user));

    ASSERT_NE(index, MAP_NONE);
    if (!is_hash(hash))
        return false;
    password_set(&a->users[index].passwords[1], hash);
    return true;
}

bool auth_user_set(struct auth *a, const char user[6], const char *hash)
{
    u32 index = map_get(&a->names, name_key(user));

    if (!is_hash(hash))
        return false;
    if (index == MAP_NONE) {
        if (a->users_used == a->conf.users_max)
            return false;
        index = a->users_used++;
        map_put(&a->names, name_key(user), index);
    }
    struct user *u = &a->users[index];
    memset(u->passwords, 0, sizeof u->passwords);
    memcpy(u->name, user, sizeof u->name);
    password_set(&u->passwords[0], hash);
    return true;
}

/* The address' entry; NULL: it has none. */
static struct source *source_find(struct auth *a, u32 ipv4)
{
    struct source *set = a->sources[hash_2u64(a->seed, ipv4, 0) % SOURCE_SETS];

    for (u32 i = 0; i < SOURCE_WAYS; i++) {
        if (set[i].ipv4 == ipv4 && set[i].failures > 0)
            return &set[i];
    }
    return NULL;
}

/* An entry for a new address: a free one or its set's oldest. */
static struct source *source_make(struct auth *a, u32 ipv4, u64 now_ns)
{
    struct source *set = a->sources[hash_2u64(a->seed, ipv4, 0) % SOURCE_SETS];
    struct source *oldest = &set[0];

    for (u32 i = 1; i < SOURCE_WAYS; i++) {
        if (set[i].since_ns < oldest->since_ns)
            oldest = &set[i];
    }
    *oldest = (struct source){.ipv4 = ipv4, .since_ns = now_ns};
    return oldest;
}

static bool window_over(const struct auth *a, const struct source *s, u64 now_ns)
{
    return now_ns >= s->since_ns + a->conf.failures_window_ns;
}

static bool limited(struct auth *a, u32 ipv4, u64 now_ns)
{
    const struct source *s = source_find(a, ipv4);

    return a->conf.failures_max != 0 && s != NULL && !window_over(a, s, now_ns) &&
           s->failures >= a->conf.failures_max;
}

static void failed(struct auth *a, u32 ipv4, u64 now_ns)
{
    struct source *s = source_find(a, ipv4);

    if (s == NULL)
        s = source_make(a, ipv4, now_ns);
    if (window_over(a, s, now_ns)) {
        s->failures = 0;
        s->since_ns = now_ns;
    }
    s->failures++;
}

static void digest_of(const struct auth *a, const struct auth_request *r, u8 out[DIGEST_BYTES])
{
    u8 text[sizeof r->user + sizeof r->password];

    memcpy(text, r->user, sizeof r->user);
    memcpy(text + sizeof r->user, r->password, sizeof r->password);
    int rc = crypto_generichash(out, DIGEST_BYTES, text, sizeof text, a->key, sizeof a->key);
    ASSERT_EQ(rc, 0);
    sodium_memzero(text, sizeof text);
}

/*
 * The slow way: the password that is right, NULL when none is. For an unknown user some other
 * user's hash is worked through and the result thrown away. A hash that fails for want of memory
 * refuses the login: nobody gets in by accident.
 */
static struct password *verify(const struct auth *a, struct user *u, const struct auth_request *r)
{
    size_t n = sizeof r->password;
    struct user *hashed = u != NULL ? u : &a->users[0];
    struct password *right = NULL;

    if (a->users_used == 0)
        return NULL;
    while (n > 0 && r->password[n - 1] == ' ')
        n--;
    for (u32 i = 0; i < PASSWORDS && right == NULL; i++) {
        struct password *p = &hashed->passwords[i];
        if (p->hash[0] != '\0' && crypto_pwhash_str_verify(p->hash, r->password, n) == 0)
            right = p;
    }
    return u != NULL ? right : NULL;
}

/* The password of the user that was right before and is so now. */
static bool remembered(const struct user *u, const u8 digest[DIGEST_BYTES])
{
    bool known = false;

    for (u32 i = 0; u != NULL && i < PASSWORDS; i++)
        known |= u->passwords[i].remembered &&
                 sodium_memcmp(u->passwords[i].digest, digest, DIGEST_BYTES) == 0;
    return known;
}

static enum auth_result judge(struct auth *a, const struct auth_request *r, u64 now_ns)
{
    u32 index = map_get(&a->names, name_key(r->user));
    struct user *u = index == MAP_NONE ? NULL : &a->users[index];
    u8 digest[DIGEST_BYTES];
    enum auth_result result = AUTH_OK;

    if (limited(a, r->peer_ipv4, now_ns))
        return AUTH_LIMITED;
    digest_of(a, r, digest);
    bool known = remembered(u, digest);
    struct password *right = known ? NULL : verify(a, u, r);
    if (right != NULL) {
        memcpy(right->digest, digest, sizeof digest);
        right->remembered = true;
    } else if (!known) {
        failed(a, r->peer_ipv4, now_ns);
        result = AUTH_BAD;
    }
    sodium_memzero(digest, sizeof digest);
    return result;
}

/* Answers one request of a gateway; 0: it has none, or does not take answers. */
static int serve(struct auth *a, const struct auth_rings *g, u64 now_ns)
{
    struct auth_answer answer = {0};
    struct auth_request request;

    if (ring_avail(g->requests, 1) == 0 || ring_room(g->answers, 1) == 0)
        return 0;
    memcpy(&request, ring_at(g->requests, 0), sizeof request);
    sodium_memzero((void *)(uintptr_t)ring_at(g->requests, 0), sizeof request);
    ring_take(g->requests, 1);
    answer.conn = request.conn;
    answer.result = (u8)judge(a, &request, now_ns);
    sodium_memzero(&request, sizeof request);
    ring_push(g->answers, &answer, 1);
    return 1;
}

int auth_do_work(void *auth, u64 now_ns)
{
    struct auth *a = auth;

    for (u32 i = 0; i < a->gateways_used; i++) {
        u32 index = (a->next + i) % a->gateways_used;
        if (serve(a, &a->gateways[index], now_ns) == 0)
            continue;
        a->next = index + 1; /* the others first next time */
        return 1;
    }
    return 0;
}

bool auth_hash(const char *password, char out[AUTH_HASH_BYTES])
{
    char upper[10];
    size_t n = strnlen(password, sizeof upper + 1);

    if (n == 0 || n > sizeof upper || sodium_init() < 0)
        return false;
    for (size_t i = 0; i < n; i++) {
        char c = password[i];
        upper[i] = c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
        if (!((upper[i] >= 'A' && upper[i] <= 'Z') || (c >= '0' && c <= '9')))
            return false;
    }
    memset(out, 0, AUTH_HASH_BYTES);
    bool ok = crypto_pwhash_str(out, upper, n, HASH_PASSES, HASH_BYTES) == 0;
    sodium_memzero(upper, sizeof upper);
    return ok;
}
