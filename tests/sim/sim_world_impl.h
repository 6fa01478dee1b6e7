/*
 * sim_world_impl.h - the inside of one run, shared by its three files: sim_world.c (the life of a
 * process), sim_world_init.c (how it is set up), sim_world_run.c (from the first to the last look).
 */
#ifndef WIREBOOK_SIM_SIM_WORLD_IMPL_H
#define WIREBOOK_SIM_SIM_WORLD_IMPL_H

#include <setjmp.h>

#include "gateway/topology.h"
#include "tests/sim/sim_auth.h"
#include "tests/sim/sim_client.h"
#include "tests/sim/sim_disk.h"
#include "tests/sim/sim_journal.h"
#include "tests/sim/sim_net.h"
#include "tests/sim/sim_oracle.h"
#include "tests/sim/sim_world.h"

#define CLIENTS          6u
#define SIM_GATEWAYS_MAX 4u
#define SYMBOLS          4u
#define PRICE_BASE       1000000u /* 100.0000 */
#define TICK             100u
#define SHARD            1u
#define DAY_NS           (86400 * NS_PER_SEC)
#define FIRST_DAY        20512u /* days since 1970: 2026-02-28, so a month ends, too */
#define CHECK_EVERY      1000u  /* steps between two full checks of the product's invariants */

/* Why a process ended. */
enum fate {
    FATE_NONE,
    FATE_CUT,
    FATE_KILL,
    FATE_FAILED_WRITE,
    FATE_RESTART,
};

struct world {
    struct sim_options options;
    struct sim_disk *disk;
    struct sim_net *nets[SIM_GATEWAYS_MAX]; /* one for each gateway */
    u32 nets_used;
    struct transport *closed[SIM_GATEWAYS_MAX]; /* nets without a gateway in this process */
    u64 asleep_ns[TOPOLOGY_AGENTS_MAX];         /* a gateway has no turns until then */
    struct sim_auth auth;
    struct sim_client clients[CLIENTS];
    struct fake_far database;
    struct sim_redis redis;
    struct sim_journal journal;
    struct refdata refs;
    struct topology_conf conf;
    struct sim_client_conf client_conf;

    struct topology topology;
    struct fake_sink database_sink;
    struct sim_redis_sink redis_sink;
    bool running;    /* topology_open has ended */
    u32 cut_flights; /* a cut waits until so many writes are in flight */
    u32 cut_blocks;  /* ... or one of so many blocks: amid a sweep */
    u64 full_until_ns;
    u64 fate_at_ns;  /* when this process' end comes */
    enum fate fate;  /* which */
    jmp_buf cut_out; /* out of whatever runs when the power goes */
};

/* The run of this process. */
extern struct world *world;

/* ---- sim_world_init.c ---- */
void world_init(const struct sim_options *o);
void world_free(void);

/* ---- sim_world.c ---- */
/* Builds a process from the disk and lets it take the lead; its fate is planned already. */
void process_start(void);
/* One turn of all agents and clients. */
void world_step(void);
/* A process from its start to the end that fate has for it. */
void process_life(void);
/* A process that lives, undisturbed, until options.moves accounts have moved. */
void process_of_moves(void);
/* The process is no more: its memory goes, and the disk is left as its end left it. */
void process_end(void);
/* The machine stays off for a while, sometimes until shortly before the next midnight. */
void stay_off(void);

/* ---- sim_world_run.c ---- */
/* The oracles look at a copy of the disk, and at what the clients have seen. */
void look(void);

#endif
