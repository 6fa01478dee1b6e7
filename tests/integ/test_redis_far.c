/*
 * test_redis_far.c - Redis as it stands elsewhere: by TLS, with replicas that are promoted, and as
 * a cluster of three nodes in which our slot moves away while we write.
 *
 * Each case starts servers of its own; at the end the one that has the keys has every fill of the
 * journal, under its id, in order, once.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/base/clock.h"
#include "engine/base/log.h"
#include "persist/export.h"
#include "persist/redis.h"
#include "tests/lib/journal_rows.h"
#include "tests/lib/made_journal.h"
#include "tests/lib/services.h"

#define NODES   3u
#define PREFIX  "wb{7}"
#define SHARD   7u
#define TIMEOUT (20 * NS_PER_SEC)

static char dir[64];
static u32 ports[NODES];

/* ---- servers ---- */

/* Free ones, with that of the cluster's bus, 10,000 above; none that the kernel gives away. */
static void make_ports(void)
{
    char *text = shell("python3 -c 'import random, socket\n"
                       "held, ports = [], []\n"
                       "while len(ports) < %u:\n"
                       "    port, a, b = random.randrange(20000, 22700), socket.socket(), "
                       "socket.socket()\n"
                       "    try:\n"
                       "        a.bind((\"127.0.0.1\", port)); b.bind((\"127.0.0.1\", port + "
                       "10000)); held += [a, b]; ports.append(port)\n"
                       "    except OSError: pass\n"
                       "print(*ports)'",
                       NODES);
    assert_int_equal(sscanf(text, "%u %u %u", &ports[0], &ports[1], &ports[2]), NODES);
    free(text);
}

/* Starts node `i` with `more` arguments and waits for it to answer redis-cli with `cli` ones. */
static void node_start(u32 i, const char *more, const char *cli)
{
    free(
        shell("cd %s && mkdir -p n%u && redis-server --bind 127.0.0.1 --dir %s/n%u --daemonize yes "
              "--pidfile %s/n%u/pid --logfile log --save '' --appendonly no %s >> %s/out 2>&1",
              dir, i, dir, i, dir, i, more, dir));
    char *up =
        shell("for t in $(seq 200); do redis-cli -p %u %s ping 2> /dev/null | grep -q PONG && "
              "exit 0; sleep 0.05; done; exit 1",
              ports[i], cli);
    assert_non_null(up);
    free(up);
}

static void node_kill(u32 i)
{
    free(shell("test ! -e %s/n%u/pid || kill -9 $(cat %s/n%u/pid); rm -f %s/n%u/pid", dir, i, dir,
               i, dir, i));
}

static char *ask(u32 node, const char *cli, const char *command)
{
    char *out = shell("redis-cli -p %u %s %s 2>&1", ports[node], cli, command);
    assert_non_null(out);
    return out;
}

/* ---- an exporter with one lane ---- */

struct bench {
    struct mem mem;
    struct exporter x;
    struct made_source source;
    struct redis_conf conf;
    struct sink *sink;
};

static void bench_conf(struct bench *b, const char *host)
{
    memset(b, 0, sizeof *b);
    redis_conf_defaults(&b->conf);
    b->conf.host = host;
    b->conf.prefix = PREFIX;
    b->conf.shard = SHARD;
    b->conf.stream_max_len = 100000000;
    b->conf.batch_rows = 40;
    b->conf.connect_timeout_ns = NS_PER_SEC;
    b->conf.commit_timeout_ns = NS_PER_SEC;
}

static void bench_go(struct bench *b, const struct made_journal *j)
{
    const struct export_conf conf = {.seed = 1,
                                     .retry_min_ns = 5 * NS_PER_MS,
                                     .retry_max_ns = 50 * NS_PER_MS,
                                     .refused_retry_ns = 50 * NS_PER_MS};
    struct export_names names;

    mem_init(&b->mem, 0);
    b->sink = redis_new(&b->conf);
    b->sink->epoch = b->sink->process_id = b->sink->journal_id = 1;
    export_init(&b->x, &conf, &b->mem);
    made_journal_names(j, &names, &b->mem, j->txs);
    struct export_source source = made_journal_source(&b->source, j);
    export_add(&b->x, "redis", b->sink, &source, &names, 0);
}

static void bench_stop(struct bench *b)
{
    export_close(&b->x);
    redis_free(b->sink);
    mem_free_all(&b->mem);
}

static u64 bench_mark(const struct bench *b)
{
    return metric_get(&b->x.lanes[0].m_mark_seq);
}

