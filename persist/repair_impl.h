/*
 * repair_impl.h - the inside of repair.h, shared by its three files: repair.c (the order of
 * things), repair_files.c (the directories), repair_lost.c (what was cut off). Nobody else's.
 */
#ifndef WIREBOOK_PERSIST_REPAIR_IMPL_H
#define WIREBOOK_PERSIST_REPAIR_IMPL_H

#include "engine/engine.h"
#include "persist/disk.h"
#include "persist/repair.h"
#include "persist/replay.h"
#include "persist/segment_file.h"

#define REPAIR_WORK     "repairing"
#define REPAIR_KEEP     "damaged." /* and a number, from 1 */
#define REPAIR_LOST     "lost.jsonl"
#define REPAIR_PATH_MAX 4096

struct repair {
    const struct repair_conf *conf;
    struct why *why;
    struct disk *disk; /* DIR, locked */
    struct disk *work; /* DIR/repairing; NULL: not made yet */
    char work_path[REPAIR_PATH_MAX];
    char keep_path[REPAIR_PATH_MAX]; /* DIR/damaged.N; empty: none yet */
    struct mem mem;                  /* the engine's */
    struct engine *engine;           /* recovered from `work` */
    struct replay_result at;
    u64 max_epoch;   /* of all blocks that were ever seen */
    u64 last_left;   /* transaction with which the mended journal ends */
    u64 blocks_left; /* number of the first block that is cut */
    u64 now_ns;
};

/* ---- repair_files.c: each false with r->why set ---- */

/* DIR/repairing with links to all segments and snapshots of DIR. */
bool repair_work_make(struct repair *r);
/* Removes DIR/repairing and the links in it. */
void repair_work_remove(struct repair *r);
/* The first `blocks` blocks of a segment in `work` to a new file of `total`, the rest zero. */
bool repair_mend(struct repair *r, u64 segment, u64 blocks, u64 total);
/* Segment `segment` keeps its first `blocks` blocks (0: goes), all behind it go. */
bool repair_cut(struct repair *r, u64 segment, u64 blocks);
/* Snapshot `seq` goes. */
bool repair_drop_snapshot(struct repair *r, u64 seq);
/* DIR/damaged.N, N the first free number, and its name in keep_path. */
bool repair_keep_make(struct repair *r);
/*
 * DIR becomes what `work` is; every file that thereby loses its name there has it in keep_path.
 * Says in the report which.
 */
bool repair_commit(struct repair *r);

/* What root has made belongs to whom DIR belongs to: the venue must be able to open it. */
bool repair_own(struct repair *r, const char *path);

/* ---- repair_lost.c ---- */

/* Writes what can still be read behind the cut to keep_path/lost.jsonl, and says how much. */
bool repair_lost(struct repair *r);

#endif
