/*
 * auth.c - the password check. Cold thread. libsodium is known here and in auth_hash.c.
 *
 * What enters: users and passwords, one a slot, from each gateway's ring; what leaves: yes or no.
 * The request rings are the queue and bound it: when one is full its gateway takes no more logins.
 *
 * A stored hash is argon2id, some tens of milliseconds by intention. So that thousands of clients
 * can come back at once after a failure or a restart, the first success of a user is remembered as
 * a digest under a key that lies with the kernel alone (auth_memory.h); from then on the right
 * password costs microseconds, and a wrong one as much as ever. The digest is of the stored hash,
 * too: with another hash in the accounts file it matches nothing.
 *
 * Who is remembered is answered in the turn in which he asks. The others wait in two queues of
 * their own for one slow hash a turn: so no number of wrong passwords delays a right one that is
 * known, by more than one hash. Addresses with a failure wait apart from those without and get one
 * turn in SUSPECT_TURNS while both want one. A queue that is full refuses.
 *
 * An unknown user costs a hash too, so that time does not tell who exists. An address with too many
 * failures gets its answer without a hash until its window is over; it is tested first, or the
 * digest would be an oracle to guess against. Secrets are wiped where they were.
 */
#include "gateway/session/auth.h"

#include <sodium.h>
#include <string.h>

#include "engine/base/mem.h"
#include "engine/base/metrics.h"
#include "gateway/session/auth_memory.h"
#include "gateway/session/map.h"
#include "gateway/session/sources.h"

#define SERVED_MAX    256u /* requests of one gateway looked at in a turn */
#define SUSPECT_TURNS 4u

#define PASSWORDS 2u /* of one user, both right: while he changes from one to the other */

struct password {
    bool remembered;
    u8 digest[AUTH_DIGEST_BYTES]; /* of name, password and hash, under the key; when remembered */
    char hash[AUTH_HASH_BYTES];   /* "": none */
};

struct user {
    char name[6];
    struct password passwords[PASSWORDS];
};

struct auth_rings {
    struct ring *requests;
    struct ring *answers;
};

/* A request that needs the slow hash. */
struct waiting {
    struct auth_request request;
    u32 gateway;
};

struct queue {
    struct waiting *at; /* ring of conf.waiting_max */
    u64 head, tail;
};

enum { QUEUE_CLEAN, QUEUE_SUSPECT, QUEUES };

struct auth_metrics {
    struct metric fast, slow, waiting, refused_full, recalled;
};

struct auth {
    struct mem mem;
    struct auth_conf conf;
    struct map names; /* user -> index */
    struct user *users;
    u32 users_used;
    u8 key[AUTH_DIGEST_BYTES];
    struct auth_memory memory;
    struct queue queues[QUEUES];
    u64 slow_turns;
    struct auth_metrics metrics;
    u64 seed;
    struct sources sources;
    struct auth_rings gateways[GATEWAYS_MAX];
    u32 gateways_used;
    char decoy[AUTH_HASH_BYTES]; /* what an unknown user's password is checked against */
    _Atomic(const struct auth_news *) given; /* owner: who gives */
    _Atomic(const struct auth_news *) taken;
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

    ASSERT_GT(conf->waiting_max, 0);
    if (sodium_init() < 0)
        return NULL;
    mem_init(&mem, 0);
    struct auth *a = mem_alloc(&mem, sizeof *a, CACHE_LINE);
    a->conf = *conf;
    randombytes_buf(a->key, sizeof a->key);
    randombytes_buf(&a->seed, sizeof a->seed);
    a->sources.seed = a->seed;
    a->sources.failures_max = conf->failures_max;
    a->sources.window_ns = conf->failures_window_ns;
    a->users = mem_alloc(&mem, conf->users_max * sizeof a->users[0], CACHE_LINE);
    map_init(&a->names, &mem, conf->users_max, a->seed);
    for (u32 i = 0; i < QUEUES; i++)
        a->queues[i].at = mem_alloc(&mem, conf->waiting_max * sizeof(struct waiting), CACHE_LINE);
    a->memory.fd = -1;
    a->mem = mem;
    return a;
}