static void bench_run(struct bench *b, u64 ns)
{
    for (u64 end = clock_now_ns() + ns; clock_now_ns() < end;)
        if (export_do_work(&b->x, clock_now_ns()) == 0)
            clock_sleep_ns(50 * NS_PER_US);
}

static void assert_reaches(struct bench *b, u64 seq)
{
    for (u64 end = clock_now_ns() + TIMEOUT; clock_now_ns() < end && bench_mark(b) < seq;)
        if (export_do_work(&b->x, clock_now_ns()) == 0)
            clock_sleep_ns(50 * NS_PER_US);
    if (bench_mark(b) < seq)
        fail_msg("at %llu of %llu: %s", (unsigned long long)bench_mark(b), (unsigned long long)seq,
                 b->x.lanes[0].complaint);
}

/* Until the lane says `what`. */
static void assert_says(struct bench *b, const char *what)
{
    for (u64 end = clock_now_ns() + TIMEOUT;
         clock_now_ns() < end && !strstr(b->x.lanes[0].complaint, what);)
        bench_run(b, NS_PER_MS);
    if (!strstr(b->x.lanes[0].complaint, what))
        fail_msg("\"%s\" does not say \"%s\"", b->x.lanes[0].complaint, what);
}

static struct made_journal made(u64 seed, u64 txs)
{
    struct made_journal j;

    made_journal_init(&j, seed);
    made_journal_start(&j, 1, 20261123);
    made_journal_trade(&j, txs);
    return j;
}

/* The ids of the stream on a node are those of the journal's fills. */
static void assert_stream(u32 node, const char *cli, const struct made_journal *j)
{
    struct fill *fills = journal_fills(j, SHARD);
    char *want = NULL, *got;
    size_t size;
    FILE *out = open_memstream(&want, &size);

    for (u64 i = 0; i < j->executions; i++)
        fprintf(out, "%llu-%u\n", (unsigned long long)fills[i].seq, fills[i].idx);
    fclose(out);
    want[size - 1] = '\0';
    got = shell("redis-cli -p %u %s --raw XRANGE '" PREFIX ":fills' - + | grep -aE "
                "'^[0-9]+-[0-9]+$'",
                ports[node], cli);
    assert_non_null(got);
    assert_string_equal(got, want);
    free(got);
    free(want);
    free(fills);
}

/* ---- TLS ---- */

static void make_certificates(void)
{
    char *done =
        shell("cd %s && for ca in ca other; do openssl req -x509 -newkey rsa:2048 -nodes -days 2 "
              "-subj /CN=$ca -keyout $ca.key -out $ca.crt; done 2>> out && "
              "for who in server client; do openssl req -newkey rsa:2048 -nodes -subj /CN=$who "
              "-keyout $who.key -out $who.csr && printf 'subjectAltName=DNS:redis.test,"
              "IP:127.0.0.1' > ext && openssl x509 -req -in $who.csr -CA ca.crt -CAkey ca.key "
              "-CAcreateserial -days 2 -extfile ext -out $who.crt; done 2>> out",
              dir);
    assert_non_null(done);
    free(done);
}

static void test_tls(void **state)
{
    struct made_journal j = made(1, 3000);
    struct bench b;
    char more[600], cli[600], host[32], files[5][128];
    static const char *const names[] = {"other.crt", "ca.crt", "client.crt", "client.key",
                                        "secret"};

    (void)state;
    make_certificates();
    for (u32 i = 0; i < 5; i++)
        snprintf(files[i], sizeof files[i], "%s/%s", dir, names[i]);
    snprintf(cli, sizeof cli,
             "--tls --cacert %s/ca.crt --cert %s/client.crt --key %s/client.key "
             "-a token --no-auth-warning",
             dir, dir, dir);
    snprintf(more, sizeof more,
             "--port 0 --tls-port %u --tls-cert-file %s/server.crt "
             "--tls-key-file %s/server.key --tls-ca-cert-file %s/ca.crt --requirepass token",
             ports[0], dir, dir, dir);
    node_start(0, more, cli);
    FILE *secret = fopen(files[4], "w");
    fputs("token\n", secret);
    fclose(secret);

    snprintf(host, sizeof host, "127.0.0.1:%u", ports[0]);
    bench_conf(&b, host);
    b.conf.tls = true;
    b.conf.password_file = files[4];
    b.conf.tls_conf =
        (struct tls_conf){.ca_file = files[0], .cert_file = files[2], .key_file = files[3]};
    bench_go(&b, &j);
    assert_says(&b, "the server's certificate: ");
    bench_stop(&b);

    b.conf.tls_conf.ca_file = files[1];
    b.conf.tls_conf.name = "redis.other";
    bench_go(&b, &j);
    assert_says(&b, "ostname mismatch");
    bench_stop(&b);

    b.conf.tls_conf.name = "redis.test";
    b.conf.tls_conf.cert_file = NULL;
    bench_go(&b, &j);
    assert_says(&b, "certificate required"); /* by the server, which wants ours */
    bench_stop(&b);

    b.conf.tls_conf.cert_file = "/none";
    bench_go(&b, &j);
    assert_says(&b, "cannot read our certificate or its key");
    bench_stop(&b);

    b.conf.tls_conf.cert_file = files[2];
    bench_go(&b, &j);
    assert_reaches(&b, j.txs);
    assert_stream(0, cli, &j);
    node_kill(0); /* in the middle, and back, empty: all of it comes again */
    bench_run(&b, 100 * NS_PER_MS);
    node_start(0, more, cli);
    made_journal_trade(&j, 500);
    assert_reaches(&b, j.txs);
    assert_stream(0, cli, &j);
    bench_stop(&b);
    node_kill(0);
    made_journal_free(&j);
}

