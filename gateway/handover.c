/*
 * handover.c - see handover.h.
 *
 * Thread: each call by the agent whose ends it gets; two agents meet in the rings alone. Enters:
 * descriptors of frames, neighbours. Leaves: the same, in the order in which one agent staged them,
 * so the segments of a flow keep theirs. Failure mode: a full ring, see the header.
 */
#include "gateway/handover.h"

#include <stdio.h>
#include <string.h>

#define FRAMES_LEFT (HANDOVER_RING_SLOTS / 2) /* slots that neighbours leave to frames */

static void one_way(struct handover *from, struct handover *to, struct mem *m)
{
    struct ring *r = mem_alloc(m, sizeof *r, CACHE_LINE);

    ASSERT(from->self != to->self && from->self < GATEWAYS_MAX && to->self < GATEWAYS_MAX);
    ASSERT(from->to[to->self] == NULL);
    ring_init(r, m, "handover", HANDOVER_RING_SLOTS);
    from->to[to->self] = r;
    to->from[from->self] = r;
}

void handover_join(struct handover *a, struct handover *b, struct mem *m)
{
    one_way(a, b, m);
    one_way(b, a, m);
}

void handover_metrics(const struct handover *h, u32 index)
{
    char labels[64];

    snprintf(labels, sizeof labels, "gateway=\"%u\"", index);
    metrics_register("wirebook_handover_frames_out_total", labels,
                     "Frames that came to this gateway and were handed to the flow's.",
                     METRIC_COUNTER, &h->frames_out);
    metrics_register("wirebook_handover_frames_in_total", labels,
                     "Frames that other gateways handed to this one.", METRIC_COUNTER,
                     &h->frames_in);
    metrics_register("wirebook_handover_neighbours_out_total", labels,
                     "Ethernet addresses told to another gateway.", METRIC_COUNTER,
                     &h->neighbours_out);
    metrics_register("wirebook_handover_dropped_total", labels,
                     "Frames and neighbours dropped because the other gateway's ring was full.",
                     METRIC_COUNTER, &h->dropped);
    for (u32 i = 0; i < h->joined; i++) {
        if (h->to[i] == NULL)
            continue;
        snprintf(labels, sizeof labels, "ring=\"handover\",index=\"%u-%u\"", index, i);
        metrics_register("wirebook_ring_used_max_slots", labels,
                         "Most slots of the ring that were in use at once.", METRIC_GAUGE,
                         &h->to[i]->used_max);
    }
}

/* `room`: slots that must be free. */
static bool stage(struct handover *h, u32 to, const struct handed *what, u64 room)
{
    ASSERT_LT(to, h->joined);
    struct ring *r = h->to[to];

    ASSERT(r != NULL);
    if (UNLIKELY(ring_room(r, room) < room)) {
        metric_add(&h->dropped, 1);
        return false;
    }
    ring_put(r, what, 1);
    h->staged |= 1u << to;
    return true;
}

bool handover_frame(struct handover *h, u32 to, u32 link, const struct packet *p)
{
    struct handed what = {.kind = HANDED_FRAME, .link = link, .packet = *p};

    if (!stage(h, to, &what, 1))
        return false;
    metric_add(&h->frames_out, 1);
    return true;
}

void handover_neighbour(struct handover *h, u32 to, u32 link, u32 ipv4, const u8 *mac)
{
    struct handed what = {.kind = HANDED_NEIGHBOUR, .link = link, .ipv4 = ipv4};

    memcpy(what.mac, mac, sizeof what.mac);
    if (stage(h, to, &what, FRAMES_LEFT + 1))
        metric_add(&h->neighbours_out, 1);
}

void handover_publish(struct handover *h)
{
    while (h->staged != 0) {
        u32 to = (u32)__builtin_ctz(h->staged);
        ring_publish(h->to[to]);
        h->staged &= h->staged - 1;
    }
}

const struct handed *handover_next(struct handover *h, u32 from)
{
    struct ring *r = h->from[from];

    if (r == NULL || ring_avail(r, 1) == 0)
        return NULL;
    const struct handed *what = (const void *)ring_at(r, 0);
    ASSERT(what->kind == HANDED_FRAME || what->kind == HANDED_NEIGHBOUR);
    metric_add(&h->frames_in, what->kind == HANDED_FRAME);
    return what;
}

void handover_done(struct handover *h, u32 from)
{
    ring_take(h->from[from], 1);
}
