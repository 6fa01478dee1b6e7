/*
 * sim_disk_impl.h - the inside of the simulated disk, shared by its three files: sim_disk.c (the
 * operations), sim_disk_names.c (the directory), sim_disk_fate.c (cuts and kills). Nobody else's.
 */
#ifndef WIREBOOK_SIM_SIM_DISK_IMPL_H
#define WIREBOOK_SIM_SIM_DISK_IMPL_H

#include "engine/base/limits.h"
#include "tests/sim/sim_disk.h"

#define SECTOR_BYTES 512u
#define INFLIGHT_MAX 16u
#define NAMES_MAX    4096u
#define CHANGES_MAX  4096u
#define HANDLES_MAX  256u
#define UNDO_MAX     1024u

struct node {
    u8 *data;
    u64 bytes;
    u32 links; /* names in either view, and handles */
};

struct name {
    char text[DISK_NAME_MAX];
    struct node *node;
};

/* What the process sees, or what a cut leaves. */
struct directory {
    struct name *names;
    u32 used;
};

enum change_kind {
    CHANGE_CREATE,
    CHANGE_RENAME,
    CHANGE_UNLINK,
};

/* A change of a name that no sync_dir has covered. */
struct change {
    enum change_kind kind;
    char from[DISK_NAME_MAX];
    char to[DISK_NAME_MAX];
    struct node *node;
};

/* Where a write has failed: the kernel forgot the data, and a second try only looks successful. */
struct failed {
    struct node *node;
    u64 offset;
};

struct flight {
    struct node *node;
    u64 offset;
    const u8 *data; /* the caller's, untouched until reaped */
    u32 bytes;
    u32 data_sum; /* of the data when the write began: the caller must not touch it */
    u64 tag;
    u64 due_ns;
    bool fails;
    bool lies; /* it says that it has ended well, and nothing of it is there */
};

/* What stood where something unsynced arrived: it can be read, yet a cut may take it back. */
struct undo {
    struct node *node;
    u64 offset;
    u32 bytes;
    u64 file_bytes; /* the file's length before */
    bool grew;      /* it is longer now */
    u8 *before;
};

struct sim_disk {
    struct disk head;
    struct sim_disk_conf conf;
    struct directory seen;
    struct directory stable;
    struct change *changes;
    u32 changes_used;
    struct flight flights[INFLIGHT_MAX];
    u32 flights_used;
    struct failed last_failed;
    struct node *handles[HANDLES_MAX];
    u32 handle_how[HANDLES_MAX];
    struct undo undos[UNDO_MAX];
    u32 undos_used;
    const char *hook_beside; /* only what is done while there is a file of that name; or NULL */
    u32 hook_in;
    void (*hook)(void);
    bool off; /* between the end of a process and the start of the next one */
    bool locked;
    bool full;
    bool fail_next;
    u64 used_bytes;
};

/* ---- sim_disk_names.c ---- */

/* Gives up one link; the last one frees the file's bytes. */
void sim_node_drop(struct node *n);
/* The entry called `text`, or NULL. */
struct name *sim_dir_find(struct directory *d, const char *text);
/* Lets `text` name `node`, whatever it named before. */
void sim_dir_set(struct directory *d, const char *text, struct node *node);
/* Takes the name away; nothing when there is none. */
void sim_dir_remove(struct directory *d, const char *text);
/* `to` becomes what `from` is. */
void sim_dir_copy(struct directory *to, const struct directory *from);
/* Does to `d` what the change did to the process' view. */
void sim_change_apply(struct directory *d, const struct change *c);
/* Remembers a change that no sync_dir has covered yet. */
void sim_change_note(struct sim_disk *s, enum change_kind kind, const char *from, const char *to,
                     struct node *node);
/* All changes are covered now, or gone. */
void sim_changes_forget(struct sim_disk *s);

/* ---- sim_disk_fate.c ---- */

/* The caller may not touch the data of a write in flight. */
void sim_flight_check_data(const struct flight *f);
/* Half of its sectors, at random, reach the disk. */
void sim_flight_tear(struct flight *f);
/* That content can be taken back by no cut any more. */
void sim_undo_drop(struct sim_disk *s, u32 i);

extern const struct disk_ops sim_disk_ops;

#endif
