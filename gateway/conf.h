/*
 * conf.h - the configuration: a YAML file against one schema, all that is wrong said at once.
 *
 * conf_schema.c has the table of keys; config/reference.yaml explains each. What is not in the file
 * has its default. Numbers keep the unit that their key's name ends in. Plain data, filled once at
 * the start, before any thread runs; read-only after. Cold.
 */
#ifndef WIREBOOK_GATEWAY_CONF_H
#define WIREBOOK_GATEWAY_CONF_H

#include <stdio.h>

#include "engine/base/agent.h"
#include "engine/base/limits.h"
#include "engine/base/log.h"
#include "engine/base/types.h"
#include "gateway/admin/log_write.h"

#define CONF_LISTEN_MAX    8u
#define CONF_BALANCERS_MAX 8u
#define CONF_THREADS_MAX   CONF_AGENTS /* one each */
#define CONF_PORTS_MAX     8u
#define CONF_TEXT_BYTES    512u /* of one text value, with its final zero */

enum conf_transport {
    CONF_TRANSPORT_SOCKETS, /* the kernel's TCP */
    CONF_TRANSPORT_DPDK,    /* our own, past the kernel */
    CONF_TRANSPORT_AUTO,    /* dpdk where it can be had, else sockets */
};

enum conf_takeover {
    CONF_TAKEOVER_YES,    /* a second valid login takes the session over */
    CONF_TAKEOVER_REJECT, /* it is rejected with S while the first one is there */
};

enum conf_seq_ahead {
    CONF_SEQ_AHEAD_REJECT, /* a login that asks for what is yet to come is rejected with S */
    CONF_SEQ_AHEAD_NEXT,   /* it begins with the next message */
};

enum conf_durability {
    CONF_DURABILITY_DISK,
    CONF_DURABILITY_NONE, /* unsafe, for benchmarks */
};

enum conf_journal_io {
    CONF_JOURNAL_IO_URING,
    CONF_JOURNAL_IO_PWRITE,
};

enum conf_huge_pages {
    CONF_HUGE_PAGES_TRY,
    CONF_HUGE_PAGES_OFF,
};

/* Bits of conf_thread.agents; gateway `g` has CONF_AGENT_GATEWAY << g. */
enum conf_agent {
    CONF_AGENT_GATEWAY = 1 << 0,
    CONF_AGENT_ENGINE = 1 << GATEWAYS_MAX,
    CONF_AGENT_PERSIST = 2 << GATEWAYS_MAX,
};
#define CONF_AGENTS (GATEWAYS_MAX + 2u)

/* The agents' names in the order of their bits: those of the topology's hot agents. */
extern const char *const conf_agent_names[CONF_AGENTS];

enum conf_role {
    CONF_ROLE_ORDERS,
    CONF_ROLE_HEALTH, /* for a balancer to look at */
};

enum conf_proxy {
    CONF_PROXY_OFF,
    CONF_PROXY_V2, /* each connection begins with a proxy header */
};

enum conf_dialect {
    CONF_DIALECT_OUCH50,
    CONF_DIALECT_OUCH42,
};

enum conf_stp {
    CONF_STP_OFF,
    CONF_STP_CANCEL_NEWEST,
    CONF_STP_CANCEL_OLDEST,
    CONF_STP_DECREMENT_BOTH,
    CONF_STP_CANCEL_BOTH,
};

enum conf_stp_level {
    CONF_STP_ACCOUNT,
    CONF_STP_FIRM,
};

struct conf_listen {
    u32 ipv4; /* network order; 0: any */
    u64 port;
    enum conf_dialect dialect;
    enum conf_role role;
    enum conf_proxy proxy;
    char profile[16];  /* "": none */
    enum conf_stp stp; /* as enum stp */
    enum conf_stp_level stp_level;
    bool cancel_on_disconnect;
    u64 cancel_grace_ms;
};

/* A network in CIDR form. */
struct conf_network {
    u32 ipv4; /* network order, nothing outside the mask */
    u32 mask; /* network order */
};

struct conf_balancer {
    struct conf_network network;
};

/* One hot thread. */
struct conf_thread {
    char name[16];
    i64 cpu; /* -1: not pinned */
    enum idle_strategy idle;
    u32 agents; /* enum conf_agent; run in the order gateways, engine, persist */
};

