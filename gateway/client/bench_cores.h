/*
 * bench_cores.h - whether the threads that an answer depends on kept their cores.
 *
 * A thread that spins has no core only when somebody else took it. A request that was under way
 * then tells about that neighbour; with all the others a venue can be judged on a machine that it
 * does not have for itself. Linux counts for each thread how long it was ready without a core and
 * how often it got one (the second and third number of schedstat in /proc, see proc(5)); a read of
 * it takes about a microsecond, so a look is taken once for all answers that came together, after
 * their time was taken. One thread.
 */
#ifndef WIREBOOK_CLIENT_BENCH_CORES_H
#define WIREBOOK_CLIENT_BENCH_CORES_H

#include "engine/base/types.h"

#define BENCH_CORES_MAX  8u /* threads that are watched */
#define BENCH_CORES_TEXT 48u

/* All zero: watches none. */
struct bench_cores {
    struct {
        int fd;
        char seen[BENCH_CORES_TEXT]; /* its counts at the last look */
    } threads[BENCH_CORES_MAX];
    u32 used;
    u64 lost_ns; /* the look that last found a core lost */
};

/*
 * Watches the thread `tid` of this machine, of any process of the same user; 0: the caller. Only
 * for threads that spin: one that sleeps loses its core by that, too. False: there is no such
 * thread, it is somebody else's, or BENCH_CORES_MAX are watched already.
 */
bool bench_cores_watch(struct bench_cores *c, u32 tid);

void bench_cores_free(struct bench_cores *c);

/* What came until `now_ns` is about to be judged. A thread that has ended has lost its core. */
void bench_cores_look(struct bench_cores *c, u64 now_ns);

/* Did all of them keep their cores from `due_ns` until the last look? */
static inline bool bench_cores_kept(const struct bench_cores *c, u64 due_ns)
{
    return due_ns > c->lost_ns;
}

#endif
