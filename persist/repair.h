/*
 * repair.h - a damaged journal is made one that a start takes: by explicit order, keeping the
 * original.
 *
 * What can be done is to cut: the journal ends before the first block that is not right, and what
 * stands behind it, although it was acknowledged, is lost to the venue. (A file whose length alone
 * is wrong gets its length back; a snapshot that has seen more than is left goes.) So the first
 * remedy is always a whole copy of the file, from the archive.
 *
 *   look ─▶ say what is wrong ─yes─▶ DIR/repairing: links, mended files ─▶ recovery goes through?
 *        ─▶ CMD_START of a new epoch, NOTE_REPAIR with who and why ─▶ verified?
 *        ─▶ the originals get names in DIR/damaged.N, with what is lost as lost.jsonl
 *        ─▶ DIR takes what was made
 *
 * Nothing in DIR changes before the result has been verified, and no byte of an original at all.
 * A repair that dies leaves DIR as it was, or partly changed and the originals in DIR/damaged.N:
 * then it is begun again. The tool holds the directory's lock, so the venue cannot run beside it.
 */
#ifndef WIREBOOK_PERSIST_REPAIR_H
#define WIREBOOK_PERSIST_REPAIR_H

#include <stdio.h>

#include "persist/why.h"

struct repair_conf {
    const char *dir;
    u32 shard;
    bool yes;           /* false: only say what is wrong and what would be done */
    const char *reason; /* why, for the journal; wanted with `yes` */
    const char *user;   /* who, for the journal */
    u32 uid;
    FILE *report; /* for a person */
};

enum repair_outcome {
    REPAIR_NOTHING, /* a start takes it as it is; nothing was changed */
    REPAIR_DONE,
    REPAIR_WANTED,  /* it is damaged, and nothing was changed: `yes` was not said */
    REPAIR_REFUSED, /* cannot be done: `why`; what was there is as it was, or in DIR/damaged.N */
};

/* Cold; blocks; memory from arenas and malloc. `now_ns`: the time of the journalled note. */
enum repair_outcome repair_run(const struct repair_conf *conf, u64 now_ns, struct why *why);

#endif
