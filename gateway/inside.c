/*
 * inside.c - see inside.h. The course of gateway/main.c without what lies outside.
 */
#include "gateway/inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "engine/base/assert.h"
#include "engine/base/clock.h"
#include "engine/base/log.h"
#include "gateway/load.h"
#include "gateway/pipe.h"
#include "gateway/threads.h"
#include "gateway/world.h"

#define STREAM_BYTES_FEW  (64u * 1024u) /* of a connection, each way, while there are few */
#define STREAM_BYTES_MANY (16u * 1024u)
#define CONNS_FEW         256u

struct inside {
    struct conf conf;
    struct refdata refs;
    struct schedule schedule;
    struct machine machine;
    struct placement place;
    struct world world;
    struct topology topology;
    struct threads threads;
    struct mem pipe_mem;
    struct pipes *pipes;
    bool running; /* threads were made */
};

static struct inside venue; /* one of each; static because they are large */

struct pipes *inside_pipes(struct inside *v)
{
    return v->pipes;
}

static bool load(struct inside *v, const char *path)
{
    if (load_files(path, NULL, &v->conf, &v->schedule, &v->refs, stderr) != 0)
        return false;
    if (v->conf.gateway.count != 1) {
        fprintf(stderr, "%s: a venue inside a process has one gateway: gateway.count\n", path);
        return false;
    }
    v->conf.postgres.enabled = v->conf.redis.enabled = false;
    return true;
}

static bool open_world(struct inside *v, u32 conns_max)
{
    struct pipe_conf pc = {
        .conns_max = conns_max,
        .bytes = conns_max <= CONNS_FEW ? STREAM_BYTES_FEW : STREAM_BYTES_MANY,
    };
    struct topology_conf tc;

    machine_read(&v->machine, &v->conf, "");
    placement_choose(&v->conf, &v->machine, &v->place);
    mem_init(&v->pipe_mem, v->conf.huge_pages == CONF_HUGE_PAGES_TRY ? MEM_HUGE : 0);
    v->pipes = pipes_new(&v->pipe_mem, &pc);
    load_topology(&tc, &v->conf, &v->schedule, &v->place);
    return world_open_inside(&v->world, &v->conf, &v->refs, pipes_transport(v->pipes)) == 0 &&
           topology_build(&v->topology, &tc, &v->world.topology, clock_now_ns()) == 0;
}

struct inside *inside_start(const char *path, u32 conns_max)
{
    struct inside *v = &venue;

    if (load(v, path)) {
        setenv("TZ", v->conf.timezone, 1);
        tzset();
        log_level_set(v->conf.log_level);
        if (open_world(v, conns_max) &&
            topology_open(&v->topology, &v->refs, clock_now_ns()) == 0) {
            struct transport *t = pipes_transport(v->pipes);
            bool accepts = t->ops->accept(t, TRANSPORT_ALL);
            ASSERT(accepts); /* pipes always do */
            threads_make(&v->threads, &v->conf, &v->topology);
            v->running = true;
            if (threads_start(&v->threads) == 0)
                return v;
        }
    }
    log_do_work(NULL, clock_now_ns()); /* the reason */
    inside_stop(v);
    return NULL;
}

static bool close_topology(struct inside *v)
{
    u64 now_ns = clock_now_ns();

    threads_stop(&v->threads);
    stamps_write(v->topology.stamps, v->conf.stages_file);
    bool durable =
        topology_close(&v->topology, now_ns, now_ns + v->conf.gateway.drain_timeout_ms * NS_PER_MS);
    log_do_work(NULL, clock_now_ns());
    return durable;
}

bool inside_stop(struct inside *v)
{
    if (v == NULL)
        return true;
    bool durable = !v->running || close_topology(v);
    topology_free(&v->topology);
    world_close(&v->world);
    refdata_free(&v->refs);
    mem_free_all(&v->pipe_mem);
    return durable;
}
