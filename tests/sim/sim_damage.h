/*
 * sim_damage.h - a journal of a run is damaged in a copy, and read: bits that rot, writes that went
 * to another place, writes that were reported and never came.
 *
 * What must come of it follows from the journal's format alone (sim_damage.c), not from what
 * replay.c does: a block that a later one calls durable is missed and named; only what has no such
 * witness may look like a torn tail; nothing is ever handed out that was not written; and the disk
 * is not touched.
 */
#ifndef WIREBOOK_SIM_SIM_DAMAGE_H
#define WIREBOOK_SIM_SIM_DAMAGE_H

#include "persist/durable_mark.h"
#include "tests/sim/sim_disk.h"
#include "tests/sim/sim_journal.h"

/*
 * Damages a copy of `disk` at random, by luck of its own (`seed`): the run goes on as without it.
 * `j` has just looked at the disk. `mark` is durable.mark as the process before has left it, all
 * zero without one: the copy has that. Fails the run when recovery or a cursor says anything
 * untrue.
 */
void sim_damage_look(const struct sim_journal *j, const struct sim_disk *disk,
                     const struct durable_record mark[2], u32 shard, u64 seed);

#endif