struct conf_gateway {
    u64 count;
    enum conf_transport transport;
    struct conf_listen listen[CONF_LISTEN_MAX];
    u32 listen_used; /* at least 1 */
    struct conf_balancer balancers[CONF_BALANCERS_MAX];
    u32 balancers_used;
    u64 drain_notice_ms;
    u64 drain_timeout_ms;
    bool drain_end_of_session;
    u64 connections_max;
    u64 login_timeout_ms;
    u64 heartbeat_ms;
    u64 silence_timeout_ms;
    u64 slow_timeout_ms;
    u64 unauthenticated_per_source;
    u64 rate_reject_per_s;
    u64 rate_stop_per_s;
    u64 store_slots; /* quota of an account's session store, a multiple of STORE_CHUNK_SLOTS */
    u64 rates_each;  /* orders and symbols of an account that are watched at once */
    u64 ouch42_tokens;
    u64 ouch42_tokens_per_account;
    enum conf_takeover takeover;
    enum conf_seq_ahead requested_seq_ahead;
};

/* A NIC port. */
struct conf_port {
    char device[CONF_TEXT_BYTES]; /* PCI address, or DPDK's virtual device with its arguments */
    u32 ipv4;                     /* network order; never 0 */
    u64 prefix_bits;
    u32 gateway; /* network order; 0: none */
    u64 queues;
    u64 mtu; /* 0: as the device is set */
};

struct conf_dpdk {
    struct conf_port ports[CONF_PORTS_MAX];
    u32 ports_used; /* at least 1 */
    u64 memory_mb;
    u64 rto_min_ms;
    u64 tlp_min_us;
    u64 keepalive_ms;
    u64 ttl;
    u64 dscp;
};

struct conf_auth {
    u64 failures_max; /* 0: no limit */
    u64 failures_window_ms;
    u64 remember_days;
};

struct conf_engine {
    u64 accounts_max;
    u64 instruments_max;
    u64 orders_max;
};

struct conf_journal {
    u64 segment_mb;
    u64 segments_ahead;
    u64 buffer_mb;
    u64 low_space_mb;
    u64 hard_space_mb;
    u64 snapshot_transactions;
    u64 keep_segments;
    char archive_to[CONF_TEXT_BYTES];      /* "": there is no archive */
    char archive_command[CONF_TEXT_BYTES]; /* persist/archive_hook.h */
    enum conf_journal_io io;
};

struct conf_postgres {
    bool enabled;
    char conninfo[CONF_TEXT_BYTES];      /* libpq's; never has a password */
    char password_file[CONF_TEXT_BYTES]; /* in .pgpass format, libpq's passfile; "": PGPASSFILE */
    u64 batch_rows;
    u64 batch_ms;
    u64 connect_timeout_ms;
    u64 commit_timeout_ms;
};

struct conf_redis {
    bool enabled;
    char host[CONF_TEXT_BYTES];   /* names or addresses, each with a :port or without, by commas */
    u64 port;                     /* of those without */
    char socket[CONF_TEXT_BYTES]; /* path of a Unix socket; "": host and port */
    char username[CONF_TEXT_BYTES];
    char password_file[CONF_TEXT_BYTES]; /* its first line; "": no password */
    bool tls;
    char tls_ca_file[CONF_TEXT_BYTES];   /* "": the machine's own */
    char tls_cert_file[CONF_TEXT_BYTES]; /* with its key, or both "" */
    char tls_key_file[CONF_TEXT_BYTES];
    char tls_name[CONF_TEXT_BYTES]; /* that the certificate must be for; "": the host's */
    char prefix[CONF_TEXT_BYTES];   /* in front of every key and channel */
    bool top_of_book;
    u64 stream_max_len;
    u64 batch_rows;
    u64 batch_ms;
    u64 connect_timeout_ms;
    u64 commit_timeout_ms;
};

/* control.*: names of users, and of groups behind an @, with spaces or commas between them. */
struct conf_control {
    char socket[CONF_TEXT_BYTES]; /* "": none */
    char group[CONF_TEXT_BYTES];  /* "": the process' own */
    char viewers[CONF_TEXT_BYTES];
    char operators[CONF_TEXT_BYTES];
    char admins[CONF_TEXT_BYTES];
};

/* venue.pre_open to venue.calendar_file: minutes after midnight, -1: none. */
struct conf_schedule {
    i64 pre_open_minute;
    i64 opening_minute;
    i64 closing_minute;
    i64 closed_minute;
    i64 half_closing_minute;
    u64 late_s;
    u64 wide_opening_s;
    u64 wide_closing_s;
    bool weekends;
    char calendar_file[CONF_TEXT_BYTES]; /* "": none */
};

