/*
 * uring.c - the real disk: hot writes through io_uring, everything else by plain system calls.
 *
 * Hot (the persist agent's thread): write() takes a free op, queues and submits it; reap()
 * collects. Files for writing are open with O_DIRECT|O_DSYNC, so that a completion means stable
 * storage. Cold (any thread): blocking calls relative to the directory; no state is shared but
 * `direct`.
 *
 * Invariants: an op has at most one entry in the kernel's queues, so there is always a free entry
 * for it; an op is given back only when its whole length is written or it has failed.
 *
 * Failure modes: EINTR and EAGAIN mean that nothing was written: queued again. A short write: the
 * rest is queued. Any other error goes up, once, and is final. io_uring_enter failing for good
 * fails all that is under way. A file system without O_DIRECT (tmpfs) is used without it, with one
 * log line.
 */
#include "persist/uring.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "engine/base/assert.h"
#include "engine/base/limits.h"
#include "engine/base/log.h"

#define URING_OPS    8u
#define SECTOR_BYTES 512u
#define FILL_BYTES   (256u << 10) /* a step of zero-filling: short, so that the journal gets in */
#define LOCK_NAME    "lock"
#define FILE_MODE    0640
#define DIR_MODE     0750
#define PARENT_MODE  0755 /* of the directories above it */
_Static_assert(URING_OPS >= JOURNAL_INFLIGHT_MAX, "the journal never finds the queue full");

struct op {
    const u8 *data; /* what is still to be written */
    u64 offset;
    u64 tag;
    u32 left; /* bytes; 0: the op is free */
    int file;
};

struct uring {
    struct disk disk; /* first: the interface */
    int dir;
    int lock;
    bool hot;
    _Atomic bool direct_refused; /* said once */

    /* owner: the persist agent */
    struct io_uring ring;
    struct op ops[URING_OPS];
    u32 busy;
    int broken; /* positive errno once io_uring_enter has failed for good */
};

static struct uring *self(struct disk *d)
{
    return CONTAINER_OF(d, struct uring, disk);
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

