/*
 * sim_disk_fate.c - making a simulated disk, and what cuts and kills do to it; see sim_disk.h.
 */
#include "tests/sim/sim_disk_impl.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/crc32c.h"
#include "tests/sim/sim.h"

void sim_flight_check_data(const struct flight *f)
{
    SIM_CHECK(crc32c(0, f->data, f->bytes) == f->data_sum,
              "the data of a write in flight was changed (tag %llu)", (unsigned long long)f->tag);
}

/* A failed write may have reached the disk in part, as at a cut. */
void sim_flight_tear(struct flight *f)
{
    for (u32 at = 0; at < f->bytes; at += SECTOR_BYTES)
        if (sim_chance(500000))
            memcpy(f->node->data + f->offset + at, f->data + at, SECTOR_BYTES);
}

void sim_undo_drop(struct sim_disk *s, u32 i)
{
    sim_node_drop(s->undos[i].node);
    free(s->undos[i].before);
    s->undos[i] = s->undos[--s->undos_used];
}

struct sim_disk *sim_disk_new(const struct sim_disk_conf *conf)
{
    struct sim_disk *s = sim_alloc(sizeof *s);

    s->head.ops = &sim_disk_ops;
    s->head.where = "(simulated disk)";
    s->conf = *conf;
    s->seen.names = sim_alloc(NAMES_MAX * sizeof *s->seen.names);
    s->stable.names = sim_alloc(NAMES_MAX * sizeof *s->stable.names);
    s->changes = sim_alloc(CHANGES_MAX * sizeof *s->changes);
    return s;
}

static void handles_drop(struct sim_disk *s)
{
    for (u32 i = 0; i < HANDLES_MAX; i++)
        if (s->handles[i]) {
            sim_node_drop(s->handles[i]);
            s->handles[i] = NULL;
        }
    s->locked = false;
}

static void used_count(struct sim_disk *s)
{
    s->used_bytes = 0;
    for (u32 i = 0; i < s->seen.used; i++)
        s->used_bytes += s->seen.names[i].node->bytes;
}

void sim_disk_free(struct sim_disk *s)
{
    const struct directory none = {0};

    handles_drop(s);
    sim_changes_forget(s);
    while (s->undos_used > 0)
        sim_undo_drop(s, 0);
    while (s->flights_used > 0)
        sim_node_drop(s->flights[--s->flights_used].node);
    sim_dir_copy(&s->seen, &none);
    sim_dir_copy(&s->stable, &none);
    free(s->seen.names);
    free(s->stable.names);
    free(s->changes);
    free(s);
}

struct disk *sim_disk_disk(struct sim_disk *s)
{
    return &s->head;
}

static void flight_meets_cut(struct flight *f)
{
    u64 fate = sim_below(3);

    sim_flight_check_data(f);
    sim_trace("disk", "write tag %llu at %llu is %s", (unsigned long long)f->tag,
              (unsigned long long)f->offset,
              fate == 0   ? "lost"
              : fate == 1 ? "torn"
                          : "whole");
    if (fate == 0) {
        sim.counts.writes_lost++;
    } else if (fate == 1) {
        sim_flight_tear(f);
        sim.counts.writes_torn++;
    } else {
        memcpy(f->node->data + f->offset, f->data, f->bytes);
        sim.counts.writes_landed++;
    }
}

/* File systems keep unsynced names in order or not at all; some keep any of them. */
static void names_meet_cut(struct sim_disk *s)
{
    bool ordered = sim_chance(500000);
    u32 kept = (u32)sim_below(s->changes_used + 1);

    for (u32 i = 0; i < s->changes_used; i++) {
        if (ordered ? i < kept : sim_chance(500000))
            sim_change_apply(&s->stable, &s->changes[i]);
        else
            sim.counts.names_undone++;
    }
    sim_changes_forget(s);
    sim_dir_copy(&s->seen, &s->stable);
}

static void process_gone(struct sim_disk *s)
{
    s->flights_used = 0;
    s->last_failed = (struct failed){0};
    s->fail_next = false;
    s->hook_in = 0;
    handles_drop(s);
    s->off = true;
}

/* What a killed process left unsynced goes in part, the newest first. */
static void undos_meet_cut(struct sim_disk *s)
{
    while (s->undos_used > 0) {
        struct undo *u = &s->undos[s->undos_used - 1];
        for (u32 at = 0; at < u->bytes; at += SECTOR_BYTES)
            if (sim_chance(500000))
                memcpy(u->node->data + u->offset + at, u->before + at, SECTOR_BYTES);
        if (u->grew && sim_chance(300000))
            u->node->bytes = u->file_bytes; /* the new length had not reached the disk */
        sim_undo_drop(s, s->undos_used - 1);
    }
}

