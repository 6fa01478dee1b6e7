/*
 * plant_env.c - what a build with -DWB_PLANTS does, said by the environment (persist/plant.h).
 *
 *   WB_PLANT=3                     the fault of that number is planted
 *   WB_CRASH_AT=segment-named:2    the process dies when it comes to that point for the second time
 *   WB_CRASH_CUT=DIR               ... and first of all the file system of DIR loses its power:
 *                                  what it has not written is gone when it is mounted again
 *
 * Threads: crash_point is called by any. Dying is SIGKILL: nothing is flushed, told or closed. A
 * file system that cannot be shut down like that aborts the process instead: the test would mean
 * nothing.
 */
#define WB_PLANTS

#include "persist/plant.h"

#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "engine/base/types.h"

/* The same number and meaning in ext4 and xfs; in no header that both have. */
#define FS_SHUTDOWN       _IOR('X', 125, u32)
#define SHUTDOWN_NO_FLUSH 2u

#define NAME_MAX_CHARS 32u

enum plant plant;

static char wanted[NAME_MAX_CHARS]; /* "" : none */
static const char *cut_dir;         /* NULL: the power stays */
static atomic_int passages_left;

static void __attribute__((constructor)) read_environment(void)
{
    const char *fault = getenv("WB_PLANT");
    const char *at = getenv("WB_CRASH_AT");

    if (fault)
        plant = (enum plant)strtoul(fault, NULL, 10);
    cut_dir = getenv("WB_CRASH_CUT");
    if (!at)
        return;
    size_t n = strcspn(at, ":");
    if (n >= sizeof wanted || at[n] != ':') {
        fprintf(stderr, "WB_CRASH_AT=%s: not NAME:COUNT\n", at);
        abort();
    }
    memcpy(wanted, at, n);
    atomic_init(&passages_left, (int)strtol(at + n + 1, NULL, 10));
}

static void cut_power(void)
{
    u32 how = SHUTDOWN_NO_FLUSH;
    int dir = open(cut_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (dir < 0 || ioctl(dir, FS_SHUTDOWN, &how) < 0) {
        perror(cut_dir);
        abort();
    }
}

void crash_point(const char *name)
{
    if (strcmp(name, wanted) != 0 || atomic_fetch_sub(&passages_left, 1) != 1)
        return;
    if (cut_dir)
        cut_power();
    kill(getpid(), SIGKILL);
    pause(); /* it may come a moment later */
}
