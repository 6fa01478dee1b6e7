/*
 * sim_disk.h - a disk in memory that keeps its promises (persist/disk.h) and nothing beyond them.
 *
 * A write is accepted, ends after a random time, in any order with the others in flight, and only
 * then is reaped. At a power cut each write that was not reaped is lost, left whole or torn in
 * 512-byte sectors; what was reaped stays. Names (create, rename, unlink) that no sync_dir covered
 * stay or go as a random prefix of what was done - or, one by one, at random.
 */
#ifndef WIREBOOK_SIM_SIM_DISK_H
#define WIREBOOK_SIM_SIM_DISK_H

#include "persist/disk.h"

struct sim_disk;

struct sim_disk_conf {
    u64 write_min_ns; /* of one write */
    u64 write_max_ns;
    u32 eio_per_million;     /* writes that fail */
    u32 put_eio_per_million; /* cold writes that fail, in part done */
    u32 stall_per_million;   /* writes that take up to stall_max_ns */
    u64 stall_max_ns;
    u64 capacity_bytes; /* what free_bytes counts down from */
};

/* An empty disk. It outlives every process of the run. */
struct sim_disk *sim_disk_new(const struct sim_disk_conf *conf);
void sim_disk_free(struct sim_disk *s);

/* What persist is given. */
struct disk *sim_disk_disk(struct sim_disk *s);

/*
 * The power goes: what was in flight meets its fate. From here every call fails (but close), so
 * that the process can be thrown away, until sim_disk_power_on.
 */
void sim_disk_cut(struct sim_disk *s);
void sim_disk_power_on(struct sim_disk *s);

/*
 * The process is killed and the machine goes on: what was in flight arrives, wholly or in part, and
 * can be read - but a power cut can take it back until somebody syncs the file. As after a cut,
 * sim_disk_power_on begins the next process.
 */
void sim_disk_kill(struct sim_disk *s);

/*
 * Calls `hook` before the n-th next cold operation that changes something; 0: never. With a name,
 * only those count before which a file of that name is there.
 */
void sim_disk_hook(struct sim_disk *s, const char *beside, u32 n, void (*hook)(void));

/* Writes in flight, and the blocks of the largest one. */
u32 sim_disk_flights(const struct sim_disk *s);
u32 sim_disk_flight_blocks(const struct sim_disk *s);

/* When the next write in flight ends; UINT64_MAX when there is none. */
u64 sim_disk_next_ns(const struct sim_disk *s);

/* Turns a shortage of space on or off: free_bytes then says 0. */
void sim_disk_full(struct sim_disk *s, bool full);

/* The next write fails with EIO, whatever the configuration says. */
void sim_disk_fail_next(struct sim_disk *s);

/* A copy of the disk as it is now, nothing in flight: for tools that read beside the process. */
struct sim_disk *sim_disk_copy(const struct sim_disk *s);

/* Turns one random bit of a random file whose name ends like that. False: there is none. */
bool sim_disk_rot(struct sim_disk *s, const char *suffix);

/* True when the process would see a file of that name. */
bool sim_disk_has(struct sim_disk *s, const char *name);

/* The first bytes of a file of that name, and zeros behind them; without one all of them. */
void sim_disk_peek(struct sim_disk *s, const char *name, void *to, u64 bytes);

/* A checksum over all names and contents: two copies of one state agree. */
u32 sim_disk_sum(const struct sim_disk *s);

#endif
