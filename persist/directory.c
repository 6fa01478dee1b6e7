/*
 * directory.c - see directory.h. Any thread but the hot ones; they share `direct_refused` and,
 * under a lock, `name_error`.
 *
 * Failure modes: every error goes up as a negative errno. A file system without O_DIRECT (tmpfs)
 * is used without it, with one log line. A directory that could not be synced once is never said to
 * be synced again: the kernel tells an error to one caller alone, and the names that it had then
 * may be another one's.
 */
#include "persist/directory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "engine/base/assert.h"
#include "engine/base/limits.h"
#include "engine/base/log.h"

#define SECTOR_BYTES 512u
#define LOCK_NAME    "lock"
#define FILE_MODE    0640
#define DIR_MODE     0750
#define PARENT_MODE  0755 /* of the directories above it */

static struct directory *self(struct disk *d)
{
    return CONTAINER_OF(d, struct directory, disk);
}

int directory_list(struct disk *d, void (*each)(void *, const struct disk_entry *), void *ctx)
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
static int open_direct(struct directory *u, const char *name, int flags)
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

int directory_reserve(struct disk *d, int file, u64 bytes)
{
    int rc = fallocate(file, 0, 0, (off_t)bytes);

    (void)d; /* interrupted: then the puts do it */
    return rc < 0 && errno != EOPNOTSUPP && errno != EINTR ? -errno : 0;
}

static int fill_zero(struct disk *d, int fd, u64 bytes)
{
    void *zeros = aligned_alloc(BLOCK_BYTES, SEGMENT_FILL_BYTES);
    int error = zeros ? directory_reserve(d, fd, bytes) : -ENOMEM;

    if (zeros)
        memset(zeros, 0, SEGMENT_FILL_BYTES);
    for (u64 at = 0; !error && at < bytes; at += SEGMENT_FILL_BYTES)
        error = directory_put(d, fd, at, zeros, min_u64(bytes - at, SEGMENT_FILL_BYTES));
    free(zeros);
    if (!error && fsync(fd) < 0)
        error = -errno;
    return error;
}

int directory_create(struct disk *d, const char *name, u64 bytes)
{
    struct directory *u = self(d);

    ASSERT_EQ(bytes % BLOCK_BYTES, 0);
    int fd = open_direct(u, name, O_CREAT | O_EXCL | O_WRONLY);
    if (fd < 0)
        return fd;
    int error = bytes > 0 ? fill_zero(d, fd, bytes) : 0;
    close(fd);
    if (error)
        unlinkat(u->dir, name, 0);
    return error;
}

int directory_open(struct disk *d, const char *name, enum disk_open how)
{
    static const int flags[] = {
        [DISK_READ] = O_RDONLY, [DISK_WRITE] = O_RDWR | O_DSYNC, [DISK_FILL] = O_WRONLY};

    return open_direct(self(d), name, flags[how]);
}

void directory_close(struct disk *d, int file)
{
    (void)d;
    close(file);
}

int directory_put(struct disk *d, int file, u64 offset, const void *data, u64 bytes)
{
    u64 done = 0;

    (void)d;
    ASSERT(bytes > 0 && bytes % BLOCK_BYTES == 0 && offset % BLOCK_BYTES == 0);
    ASSERT_EQ((uintptr_t)data % BLOCK_BYTES, 0);
    while (done < bytes) {
        ssize_t n = pwrite(file, (const u8 *)data + done, bytes - done, (off_t)(offset + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EIO;
        done += (u64)n / SECTOR_BYTES * SECTOR_BYTES; /* O_DIRECT goes on at a sector */
        if ((u64)n < SECTOR_BYTES)
            return -EIO;
    }
    return 0;
}

i64 directory_read(struct disk *d, int file, u64 offset, void *to, u64 bytes)
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

int directory_sync(struct disk *d, int file)
{
    (void)d;
    return fsync(file) < 0 ? -errno : 0;
}

int directory_rename(struct disk *d, const char *from, const char *to)
{
    return renameat(self(d)->dir, from, self(d)->dir, to) < 0 ? -errno : 0;
}

int directory_unlink(struct disk *d, const char *name)
{
    return unlinkat(self(d)->dir, name, 0) < 0 ? -errno : 0;
}

int directory_sync_dir(struct disk *d)
{
    struct directory *u = self(d);

    pthread_mutex_lock(&u->naming);
    if (!u->name_error && fsync(u->dir) < 0)
        u->name_error = -errno;
    int error = u->name_error;
    pthread_mutex_unlock(&u->naming);
    return error;
}

i64 directory_free_bytes(struct disk *d)
{
    struct statvfs st;

    if (fstatvfs(self(d)->dir, &st) < 0)
        return -errno;
    return (i64)((u64)st.f_bavail * st.f_frsize);
}

int directory_lock(struct disk *d)
{
    struct directory *u = self(d);

    ASSERT_LT(u->lock, 0);
    /* The directory itself, where a file system can do that: a file's name may be removed by
     * somebody who takes it for stale, and two writers would remove each other's segments. */
    if (flock(u->dir, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)
        return -EWOULDBLOCK;
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

bool directory_begin(struct directory *u, const struct disk_ops *ops, const char *path, bool make,
                     struct why *why)
{
    int error = make ? make_dirs(path) : 0;

    u->disk = (struct disk){.ops = ops, .where = path};
    u->lock = -1;
    u->dir = -1;
    u->name_error = 0;
    pthread_mutex_init(&u->naming, NULL);
    if (!error) {
        u->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        error = u->dir < 0 ? errno : 0;
    }
    return !error || why_set(why, "journal directory %s: %s; check the path and its permissions",
                             path, strerror(error));
}

void directory_end(struct directory *u)
{
    if (u->lock >= 0)
        close(u->lock);
    close(u->dir);
    pthread_mutex_destroy(&u->naming);
}

/* ---- for reading only ---- */

static void directory_free(struct disk *d)
{
    directory_end(self(d));
    free(self(d));
}

static const struct disk_ops directory_ops = {DIRECTORY_OPS, .free = directory_free};

struct disk *directory_new(const char *path, struct why *why)
{
    struct directory *u = calloc(1, sizeof *u);

    if (!u) {
        why_set(why, "journal directory %s: %s", path, strerror(ENOMEM));
        return NULL;
    }
    if (directory_begin(u, &directory_ops, path, false, why))
        return &u->disk;
    free(u);
    return NULL;
}
