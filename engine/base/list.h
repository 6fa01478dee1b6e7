/*
 * list.h - intrusive doubly linked list with a sentinel, as everywhere in systems code.
 *
 * One thread. A node is in at most one list; `list_del` leaves it self-linked, so that
 * `list_is_linked` tells. The head is a node of its own.
 */
#ifndef WIREBOOK_BASE_LIST_H
#define WIREBOOK_BASE_LIST_H

#include "engine/base/assert.h"
#include "engine/base/types.h"

struct list {
    struct list *next;
    struct list *prev;
};

/* Makes `l` an empty list, or a node that is in none. */
static inline void list_init(struct list *l)
{
    l->next = l;
    l->prev = l;
}

static inline bool list_empty(const struct list *l)
{
    return l->next == l;
}

static inline bool list_is_linked(const struct list *node)
{
    return node->next != node;
}

/* Appends `node`, which must be in no list. */
static inline void list_add_tail(struct list *head, struct list *node)
{
    ASSERT(!list_is_linked(node));
    node->prev = head->prev;
    node->next = head;
    head->prev->next = node;
    head->prev = node;
}

/* Takes `node` out of whatever list it is in; harmless when it is in none. */
static inline void list_del(struct list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    list_init(node);
}

static inline void list_move_tail(struct list *head, struct list *node)
{
    list_del(node);
    list_add_tail(head, node);
}

/* The first node, or NULL when the list is empty. */
static inline struct list *list_first(const struct list *head)
{
    return list_empty(head) ? NULL : head->next;
}

#endif
