/*
 * sim_disk_names.c - files and names of the simulated disk: what the process sees, what is stable.
 *
 * A node (a file's bytes) lives as long as a name in either view, a handle or a write in flight has
 * it, so an unlinked file can come back at a cut.
 */
#include "tests/sim/sim_disk_impl.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/assert.h"
#include "tests/sim/sim.h"

void sim_node_drop(struct node *n)
{
    ASSERT_GT(n->links, 0);
    if (--n->links > 0)
        return;
    free(n->data);
    free(n);
}

struct name *sim_dir_find(struct directory *d, const char *text)
{
    for (u32 i = 0; i < d->used; i++)
        if (strcmp(d->names[i].text, text) == 0)
            return &d->names[i];
    return NULL;
}

void sim_dir_set(struct directory *d, const char *text, struct node *node)
{
    struct name *old = sim_dir_find(d, text);

    node->links++;
    if (old) {
        sim_node_drop(old->node);
        old->node = node;
        return;
    }
    SIM_CHECK(d->used < NAMES_MAX, "the simulated disk has too many files");
    struct name *n = &d->names[d->used++];
    strncpy(n->text, text, sizeof n->text - 1);
    n->text[sizeof n->text - 1] = 0;
    n->node = node;
}

void sim_dir_remove(struct directory *d, const char *text)
{
    struct name *n = sim_dir_find(d, text);

    if (!n)
        return;
    sim_node_drop(n->node);
    *n = d->names[--d->used];
}

void sim_dir_copy(struct directory *to, const struct directory *from)
{
    while (to->used > 0)
        sim_node_drop(to->names[--to->used].node);
    for (u32 i = 0; i < from->used; i++) {
        to->names[i] = from->names[i];
        to->names[i].node->links++;
    }
    to->used = from->used;
}

void sim_change_apply(struct directory *d, const struct change *c)
{
    switch (c->kind) {
    case CHANGE_CREATE:
        sim_dir_set(d, c->to, c->node);
        break;
    case CHANGE_RENAME: /* of that file: another one of the same name stays */
        if (sim_dir_find(d, c->from) && sim_dir_find(d, c->from)->node == c->node)
            sim_dir_remove(d, c->from);
        sim_dir_set(d, c->to, c->node);
        break;
    case CHANGE_UNLINK:
        if (sim_dir_find(d, c->from) && sim_dir_find(d, c->from)->node == c->node)
            sim_dir_remove(d, c->from);
        break;
    }
}

void sim_change_note(struct sim_disk *s, enum change_kind kind, const char *from, const char *to,
                     struct node *node)
{
    struct change *c = &s->changes[s->changes_used++];

    SIM_CHECK(s->changes_used < CHANGES_MAX, "%u name changes and no sync_dir", CHANGES_MAX);
    memset(c, 0, sizeof *c);
    c->kind = kind;
    strncpy(c->from, from, sizeof c->from - 1);
    strncpy(c->to, to, sizeof c->to - 1);
    c->node = node;
    node->links++;
    sim_trace("disk", "%s %s %s",
              kind == CHANGE_CREATE   ? "create"
              : kind == CHANGE_RENAME ? "rename"
                                      : "unlink",
              from, to);
}

void sim_changes_forget(struct sim_disk *s)
{
    while (s->changes_used > 0)
        sim_node_drop(s->changes[--s->changes_used].node);
}
