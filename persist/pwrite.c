/*
 * pwrite.c - see pwrite.h.
 *
 * Hot (the persist agent's thread): write() does it all, and blocks for as long as the disk takes,
 * some 0.3 ms; reap() hands the outcome over. So there is one write at a time: a second one finds
 * the queue full until the first was reaped, and what came meanwhile goes out together. The agent
 * should have a thread of its own. Files for writing are open with O_DIRECT|O_DSYNC: what pwrite
 * has returned is on stable storage. The cold half is directory.c.
 *
 * Failure modes: EINTR: tried again; a short write: the rest is written; any other error is handed
 * over once and is final (disk.h).
 */
#include "persist/pwrite.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/assert.h"
#include "engine/base/limits.h"
#include "persist/directory.h"

struct pwriter {
    struct directory cold; /* first: the interface */

    /* owner: the persist agent */
    struct disk_done done; /* of the write that was not reaped */
    bool ended;            /* there is one */
};

static struct pwriter *self(struct disk *d)
{
    return CONTAINER_OF(d, struct pwriter, cold.disk);
}

static bool pwriter_write(struct disk *d, int file, u64 offset, const void *data, u32 bytes,
                          u64 tag)
{
    struct pwriter *p = self(d);

    if (p->ended)
        return false;
    p->done = (struct disk_done){.tag = tag};
    p->done.error = -directory_put(d, file, offset, data, bytes);
    p->ended = true;
    return true;
}

static u32 pwriter_reap(struct disk *d, struct disk_done *done, u32 max)
{
    struct pwriter *p = self(d);

    if (!p->ended || max == 0)
        return 0;
    p->ended = false;
    *done = p->done;
    return 1;
}

static void pwriter_free(struct disk *d)
{
    directory_end(&self(d)->cold);
    free(self(d));
}

static const struct disk_ops pwriter_ops = {
    DIRECTORY_OPS,
    .write = pwriter_write,
    .reap = pwriter_reap,
    .free = pwriter_free,
};

struct disk *pwrite_new(const char *path, struct why *why)
{
    struct pwriter *p = calloc(1, sizeof *p);

    if (!p) {
        why_set(why, "journal directory %s: %s", path, strerror(ENOMEM));
        return NULL;
    }
    if (directory_begin(&p->cold, &pwriter_ops, path, true, why))
        return &p->cold.disk;
    free(p);
    return NULL;
}