    ASSERT(u->hot);
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
    else if (res == 0)
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

/* ---- cold ---- */

static int uring_list(struct disk *d, void (*each)(void *, const struct disk_entry *), void *ctx)
{
    int fd = openat(self(d)->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *de;

    if (!dir) {
        int error = -errno;
        if (fd >= 0)
            close(fd);
        return error;
    }
    errno = 0;
    while ((de = readdir(dir)) != NULL) {
        struct disk_entry e;
        struct stat st;
        if (strlen(de->d_name) < sizeof e.name &&
            fstatat(fd, de->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode)) {
            memset(&e, 0, sizeof e);
            memcpy(e.name, de->d_name, strlen(de->d_name));
            e.bytes = (u64)st.st_size;
            each(ctx, &e);
        }
        errno = 0;
    }
    int error = -errno;
    closedir(dir);
    return error;
}

/* Opens with O_DIRECT, or without where the file system has no such thing. */
static int open_direct(struct uring *u, const char *name, int flags)
{
    int fd = openat(u->dir, name, flags | O_DIRECT | O_CLOEXEC, FILE_MODE);

    if (fd < 0 && errno == EINVAL) {
        if (flags & O_CREAT)
            unlinkat(u->dir, name, 0); /* some file systems make the file and then refuse */
        fd = openat(u->dir, name, flags | O_CLOEXEC, FILE_MODE);
        if (fd >= 0 && !atomic_exchange(&u->direct_refused, true))
            log_warn("journal %s: this file system has no O_DIRECT; writing through its cache",
                     u->disk.where);
    }
    return fd < 0 ? -errno : fd;
}

static int fill_zero(int fd, u64 bytes)
{
    void *zeros = aligned_alloc(BLOCK_BYTES, FILL_BYTES);
    u64 at = 0;
    int error = zeros ? 0 : -ENOMEM;

    if (zeros)
        memset(zeros, 0, FILL_BYTES);
    if (!error && fallocate(fd, 0, 0, (off_t)bytes) < 0 && errno != EOPNOTSUPP && errno != EINTR)
        error = -errno;
    while (!error && at < bytes) {
        ssize_t n = pwrite(fd, zeros, min_u64(bytes - at, FILL_BYTES), (off_t)at);
        if (n > 0)
            at += (u64)n;
        else if (n == 0 || errno != EINTR)
            error = n == 0 ? -EIO : -errno;
    }
    free(zeros);
    if (!error && fsync(fd) < 0)
        error = -errno;
    return error;
}

static int uring_create(struct disk *d, const char *name, u64 bytes)
{
    struct uring *u = self(d);

    ASSERT(bytes > 0 && bytes % BLOCK_BYTES == 0);
    int fd = open_direct(u, name, O_CREAT | O_EXCL | O_WRONLY);
    if (fd < 0)
        return fd;
    int error = fill_zero(fd, bytes);
    close(fd);
    if (error)
        unlinkat(u->dir, name, 0);
    return error;
}

static int uring_open(struct disk *d, const char *name, enum disk_open how)
{
    return open_direct(self(d), name, how == DISK_WRITE ? O_RDWR | O_DSYNC : O_RDONLY);
}

static void uring_close(struct disk *d, int file)
{
    (void)d;
    close(file);
}

static i64 uring_read(struct disk *d, int file, u64 offset, void *to, u64 bytes)
{
    u64 got = 0;

    (void)d;
    ASSERT(offset % BLOCK_BYTES == 0 && bytes % BLOCK_BYTES == 0);
    ASSERT_EQ((uintptr_t)to % BLOCK_BYTES, 0);
    while (got < bytes) {
        ssize_t n = pread(file, (u8 *)to + got, bytes - got, (off_t)(offset + got));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        got += (u64)n;
        if (n == 0 || (u64)n % BLOCK_BYTES != 0)
            break; /* the end of the file, which may lie within a block when it was cut short */
    }
    return (i64)got;
}

static int uring_sync(struct disk *d, int file)
{
    (void)d;
    return fsync(file) < 0 ? -errno : 0;
}

static int uring_rename(struct disk *d, const char *from, const char *to)
{
    return renameat(self(d)->dir, from, self(d)->dir, to) < 0 ? -errno : 0;
}

static int uring_unlink(struct disk *d, const char *name)
{
    return unlinkat(self(d)->dir, name, 0) < 0 ? -errno : 0;
}

static int uring_sync_dir(struct disk *d)
{
    return fsync(self(d)->dir) < 0 ? -errno : 0;
}

static i64 uring_free_bytes(struct disk *d)
{
    struct statvfs st;

    if (fstatvfs(self(d)->dir, &st) < 0)
        return -errno;
    return (i64)((u64)st.f_bavail * st.f_frsize);
}

static int uring_lock(struct disk *d)
{
    struct uring *u = self(d);

    ASSERT_LT(u->lock, 0);
    int fd = openat(u->dir, LOCK_NAME, O_CREAT | O_RDWR | O_CLOEXEC, FILE_MODE);
    if (fd < 0)
        return -errno;
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        int error = -errno;
        close(fd);
        return error;
    }
    u->lock = fd;
    return 0;
}

static const struct disk_ops uring_ops = {
    .write = uring_write,
    .reap = uring_reap,
    .list = uring_list,
    .create = uring_create,
    .open = uring_open,
    .close = uring_close,
    .read = uring_read,
    .sync = uring_sync,
    .rename = uring_rename,
    .unlink = uring_unlink,
    .sync_dir = uring_sync_dir,
    .free_bytes = uring_free_bytes,
    .lock = uring_lock,
};

/* ---- making one ---- */

/*
 * The name of `path` becomes stable in the directory above it. A directory of somebody else's,
 * which we may not open, is left to him unless the name is `ours`. Returns 0 or a positive errno.
 */
static int sync_name(const char *path, bool ours)
{
    int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int parent = dir < 0 ? -1 : openat(dir, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int error = parent < 0 ? errno : 0;

    if (parent >= 0 && fsync(parent) < 0)
        error = errno;
    if (parent >= 0)
        close(parent);
    if (dir >= 0)
        close(dir);
    return error == EACCES && !ours ? 0 : error;
}

/*
 * mkdir -p. The name of each directory that it makes is synced, and the last one's in any case:
 * whoever made it may have died before he could. Returns 0 or a positive errno.
 */
static int make_dirs(const char *path)
{
    char part[4096];
    size_t n = strlen(path);

    if (n == 0 || n >= sizeof part)
        return n == 0 ? ENOENT : ENAMETOOLONG;
    while (n > 1 && path[n - 1] == '/')
        n--;
    for (size_t i = 1; i <= n; i++) {
        if (i < n && path[i] != '/')
            continue;
        memcpy(part, path, i);
        part[i] = '\0';
        bool made = mkdir(part, i < n ? PARENT_MODE : DIR_MODE) == 0;
        int error = made || errno == EEXIST ? 0 : errno;
        if (!error && (made || i == n))
            error = sync_name(part, made);
        if (error)
            return error;
    }
    return 0;
}

struct disk *uring_new(const char *path, bool hot, struct why *why)
{
    struct uring *u = calloc(1, sizeof *u);
    int error = u ? (hot ? make_dirs(path) : 0) : ENOMEM;

    if (!error) {
        u->disk = (struct disk){.ops = &uring_ops, .where = path};
        u->lock = -1;
        u->hot = hot;
        u->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        error = u->dir < 0 ? errno : 0;
    }
    if (error) {
        why_set(why, "journal directory %s: %s; check the path and its permissions", path,
                strerror(error));
        free(u);
        return NULL;
    }
    if (!hot)
        return &u->disk;
    int rc = io_uring_queue_init(URING_OPS, &u->ring, 0);
    if (rc < 0) {
        why_set(why, "io_uring: %s; needs Linux 5.10 or later and kernel.io_uring_disabled=0",
                strerror(-rc));
        close(u->dir);
        free(u);
        return NULL;
    }
    return &u->disk;
}

void uring_free(struct disk *d)
{
    struct uring *u = self(d);
    struct disk_done done[URING_OPS];

    while (u->hot && u->busy > 0) {
        if (uring_reap(d, done, URING_OPS) == 0 && !u->broken) {
            struct io_uring_cqe *cqe;
            io_uring_wait_cqe(&u->ring, &cqe);
        }
    }
    if (u->hot)
        io_uring_queue_exit(&u->ring);
    if (u->lock >= 0)
        close(u->lock);
    close(u->dir);
    free(u);
}
