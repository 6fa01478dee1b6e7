/*
 * archive_hook.c - see archive_hook.h. The archive agent's thread.
 *
 * The program has a process group of its own, no file of ours but its output, default signals. What
 * it says on stderr goes where our log goes. Failure modes: it cannot be started, ends otherwise
 * than with 0 and a sum, or takes longer than DEADLINE_NS and is killed: an errno for the archive.
 */
#include "persist/archive_hook.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/base/assert.h"

#define DEADLINE_NS (3600 * NS_PER_SEC)
#define EXIT_OTHER  3 /* there is something else of that name */
#define FILE_FIRST  3 /* the first descriptor that is not a standard one */

struct archive_program {
    const char *command;
    const char *dir;
    const char *to;
    pid_t pid;  /* 0: none runs */
    int output; /* what it prints */
    u64 ends_ns;
};

extern char **environ;

struct archive_program *archive_program_new(const char *command, const char *dir, const char *to)
{
    struct archive_program *p = calloc(1, sizeof *p);

    ASSERT(p != NULL);
    p->command = command;
    p->dir = dir;
    p->to = to;
    p->output = -1;
    return p;
}

static int reap(struct archive_program *p, int flags, int *status)
{
    pid_t got;

    do
        got = waitpid(p->pid, status, flags);
    while (got < 0 && errno == EINTR);
    return got == p->pid ? 1 : got < 0 ? -errno : 0;
}

void archive_program_free(struct archive_program *p)
{
    int status;

    if (p->pid > 0) {
        kill(-p->pid, SIGKILL); /* nothing is lost: it is done again by the next process */
        reap(p, 0, &status);
        close(p->output);
    }
    free(p);
}

/* Default signals, all let through, a group of its own. */
static int spawn(struct archive_program *p, char *const *argv, int output)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    sigset_t none;
    sigset_t all;

    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, output, STDOUT_FILENO);
    posix_spawn_file_actions_addclosefrom_np(&files, FILE_FIRST);
    posix_spawnattr_init(&attr);
    posix_spawnattr_setpgroup(&attr, 0);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setsigdefault(&attr, &all);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                        POSIX_SPAWN_SETSIGDEF);
    int error = posix_spawn(&p->pid, p->command, &files, &attr, argv, environ);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attr);
    return error;
}

static int hook_begin(void *ctx, const char *file, u64 bytes, const char *name)
{
    struct archive_program *p = ctx;
    char length[24];
    int ends[2];

    ASSERT_EQ(p->pid, 0);
    snprintf(length, sizeof length, "%" PRIu64, bytes);
    /* posix_spawn does not write into its arguments */
    char *const argv[] = {(char *)p->command, (char *)"put", (char *)p->dir,
                          (char *)file,       length,        (char *)p->to,
                          (char *)name,       NULL};
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    int error = spawn(p, argv, ends[1]);
    close(ends[1]);
    p->output = ends[0];
    p->ends_ns = 0;
    if (error) {
        close(ends[0]);
        p->pid = 0;
    }
    return -error;
}

/* What it has printed, when it has ended well. 1 or a negative errno. */
static int result(struct archive_program *p, int status, char sum[ARCHIVE_SUM_CHARS])
{
    char text[ARCHIVE_SUM_CHARS + 1] = "";

    if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_OTHER)
        return -EEXIST;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return -EIO;
    ssize_t n = read(p->output, text, ARCHIVE_SUM_CHARS); /* all of it is in the pipe */
    if (n != (ssize_t)ARCHIVE_SUM_CHARS || strspn(text, "0123456789abcdef") != ARCHIVE_SUM_CHARS)
        return -EPROTO;
    memcpy(sum, text, ARCHIVE_SUM_CHARS);
    return 1;
}

static int hook_poll(void *ctx, char sum[ARCHIVE_SUM_CHARS], u64 now_ns)
{
    struct archive_program *p = ctx;
    int status = 0;
    int rc = reap(p, WNOHANG, &status);

    ASSERT_GT(p->pid, 0);
    if (rc == 0) {
        if (p->ends_ns == 0)
            p->ends_ns = now_ns + DEADLINE_NS;
        if (now_ns >= p->ends_ns)
            kill(-p->pid, SIGKILL); /* reaped by a later poll */
        return 0;
    }
    rc = rc < 0 ? rc : result(p, status, sum);
    close(p->output);
    p->output = -1;
    p->pid = 0;
    return rc;
}

struct archive_hook archive_program_hook(struct archive_program *p)
{
    return (struct archive_hook){.ctx = p, .begin = hook_begin, .poll = hook_poll};
}
