/*
 * topology.h - the whole process as one struct: which agents there are and which rings join them.
 *
 * Main builds it over the real world (sockets, io_uring, PostgreSQL, Redis) and gives the agents to
 * threads; the simulator builds the same over its own world and calls the agents in turn. So start,
 * recovery and wiring are the same code in both.
 *
 * Order of use: topology_conf_defaults, topology_build, topology_open, then the agents' turns, then
 * topology_close and topology_free. All of these by one thread, while no other runs an agent.
 */
#ifndef WIREBOOK_GATEWAY_TOPOLOGY_H
#define WIREBOOK_GATEWAY_TOPOLOGY_H

#include "engine/base/agent.h"
#include "engine/engine.h"
#include "gateway/admin/admin.h"
#include "gateway/gateway.h"
#include "gateway/refdata.h"
#include "gateway/terms.h"
#include "gateway/session/auth.h"
#include "persist/archive.h"
#include "persist/export.h"
#include "persist/persist.h"
#include "persist/reader.h"
#include "persist/recovery.h"
#include "persist/shadow.h"

#define TOPOLOGY_AGENTS_MAX (GATEWAYS_MAX + 11u)
#define TOPOLOGY_EXIT_CONF  1 /* the config does not fit the journal; beside enum persist_exit */

/* The nodes whose memory the hot agents get; -1: wherever. */
struct topology_nodes {
    i32 gateways[GATEWAYS_MAX];
    i32 engine;
    i32 persist;
};

/* Sizes and terms of every part; topology_build sets what must agree between them. */
struct topology_conf {
    u32 shard;     /* 1..99 */
    u32 mem_flags; /* enum mem_flags */
    struct topology_nodes nodes;
    u32 gateways;   /* 1..GATEWAYS_MAX */
    u64 journal_id; /* random: becomes the journal's, if it begins now; not 0 */
    u64 process_id; /* random: tells it from a process that runs on a copy of the journal; not 0 */
    struct engine_conf engine;
    struct gateway_conf gateway;
    struct persist_conf persist;
    struct export_conf export;
    struct admin_conf admin;
    u64 snapshot_every;       /* transactions between two snapshots; 0: none are made */
    bool stages;              /* where orders' time goes is measured (engine/base/stamps.h) */
    u64 stages_skip;          /* ... but for the first so many orders of each gateway */
    const char *stages_users; /* ... and of users whose name begins so; it stays the caller's */
    u32 keep_segments;        /* that nobody needs stay, older ones are recycled; 0: all stay */
    struct schedule schedule;
};

/* A far end of the export, already made; the lane starts disconnected. */
struct topology_sink {
    const char *name;
    struct sink *sink;
    u64 batch_age_ns;
};

/* What differs between the real machine and the simulator. Not owned by the topology. */
struct topology_world {
    struct disk *disk; /* locked by the caller */
    struct transport *transports[GATEWAYS_MAX];
    struct topology_sink sinks[EXPORT_LANES_MAX];
    u32 sinks_used;
    struct archive_hook archive; /* begin NULL: there is none */
    struct tops *tops;           /* wanted by a sink; NULL: by none */
    struct auth *auth;           /* NULL: the caller answers the auth rings itself */
    /* Lets some time pass while the topology waits for the disk; returns the new now_ns. */
    u64 (*pass_time)(void *ctx);
    void *ctx;
};

/* Every ring of the process; filled by one function, so the topology is read on one screen. */
struct topology_rings {
    struct ring cmd[GATEWAYS_MAX];             /* gateway -> engine */
    struct ring admin_cmd;                     /* admin -> engine */
    struct ring admin_answers;                 /* engine -> admin: what it has asked as operator */
    struct ring events[GATEWAYS_MAX];          /* engine -> gateway */
    struct ring tx;                            /* engine -> persist */
    struct ring auth_requests[GATEWAYS_MAX];   /* gateway -> auth */
    struct ring auth_answers[GATEWAYS_MAX];    /* auth -> gateway */
    struct ring reader_requests[GATEWAYS_MAX]; /* gateway -> reader */
    struct ring reader_answers[GATEWAYS_MAX];  /* reader -> gateway */
    struct ring reader_tap;                    /* persist -> reader */
    struct ring sink_taps[EXPORT_LANES_MAX];   /* persist -> export, one a sink */
};

struct topology {
    struct topology_conf conf;
    struct topology_world world;
    struct mem mem;
    struct mem engine_mem;      /* the engine's alone: snapshots are made of it */
    struct store_memory stores; /* of the gateways */
    struct rates_memory rates;  /* ... */
    struct topology_rings rings;
    struct replay_result recovered;
    u64 journal_id; /* the recovered one, or the new one */

    struct stamps *stamps; /* NULL: no stages */
    struct engine *engine;
    struct persist *persist;
    struct reader *reader;
    struct shadow *shadow;   /* NULL: neither snapshots nor tops of books */
    struct archive *archive; /* NULL: none */
    struct gateway *gateways[GATEWAYS_MAX];
    struct terms_post terms[GATEWAYS_MAX];
    struct exporter exporter;
    struct export_cursor cursors[EXPORT_LANES_MAX]; /* one a sink */
    struct admin admin;

    /* In the order in which one thread would run them: gateways, engine, persist, cold ones. */
    struct agent agents[TOPOLOGY_AGENTS_MAX];
    u32 agents_used;
};

/* Dev-sized pools, the protocol's timers, durability disk; the caller draws the two ids. */
void topology_conf_defaults(struct topology_conf *conf);

/*
 * Takes memory, recovers the engine from the disk, makes and joins all agents. Returns 0, or the
 * process' exit code (enum persist_exit, TOPOLOGY_EXIT_CONF) after one clear log line; then only
 * topology_free is legal.
 */
int topology_build(struct topology *t, const struct topology_conf *conf,
                   const struct topology_world *world, u64 now_ns);

/*
 * Begins to lead the shard: CMD_START, the trading day, and all instruments and accounts of `refs`
 * that the recovered engine does not know as they are (those that are gone from `refs` are halted
 * or disabled). Runs the agents' turns until all of it is durable, then seals the memory.
 * Returns 0, or an exit code when the journal cannot be written, or when what the journal knows and
 * what `refs` add do not fit the pools (TOPOLOGY_EXIT_CONF, one log line). What the engine refuses
 * of `refs` is logged. `refs` must live as long as the topology.
 */
int topology_open(struct topology *t, const struct refdata *refs, u64 now_ns);

/*
 * An orderly stop: reads nothing more, finishes what clients have asked, ends all sessions, then
 * runs the agents until everything is durable and as much as possible is exported, at most until
 * `deadline_ns`; an export without a connection is waited for a second. Returns true when all was
 * durable.
 */
bool topology_close(struct topology *t, u64 now_ns, u64 deadline_ns);

/* Gives back all memory and files. Without topology_close before: as a crash would leave things. */
void topology_free(struct topology *t);

/* What a cursor of its own over the live journal is made with, from the files alone. After
 * topology_build. */
struct cursor_conf topology_cursor(struct topology *t);

/* The agent with that name, or NULL. */
struct agent *topology_agent(struct topology *t, const char *name);

#endif