/* ---- replicas ---- */

static void plain_start(u32 i)
{
    char more[64];

    snprintf(more, sizeof more, "--port %u", ports[i]);
    node_start(i, more, "");
}

/* The replica is asked first; then it is promoted and the old primary comes back as its replica. */
static void test_promoted_replica(void **state)
{
    struct made_journal j = made(2, 3000);
    struct bench b;
    char hosts[80], command[80];

    (void)state;
    for (u32 i = 0; i < 2; i++)
        plain_start(i);
    snprintf(command, sizeof command, "replicaof 127.0.0.1 %u", ports[0]);
    free(ask(1, "", command));
    char *synced = shell("for t in $(seq 200); do redis-cli -p %u info replication | grep -q "
                         "master_link_status:up && exit 0; sleep 0.05; done; exit 1",
                         ports[1]);
    assert_non_null(synced);
    free(synced);
    snprintf(hosts, sizeof hosts, "127.0.0.1:%u,127.0.0.1:%u", ports[1], ports[0]);
    bench_conf(&b, hosts);
    bench_go(&b, &j);
    assert_reaches(&b, 1000);
    assert_true(metric_get(&b.x.lanes[0].m_reconnects) >= 1);
    assert_reaches(&b, 1500);

    node_kill(0); /* what the replica does not have yet is lost with it */
    bench_run(&b, 20 * NS_PER_MS);
    free(ask(1, "", "replicaof no one"));
    assert_reaches(&b, 2500);
    plain_start(0);
    snprintf(command, sizeof command, "replicaof 127.0.0.1 %u", ports[1]);
    free(ask(0, "", command));
    assert_reaches(&b, j.txs);
    assert_stream(1, "", &j);

    /* An orderly change: the primary becomes a replica and answers READONLY. */
    u64 lost = metric_get(&b.x.lanes[0].m_reconnects);
    made_journal_trade(&j, 500);
    free(ask(0, "", "replicaof no one"));
    snprintf(command, sizeof command, "replicaof 127.0.0.1 %u", ports[0]);
    free(ask(1, "", command));
    assert_reaches(&b, j.txs);
    assert_true(metric_get(&b.x.lanes[0].m_reconnects) > lost);
    assert_stream(0, "", &j);
    bench_stop(&b);
    for (u32 i = 0; i < 2; i++)
        node_kill(i);
    made_journal_free(&j);
}

/* ---- a cluster ---- */

static void cluster_start(void)
{
    char more[200];

    for (u32 i = 0; i < NODES; i++) {
        snprintf(more, sizeof more, "--port %u --cluster-enabled yes --cluster-node-timeout 2000",
                 ports[i]);
        node_start(i, more, "");
    }
    char *made =
        shell("redis-cli --cluster create 127.0.0.1:%u 127.0.0.1:%u 127.0.0.1:%u --cluster-yes "
              ">> %s/out 2>&1 && for t in $(seq 200); do for p in %u %u %u; do redis-cli -p $p "
              "cluster info | grep -q cluster_state:ok || { sleep 0.05; continue 2; }; done; "
              "exit 0; done; exit 1",
              ports[0], ports[1], ports[2], dir, ports[0], ports[1], ports[2]);
    assert_non_null(made);
    free(made);
}

