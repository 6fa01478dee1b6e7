/*
 * uring.c - the real disk as it should be: writes through io_uring, several at once.
 *
 * Hot (the persist agent's thread): write() takes a free op, queues and submits it; reap()
 * collects. Files for writing are open with O_DIRECT|O_DSYNC, so that a completion means stable
 * storage. The cold half is directory.c.
 *
 * Invariants: an op has at most one entry in the kernel's queues, so there is always a free entry
 * for it; an op is given back only when its whole length is written or it has failed.
 *
 * Failure modes: EINTR and EAGAIN mean that nothing was written: queued again. A short write: the
 * rest is queued. Any other error goes up, once, and is final. io_uring_enter failing for good
 * fails all that is under way.
 */
#include "persist/uring.h"

#include <errno.h>
#include <liburing.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/assert.h"
#include "engine/base/limits.h"
#include "persist/directory.h"

#define URING_OPS    8u
#define SECTOR_BYTES 512u
_Static_assert(URING_OPS >= JOURNAL_INFLIGHT_MAX, "the journal never finds the queue full");

struct op {
    const u8 *data; /* what is still to be written */
    u64 offset;
    u64 tag;
    u32 left; /* bytes; 0: the op is free */
    int file;
};

struct uring {
    struct directory cold; /* first: the interface */

    /* owner: the persist agent */
    struct io_uring ring;
    struct op ops[URING_OPS];
    u32 busy;
    int broken; /* positive errno once io_uring_enter has failed for good */
};

static struct uring *self(struct disk *d)
{
    return CONTAINER_OF(d, struct uring, cold.disk);
}

/* ---- hot ---- */

/* Hands queued entries to the kernel; what it did not take now is tried again by the next reap. */
static void submit(struct uring *u)
{
    if (u->broken || io_uring_sq_ready(&u->ring) == 0)
        return;
    int rc = io_uring_submit(&u->ring);
    if (rc < 0 && rc != -EINTR && rc != -EAGAIN && rc != -EBUSY)
        u->broken = -rc;
}

static void queue(struct uring *u, struct op *op)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&u->ring);

    ASSERT(sqe != NULL); /* one entry an op, and as many entries as ops */
    ASSERT_GT(op->left, 0);
    io_uring_prep_write(sqe, op->file, op->data, op->left, op->offset);
    io_uring_sqe_set_data64(sqe, (u64)(op - u->ops));
}

static bool uring_write(struct disk *d, int file, u64 offset, const void *data, u32 bytes, u64 tag)
{
    struct uring *u = self(d);
    struct op *op = u->ops;

    ASSERT(bytes > 0 && bytes % BLOCK_BYTES == 0 && offset % BLOCK_BYTES == 0);
    ASSERT_EQ((uintptr_t)data % BLOCK_BYTES, 0);
    if (u->busy == URING_OPS)
        return false;
    while (op->left != 0)
        op++;
    *op = (struct op){.data = data, .offset = offset, .tag = tag, .left = bytes, .file = file};
    u->busy++;
    queue(u, op);
    submit(u);
    return true;
}

/* Takes in one completion. Returns true when its op has ended, with `*error` set. */
static bool complete(struct uring *u, struct op *op, int res, int *error)
{
    *error = 0;
    if (res == -EINTR || res == -EAGAIN)
        res = 0;
    else if (res < 0)
        *error = -res;
    else if (res < (int)SECTOR_BYTES)
        *error = EIO; /* no progress without a reason: never expected of a file */
    if (*error == 0) {
        u32 written = min_u32((u32)res, op->left) / SECTOR_BYTES * SECTOR_BYTES;
        op->data += written;
        op->offset += written;
        op->left -= written;
        if (op->left > 0) {
            queue(u, op);
            return false;
        }
    }
    op->left = 0;
    u->busy--;
    return true;
}

static u32 reap_broken(struct uring *u, struct disk_done *done, u32 max)
{
    u32 n = 0;

    for (struct op *op = u->ops; op < u->ops + URING_OPS && n < max; op++) {
        if (op->left == 0)
            continue;
        done[n++] = (struct disk_done){.tag = op->tag, .error = u->broken};
        op->left = 0;
        u->busy--;
    }
    return n;
}

static u32 uring_reap(struct disk *d, struct disk_done *done, u32 max)
{
    struct uring *u = self(d);
    struct io_uring_cqe *cqe;
    u32 n = 0;

    if (u->busy == 0)
        return 0;
    if (u->broken)
        return reap_broken(u, done, max);
    while (n < max && io_uring_peek_cqe(&u->ring, &cqe) == 0) {
        struct op *op = &u->ops[io_uring_cqe_get_data64(cqe)];
        int res = cqe->res;
        io_uring_cqe_seen(&u->ring, cqe);
        ASSERT_GT(op->left, 0);
        if (complete(u, op, res, &done[n].error))
            done[n++].tag = op->tag;
    }
    submit(u);
    return n;
}

static void uring_free(struct disk *d)
{
    struct uring *u = self(d);
    struct disk_done done[URING_OPS];

    while (u->busy > 0) {
        if (uring_reap(d, done, URING_OPS) == 0 && !u->broken) {
            struct io_uring_cqe *cqe;
            io_uring_wait_cqe(&u->ring, &cqe);
        }
    }
    io_uring_queue_exit(&u->ring);
    directory_end(&u->cold);
    free(u);
}

static const struct disk_ops uring_ops = {
    DIRECTORY_OPS,
    .write = uring_write,
    .reap = uring_reap,
    .free = uring_free,
};

struct disk *uring_new(const char *path, struct why *why)
{
    struct uring *u = calloc(1, sizeof *u);

    if (!u) {
        why_set(why, "journal directory %s: %s", path, strerror(ENOMEM));
        return NULL;
    }
    if (!directory_begin(&u->cold, &uring_ops, path, true, why)) {
        free(u);
        return NULL;
    }
    int rc = io_uring_queue_init(URING_OPS, &u->ring, 0);
    if (rc == 0)
        return &u->cold.disk;
    why_set(
        why,
        "io_uring: %s; needs Linux 5.10 or later and kernel.io_uring_disabled=0, or journal.io: "
        "pwrite",
        strerror(-rc));
    directory_end(&u->cold);
    free(u);
    return NULL;
}