void auth_free(struct auth *a)
{
    struct mem mem = a->mem;

    auth_memory_close(&a->memory);
    for (u32 i = 0; i < QUEUES; i++)
        sodium_memzero(a->queues[i].at, a->conf.waiting_max * sizeof(struct waiting));
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

static void password_set(struct password *p, const char *hash)
{
    memset(p, 0, sizeof *p);
    memcpy(p->hash, hash, strlen(hash));
}

bool auth_user_next(struct auth *a, const char user[6], const char *hash)
{
    u32 index = map_get(&a->names, name_key(user));

    ASSERT_NE(index, MAP_NONE);
    if (!auth_hash_good(hash))
        return false;
    password_set(&a->users[index].passwords[1], hash);
    return true;
}

bool auth_user_set(struct auth *a, const char user[6], const char *hash)
{
    u32 index = map_get(&a->names, name_key(user));

    if (!auth_hash_good(hash))
        return false;
    if (index == MAP_NONE) {
        if (a->users_used == a->conf.users_max)
            return false;
        index = a->users_used++;
        map_put(&a->names, name_key(user), index);
    }
    struct user *u = &a->users[index];
    memcpy(a->decoy, hash, strlen(hash) + 1);
    memset(u->passwords, 0, sizeof u->passwords);
    memcpy(u->name, user, sizeof u->name);
    password_set(&u->passwords[0], hash);
    return true;
}

/* Under the key: what `password` of `user` makes with that stored hash. */
static void digest_of(const struct auth *a, const struct auth_request *r, const char *hash,
                      u8 out[AUTH_DIGEST_BYTES])
{
    u8 text[sizeof r->user + sizeof r->password + AUTH_HASH_BYTES];
    u8 *at = text;

    memcpy(at, r->user, sizeof r->user);
    memcpy(at += sizeof r->user, r->password, sizeof r->password);
    memcpy(at + sizeof r->password, hash, AUTH_HASH_BYTES); /* zeros behind its end */
    int rc = crypto_generichash(out, AUTH_DIGEST_BYTES, text, sizeof text, a->key, sizeof a->key);
    ASSERT_EQ(rc, 0);
    sodium_memzero(text, sizeof text);
}

/* Under the key: of the stored hash alone, another length of output, so never a digest. */
static void tag_of(const struct auth *a, const char *hash, u8 out[AUTH_TAG_BYTES])
{
    int rc = crypto_generichash(out, AUTH_TAG_BYTES, (const u8 *)hash, AUTH_HASH_BYTES, a->key,
                                sizeof a->key);
    ASSERT_EQ(rc, 0);
}

/*
 * The slow way: the password that is right, NULL when none is. For an unknown user some other
 * user's hash is worked through and the result thrown away. A hash that fails for want of memory
 * refuses the login: nobody gets in by accident.
 */
static struct password *verify(const struct auth *a, struct user *u, const struct auth_request *r)
{
    size_t n = sizeof r->password;
    struct password *right = NULL;

    while (n > 0 && r->password[n - 1] == ' ')
        n--;
    if (u == NULL) {
        int rc = a->decoy[0] != '\0' ? crypto_pwhash_str_verify(a->decoy, r->password, n) : 0;
        (void)rc; /* right or wrong */
    }
    for (u32 i = 0; u != NULL && i < PASSWORDS && right == NULL; i++) {
        struct password *p = &u->passwords[i];
        if (p->hash[0] != '\0' && crypto_pwhash_str_verify(p->hash, r->password, n) == 0)
            right = p;
    }
    return right;
}

/* The password was right before, for a stored hash that the user still has. */
static bool remembered(const struct auth *a, const struct user *u, const struct auth_request *r)
{
    u8 digest[AUTH_DIGEST_BYTES];
    bool known = false;

    for (u32 i = 0; u != NULL && i < PASSWORDS; i++) {
        if (!u->passwords[i].remembered)
            continue;
        digest_of(a, r, u->passwords[i].hash, digest);
        known |= sodium_memcmp(u->passwords[i].digest, digest, sizeof digest) == 0;
    }
    sodium_memzero(digest, sizeof digest);
    return known;
}

static void remember(struct auth *a, const struct user *u, struct password *p,
                     const struct auth_request *r)
{
    struct auth_record record = {0};

    digest_of(a, r, p->hash, p->digest);
    p->remembered = true;
    memcpy(record.user, u->name, sizeof record.user);
    tag_of(a, p->hash, record.tag);
    memcpy(record.digest, p->digest, sizeof record.digest);
    auth_memory_add(&a->memory, &record);
    sodium_memzero(&record, sizeof record);
}

static struct user *user_of(const struct auth *a, const struct auth_request *r)
{
    u32 index = map_get(&a->names, name_key(r->user));

    return index == MAP_NONE || a->users[index].passwords[0].hash[0] == '\0' ? NULL
                                                                             : &a->users[index];
}

/* The answer that needs no slow hash; AUTH_UNKNOWN: there is none. */
static enum auth_result judge_fast(struct auth *a, const struct auth_request *r, u64 now_ns)
{
    if (sources_limited(&a->sources, r->peer_ipv4, now_ns))
        return AUTH_LIMITED;
    if (!remembered(a, user_of(a, r), r))
        return AUTH_UNKNOWN;
    metric_add(&a->metrics.fast, 1);
    return AUTH_OK;
}

/* The answer; what has happened since the request came counts, too. */
static enum auth_result judge(struct auth *a, const struct auth_request *r, u64 now_ns)
{
    struct user *u = user_of(a, r);
    enum auth_result result = judge_fast(a, r, now_ns);

    if (result != AUTH_UNKNOWN)
        return result;
    metric_add(&a->metrics.slow, 1);
    struct password *right = verify(a, u, r);
    if (right != NULL) {
        remember(a, u, right, r);
        return AUTH_OK;
    }
    sources_failed(&a->sources, r->peer_ipv4, now_ns);
    return AUTH_BAD;
}

static void answer(const struct auth_rings *g, u64 conn, enum auth_result result)
{
    struct auth_answer m = {.conn = conn, .result = (u8)result};
    bool pushed = ring_push(g->answers, &m, 1);

    ASSERT(pushed); /* the caller has looked */
}

/* False: the queue is full. */
static bool wait_slow(struct auth *a, const struct auth_request *r, u32 gateway, u64 now_ns)
{
    bool suspect = sources_has(&a->sources, r->peer_ipv4, now_ns);
    struct queue *q = &a->queues[suspect ? QUEUE_SUSPECT : QUEUE_CLEAN];

    if (q->tail - q->head == a->conf.waiting_max)
        return false;
    struct waiting *w = &q->at[q->tail++ % a->conf.waiting_max];
    w->request = *r;
    w->gateway = gateway;
    return true;
}

/* Looks at the requests of a gateway; returns how many it has answered at once. */
static int serve(struct auth *a, u32 gateway, u64 now_ns)
{
    const struct auth_rings *g = &a->gateways[gateway];
    struct auth_request request;
    int answered = 0;

    for (u32 n = 0;
         n < SERVED_MAX && ring_avail(g->requests, 1) > 0 && ring_room(g->answers, 1) > 0; n++) {
        memcpy(&request, ring_at(g->requests, 0), sizeof request);
        sodium_memzero((void *)(uintptr_t)ring_at(g->requests, 0), sizeof request);
        ring_take(g->requests, 1);
        enum auth_result result = judge_fast(a, &request, now_ns);
        if (result == AUTH_UNKNOWN && wait_slow(a, &request, gateway, now_ns))
            continue;
        if (result == AUTH_UNKNOWN) {
            metric_add(&a->metrics.refused_full, 1);
            result = AUTH_LIMITED;
        }
        answer(g, request.conn, result);
        answered++;
    }
    sodium_memzero(&request, sizeof request);
    return answered;
}

/* The queue whose turn it is; NULL: nobody waits. */
static struct queue *slow_queue(struct auth *a)
{
    bool suspect_first = a->slow_turns % SUSPECT_TURNS == SUSPECT_TURNS - 1;

    for (u32 i = 0; i < QUEUES; i++) {
        struct queue *q = &a->queues[suspect_first ? QUEUES - 1 - i : i];
        if (q->head != q->tail)
            return q;
    }
    return NULL;
}

/* At most one slow hash. */
static int serve_slow(struct auth *a, u64 now_ns)
{
    struct queue *q = slow_queue(a);

    if (q == NULL)
        return 0;
    struct waiting *w = &q->at[q->head % a->conf.waiting_max];
    const struct auth_rings *g = &a->gateways[w->gateway];
    if (ring_room(g->answers, 1) == 0)
        return 0;
    a->slow_turns++;
    answer(g, w->request.conn, judge(a, &w->request, now_ns));
    sodium_memzero(w, sizeof *w);
    q->head++;
    return 1;
}

void auth_give(struct auth *a, const struct auth_news *n)
{
    atomic_store_explicit(&a->given, n, memory_order_release); /* pairs with news_take */
}

bool auth_has_taken(const struct auth *a, const struct auth_news *n)
{
    return atomic_load_explicit(&a->taken, memory_order_acquire) == n; /* pairs with news_take */
}

/* A password that stays is still remembered. */
static void change_take(struct auth *a, const struct auth_change *c)
{
    u32 index = map_get(&a->names, name_key(c->user));

    if (index == MAP_NONE && c->hashes[0][0] == '\0')
        return;
    if (index == MAP_NONE) {
        bool added = auth_user_set(a, c->user, c->hashes[0]);
        ASSERT(added);
        index = map_get(&a->names, name_key(c->user));
    }
    for (u32 i = 0; i < PASSWORDS; i++)
        if (strcmp(a->users[index].passwords[i].hash, c->hashes[i]) != 0)
            password_set(&a->users[index].passwords[i], c->hashes[i]);
}

static void news_take(struct auth *a)
{
    const struct auth_news *n = atomic_load_explicit(&a->given, memory_order_acquire);

    if (n == atomic_load_explicit(&a->taken, memory_order_relaxed))
        return;
    a->sources.failures_max = n->failures_max;
    a->sources.window_ns = n->failures_window_ns;
    for (u32 i = 0; i < n->changes_used; i++)
        change_take(a, &n->changes[i]);
    atomic_store_explicit(&a->taken, n, memory_order_release); /* pairs with auth_has_taken */
}

int auth_do_work(void *auth, u64 now_ns)
{
    struct auth *a = auth;
    int work = 0;

    news_take(a);
    for (u32 i = 0; i < a->gateways_used; i++)
        work += serve(a, i, now_ns);
    work += serve_slow(a, now_ns);
    u64 waiting = 0;
    for (u32 i = 0; i < QUEUES; i++)
        waiting += a->queues[i].tail - a->queues[i].head;
    metric_set(&a->metrics.waiting, waiting);
    auth_memory_renew(&a->memory, now_ns);
    return work;
}

/* A record of an earlier process: taken when the user still has the hash that it was made for. */
static bool recall(void *auth, const struct auth_record *r)
{
    struct auth *a = auth;
    u32 index = map_get(&a->names, name_key(r->user));
    u8 tag[AUTH_TAG_BYTES];

    for (u32 i = 0; index != MAP_NONE && i < PASSWORDS; i++) {
        struct password *p = &a->users[index].passwords[i];
        if (p->hash[0] == '\0' || p->remembered)
            continue;
        tag_of(a, p->hash, tag);
        if (sodium_memcmp(tag, r->tag, sizeof tag) != 0)
            continue;
        memcpy(p->digest, r->digest, sizeof p->digest);
        p->remembered = true;
        metric_add(&a->metrics.recalled, 1);
        return true;
    }
    return false;
}

bool auth_remember(struct auth *a, const char *dir, u32 days)
{
    if (!auth_memory_key(&a->memory, dir, days, a->key))
        return false;
    auth_memory_load(&a->memory, dir, recall, a);
    return a->memory.fd >= 0;
}

void auth_register_metrics(struct auth *a)
{
    struct auth_metrics *m = &a->metrics;

    metrics_register("wirebook_auth_recalled_total", "",
                     "Passwords remembered from before the restart.", METRIC_COUNTER, &m->recalled);
    metrics_register("wirebook_auth_remembered_total", "", "Logins answered without a slow hash.",
                     METRIC_COUNTER, &m->fast);
    metrics_register("wirebook_auth_hashed_total", "", "Logins that cost a slow hash.",
                     METRIC_COUNTER, &m->slow);
    metrics_register("wirebook_auth_waiting", "", "Logins that wait for their slow hash.",
                     METRIC_GAUGE, &m->waiting);
    metrics_register("wirebook_auth_refused_full_total", "",
                     "Logins refused because too many waited for a slow hash.", METRIC_COUNTER,
                     &m->refused_full);
}