/* The node that owns the slot of our keys. */
static u32 cluster_owner(void)
{
    for (u32 i = 0; i < NODES; i++) {
        char *out = ask(i, "", "exists '" PREFIX ":mark'");
        bool moved = strstr(out, "MOVED") != NULL;
        free(out);
        if (!moved)
            return i;
    }
    fail_msg("nobody owns the slot");
    return 0;
}

/* A step of moving `slot`, said to `node`; the id of `other` is put at the end. */
static void setslot(u32 node, u32 slot, const char *what, u32 other)
{
    char command[160], *id = ask(other, "", "cluster myid");

    snprintf(command, sizeof command, "cluster setslot %u %s %s", slot, what, id);
    char *out = ask(node, "", command);
    assert_string_equal(out, "OK");
    free(out);
    free(id);
}

/* Half of the keys are gone, then all of them (ASK), then the slot has its new owner (MOVED). */
static void move_slot(struct bench *b, struct made_journal *j, u32 from, u32 to)
{
    char *text = ask(from, "", "cluster keyslot '" PREFIX ":mark'");
    u32 slot = (u32)strtoul(text, NULL, 10);

    free(text);
    setslot(to, slot, "importing", from);
    setslot(from, slot, "migrating", to);
    free(shell("redis-cli -p %u migrate 127.0.0.1 %u '" PREFIX ":fills' 0 5000", ports[from],
               ports[to]));
    made_journal_trade(j, 200);
    bench_run(b, 100 * NS_PER_MS);
    assert_true(bench_mark(b) < j->txs);
    free(shell(
        "redis-cli -p %u cluster getkeysinslot %u 100 | while read -r key; do redis-cli -p %u "
        "migrate 127.0.0.1 %u \"$key\" 0 5000; done",
        ports[from], slot, ports[from], ports[to]));
    assert_says(b, "ASK ");
    setslot(to, slot, "node", to);
    setslot(from, slot, "node", to);
}

static void test_cluster(void **state)
{
    struct made_journal j = made(3, 3000);
    struct bench b;
    char hosts[120];

    (void)state;
    cluster_start();
    u32 owner = cluster_owner(), next = (owner + 1) % NODES;
    snprintf(hosts, sizeof hosts, "127.0.0.1:%u", ports[next]); /* one that does not own it */
    bench_conf(&b, hosts);
    b.conf.prefix = "wb"; /* its keys have many slots: nothing a script may do */
    bench_go(&b, &j);
    assert_says(&b, "hash tag");
    bench_stop(&b);

    b.conf.prefix = PREFIX;
    bench_go(&b, &j);
    assert_reaches(&b, j.txs / 2);
    move_slot(&b, &j, owner, next);
    assert_reaches(&b, j.txs);
    assert_stream(next, "", &j);

    move_slot(&b, &j, next, owner); /* and back, away from the host that the config names */
    assert_reaches(&b, j.txs);
    assert_stream(owner, "", &j);
    bench_stop(&b);
    for (u32 i = 0; i < NODES; i++)
        node_kill(i);
    made_journal_free(&j);
}

/* A server that has no AUTH names what it was given: the password must not get into a log. */
static void test_secret_stays_secret(void **state)
{
    struct made_journal j = made(4, 10);
    struct bench b;
    char more[80], host[32], secret[100];

    (void)state;
    snprintf(more, sizeof more, "--port %u --rename-command AUTH \"\"", ports[0]);
    node_start(0, more, "");
    snprintf(secret, sizeof secret, "%s/secret", dir);
    FILE *file = fopen(secret, "w");
    fputs("hunter2\n", file);
    fclose(file);
    snprintf(host, sizeof host, "127.0.0.1:%u", ports[0]);
    bench_conf(&b, host);
    b.conf.password_file = secret;
    bench_go(&b, &j);
    assert_says(&b, "unknown command");
    assert_null(strstr(b.x.lanes[0].complaint, "hunter2"));
    bench_stop(&b);
    node_kill(0);
    made_journal_free(&j);
}

static int start(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN); /* as main does */
    snprintf(dir, sizeof dir, "/tmp/wirebook-far-XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    make_ports();
    return 0;
}

static int stop(void **state)
{
    (void)state;
    for (u32 i = 0; i < NODES; i++)
        node_kill(i);
    free(shell("rm -rf -- %s", dir));
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tls),
        cmocka_unit_test(test_promoted_replica),
        cmocka_unit_test(test_cluster),
        cmocka_unit_test(test_secret_stays_secret),
    };

    clock_init();
    log_level_set(LOG_ERROR + 1);
    return cmocka_run_group_tests(tests, start, stop);
}
