/*
 * bench_cores.c - see bench_cores.h. The counts are compared as text: only a change matters.
 */
#include "gateway/client/bench_cores.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Without the first number, how long it ran: that one always changes. */
static void counts_of(int fd, char *counts)
{
    char text[2 * BENCH_CORES_TEXT] = "";
    ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
    const char *rest = n > 0 ? strchr(text, ' ') : NULL;

    snprintf(counts, BENCH_CORES_TEXT, "%.*s", (int)BENCH_CORES_TEXT - 1, rest != NULL ? rest : "");
}

bool bench_cores_watch(struct bench_cores *c, u32 tid)
{
    char path[64] = "/proc/thread-self/schedstat";

    if (c->used == BENCH_CORES_MAX)
        return false;
    if (tid != 0)
        snprintf(path, sizeof(path), "/proc/%u/schedstat", tid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    c->threads[c->used].fd = fd;
    counts_of(fd, c->threads[c->used].seen);
    c->used++;
    return true;
}

void bench_cores_free(struct bench_cores *c)
{
    for (u32 i = 0; i < c->used; i++)
        close(c->threads[i].fd);
    c->used = 0;
}

void bench_cores_look(struct bench_cores *c, u64 now_ns)
{
    for (u32 i = 0; i < c->used; i++) {
        char counts[BENCH_CORES_TEXT];

        counts_of(c->threads[i].fd, counts);
        if (counts[0] != '\0' && strcmp(counts, c->threads[i].seen) == 0)
            continue;
        memcpy(c->threads[i].seen, counts, sizeof(counts));
        c->lost_ns = now_ns;
    }
}