void sim_disk_cut(struct sim_disk *s)
{
    undos_meet_cut(s);
    for (u32 i = 0; i < s->flights_used; i++) {
        flight_meets_cut(&s->flights[i]);
        sim_node_drop(s->flights[i].node);
    }
    names_meet_cut(s);
    process_gone(s);
    used_count(s);
}

void sim_disk_power_on(struct sim_disk *s)
{
    s->off = false;
}

void sim_disk_kill(struct sim_disk *s)
{
    for (u32 i = 0; i < s->flights_used; i++) {
        struct flight *f = &s->flights[i];
        SIM_CHECK(s->undos_used < UNDO_MAX, "killed %u times without a sync", UNDO_MAX);
        struct undo *u = &s->undos[s->undos_used++];
        *u = (struct undo){.node = f->node, .offset = f->offset, .bytes = f->bytes};
        u->before = sim_alloc(f->bytes); /* the flight's link of the node is the undo's now */
        memcpy(u->before, f->node->data + f->offset, f->bytes);
        if (sim_chance(600000))
            memcpy(f->node->data + f->offset, f->data, f->bytes);
        else
            sim_flight_tear(f);
    }
    process_gone(s);
}

void sim_disk_hook(struct sim_disk *s, const char *beside, u32 n, void (*hook)(void))
{
    s->hook_beside = beside;
    s->hook_in = n;
    s->hook = hook;
}

u32 sim_disk_flights(const struct sim_disk *s)
{
    return s->flights_used;
}

u32 sim_disk_flight_blocks(const struct sim_disk *s)
{
    u32 most = 0;

    for (u32 i = 0; i < s->flights_used; i++)
        most = max_u32(most, s->flights[i].bytes / BLOCK_BYTES);
    return most;
}

u64 sim_disk_next_ns(const struct sim_disk *s)
{
    u64 next = UINT64_MAX;

    for (u32 i = 0; i < s->flights_used; i++)
        next = min_u64(next, s->flights[i].due_ns);
    return next;
}

void sim_disk_full(struct sim_disk *s, bool full)
{
    if (full && !s->full)
        sim.counts.disk_full++;
    s->full = full;
}

void sim_disk_fail_next(struct sim_disk *s)
{
    s->fail_next = true;
}

struct sim_disk *sim_disk_copy(const struct sim_disk *s)
{
    struct sim_disk *copy = sim_disk_new(&s->conf);

    for (u32 i = 0; i < s->seen.used; i++) {
        const struct name *from = &s->seen.names[i];
        struct node *n = sim_alloc(sizeof *n);
        n->bytes = from->node->bytes;
        n->data = sim_alloc(n->bytes + 1);
        memcpy(n->data, from->node->data, n->bytes);
        sim_dir_set(&copy->seen, from->text, n);
    }
    sim_dir_copy(&copy->stable, &copy->seen);
    used_count(copy);
    return copy;
}

bool sim_disk_has(struct sim_disk *s, const char *name)
{
    return sim_dir_find(&s->seen, name) != NULL;
}

void sim_disk_peek(struct sim_disk *s, const char *name, void *to, u64 bytes)
{
    const struct name *n = sim_dir_find(&s->seen, name);

    memset(to, 0, bytes);
    if (n)
        memcpy(to, n->node->data, min_u64(bytes, n->node->bytes));
}

bool sim_disk_rot(struct sim_disk *s, const char *suffix)
{
    u32 found[NAMES_MAX];
    u32 n = 0;

    for (u32 i = 0; i < s->seen.used; i++) {
        const char *end = strstr(s->seen.names[i].text, suffix);
        if (end && end[strlen(suffix)] == '\0' && s->seen.names[i].node->bytes > 0)
            found[n++] = i;
    }
    if (n == 0)
        return false;
    const struct name *one = &s->seen.names[found[sim_below(n)]];
    u64 at = sim_below(one->node->bytes);
    one->node->data[at] ^= (u8)(1u << sim_below(8));
    sim_trace("disk", "rot: byte %llu of %s", (unsigned long long)at, one->text);
    return true;
}

u32 sim_disk_sum(const struct sim_disk *s)
{
    u32 sum = 0;

    for (u32 i = 0; i < s->seen.used; i++) {
        const struct name *n = &s->seen.names[i];
        u32 one = crc32c(0, n->text, strlen(n->text));
        sum += crc32c(one, n->node->data, n->node->bytes); /* a sum: the order does not matter */
    }
    return sum;
}
