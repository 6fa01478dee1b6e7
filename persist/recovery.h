/*
 * recovery.h - from the directory to an engine as it was: the newest good snapshot and the journal
 * behind it, or the journal alone.
 *
 * Cold; before any agent runs.
 */
#ifndef WIREBOOK_PERSIST_RECOVERY_H
#define WIREBOOK_PERSIST_RECOVERY_H

#include "engine/engine.h"
#include "persist/replay.h"

struct recovery_conf {
    struct disk *disk;
    u32 shard;
    struct engine_conf engine; /* pool sizes; the hash key only counts without a snapshot */
    bool no_snapshots;         /* the journal alone */
    bool quiet;                /* no progress lines */
};

/*
 * Makes `*engine` in `m`, an arena of its own, and brings it to the journal's end. `result` also
 * says which snapshot it went on from. On anything but REPLAY_OK `why` is set. A snapshot that
 * cannot be used costs a line in the log and time, nothing else.
 */
enum replay_status recovery_run(const struct recovery_conf *conf, struct mem *m,
                                struct engine **engine, struct replay_result *result,
                                struct why *why);

#endif
