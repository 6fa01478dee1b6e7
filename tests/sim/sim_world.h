/*
 * sim_world.h - one run of the simulator: a whole venue, its clients, its disk and its far ends in
 * one thread and in virtual time, through any number of power cuts, kills and restarts.
 *
 * The venue is the real topology (gateway/topology.h): start, recovery, wiring and every agent are
 * the code of the real process. Only the world around it is simulated.
 */
#ifndef WIREBOOK_SIM_SIM_WORLD_H
#define WIREBOOK_SIM_SIM_WORLD_H

#include "tests/sim/sim.h"

struct sim_options {
    u64 seed;
    u32 cuts; /* power cuts, kills and restarts before the final drain */
    bool trace;
    bool no_faults;      /* nothing fails but the power */
    void (*plant)(void); /* plants a fault (persist/plant.h); NULL: none */
    u32 gateways;        /* 0: one to four, by the seed */
    u32 moves;           /* one account moves so often, all in one process; 0: as it comes */
};

/*
 * Runs one seed to its end. Returns when all held, with the counts in sim.counts; else the process
 * ends with SIM_EXIT_BROKEN (an oracle) or aborts (an assertion of the product). Once a process.
 */
void sim_world_run(const struct sim_options *options);

/*
 * The same in a child process. Returns its exit code, or 128 + the signal that ended it; adds its
 * counts to `counts`. With `quiet` nothing that it prints is shown.
 */
int sim_world_run_apart(const struct sim_options *options, bool quiet, struct sim_counts *counts);

#endif
