/*
 * sim_oracle.h - comparisons between what was seen outside and what the journal says.
 *
 * OUCH bytes are read here by hand from the specification's offsets (CONFORMANCE.md section 4):
 * neither the gateway's encoder nor the client library's decoder judges itself.
 */
#ifndef WIREBOOK_SIM_SIM_ORACLE_H
#define WIREBOOK_SIM_SIM_ORACLE_H

#include "tests/lib/fake_sink.h"
#include "tests/sim/sim_account.h"
#include "tests/sim/sim_journal.h"
#include "tests/sim/sim_redis.h"

/* Everything that `a` saw on any day is in the journal, at the same number, saying the same. */
void sim_oracle_account(const struct sim_journal *j, const struct sim_account *a);

/* ... and of the journal's last day it saw everything, and its open orders are the engine's. */
void sim_oracle_account_complete(const struct sim_journal *j, const struct sim_account *a);

/*
 * The database has every event of the journal once, in order, and the mark stands at its end; with
 * `names`, blank ones to be filled, each row has the firm of its account of then.
 */
void sim_oracle_database(const struct sim_journal *j, const struct fake_far *far,
                         struct export_names *names);

/* The stream has an entry for every transaction with executions, once, in order. */
void sim_oracle_redis(const struct sim_journal *j, const struct sim_redis *far,
                      const struct export_names *names);

#endif