struct conf {
    u64 shard;
    char data_dir[CONF_TEXT_BYTES];
    char timezone[CONF_TEXT_BYTES]; /* venue.timezone, a name of the tz database */
    i64 day_end_minute;             /* venue.day_end in minutes after midnight; -1: none */
    struct conf_schedule schedule;
    char instruments_file[CONF_TEXT_BYTES];
    char accounts_file[CONF_TEXT_BYTES];
    char firms_file[CONF_TEXT_BYTES];    /* "": none */
    char profiles_file[CONF_TEXT_BYTES]; /* "": none */
    struct conf_gateway gateway;
    struct conf_dpdk dpdk;
    struct conf_auth auth;
    struct conf_engine engine;
    enum conf_durability durability;
    struct conf_journal journal;
    struct conf_thread threads[CONF_THREADS_MAX];
    u32 threads_used;
    u64 export_retry_min_ms; /* export.retry_min_ms */
    u64 export_retry_max_ms;
    u64 export_refused_retry_ms;
    struct conf_postgres postgres; /* export.postgres */
    struct conf_redis redis;       /* export.redis */
    enum conf_huge_pages huge_pages;
    enum log_level log_level;
    enum log_format log_format;
    char metrics_file[CONF_TEXT_BYTES]; /* "": none is written */
    u64 metrics_interval_ms;
    bool stages_enabled;
    u64 stages_skip;
    char stages_users[8];              /* "": all */
    char stages_file[CONF_TEXT_BYTES]; /* "": no report is written */
    struct conf_control control;
    u32 management_ipv4;                        /* management.address, network order */
    u64 management_port;                        /* 0: not served */
    char management_cert_file[CONF_TEXT_BYTES]; /* "": no TLS */
    char management_key_file[CONF_TEXT_BYTES];
    char console_dir[CONF_TEXT_BYTES]; /* "": there is no web console */
    char console_token_file[CONF_TEXT_BYTES];
    char console_conninfo[CONF_TEXT_BYTES]; /* "": it shows neither books nor sessions */
    char console_password_file[CONF_TEXT_BYTES];

    /* Set by conf_load also when it found errors: the paths of the reference data are right. */
    bool reference_read;
};

/*
 * What takes a key that may change while the process runs (renew.c has the functions): the
 * schema's last column. A key without one keeps its value until the next start.
 */
enum conf_live {
    CONF_RESTART, /* not while it runs */
    CONF_LIVE_REFERENCE,
    CONF_LIVE_GATEWAYS,
    CONF_LIVE_SCHEDULE,
    CONF_LIVE_AUTH,
    CONF_LIVE_ROLES,
    CONF_LIVE_LOG,
    CONF_LIVE_METRICS,
    CONF_LIVE_DRAIN,
    CONF_LIVE_PARTS
};

/* A key whose value differs between two configurations. */
struct conf_change {
    const char *path;
    enum conf_live live;
};
#define CONF_CHANGES_MAX 224u

/*
 * The keys whose values differ, in the order of the schema; a list is one key, live by itself or
 * when its items are as many as before and only live keys of theirs differ. Returns how many.
 */
u32 conf_diff(const struct conf *now, const struct conf *next,
              struct conf_change changes[CONF_CHANGES_MAX]);

/*
 * Takes the values of the live keys of `changes` over from `next`; the others stay. Returns the
 * number of errors that the keys then have between each other, reported as by conf_load under
 * `name`.
 */
int conf_take(struct conf *now, const struct conf *next, const struct conf_change *changes,
              u32 used, const char *name, FILE *errors);

/* Reads ADDRESS/BITS. Returns NULL, or what is wrong with it. */
const char *conf_network_parse(const char *text, struct conf_network *out);

/* The embedded default: what config/dev.yaml states. */
void conf_default(struct conf *out);

/*
 * Reads `path` to `out`. Each thing that is wrong is a line of its own in `errors`:
 * `FILE:LINE: key: value: what is wrong; allowed: ...`. Returns the number of errors; only after 0
 * is `out` to be used, but for the reference data's paths when `out->reference_read` is set.
 */
int conf_load(const char *path, struct conf *out, FILE *errors);

/* The same for YAML in memory; `name` stands for the file's name in errors. */
int conf_parse(const char *name, const char *text, size_t bytes, struct conf *out, FILE *errors);

/* Writes every key with value, what is allowed, default and help, as YAML that conf_load takes. */
void conf_print(const struct conf *c, FILE *out);

#endif
