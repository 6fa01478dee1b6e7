/*
 * port_env.c - DPDK's environment in this process (port.h): its start, its end, its log. Cold.
 *
 * Thread: the one that starts the process, which is the only one that DPDK knows from the start;
 * its own helper threads handle interrupts of devices. Failure modes: no root, no huge pages, a
 * machine that is not supported: one line says so, and the process may go on without DPDK.
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_log.h>
#include <rte_timer.h>

#include "engine/base/log.h"
#include "gateway/port_impl.h"

#define ARGS_MAX  (16u + 2u * PORTS_MAX)
#define MEMORY_MB 256u
#define HELD_MAX  16u

static bool env_started;

/*
 * Drivers complain about much that does no harm while they start. What is said during a start is
 * held and goes to level debug; the first line of it explains a start that fails.
 */
static struct {
    bool on;
    u32 used;
    char line[HELD_MAX][160];
} held;

void port_log_hold(void)
{
    held.on = true;
    held.used = 0;
}

const char *port_log_release(void)
{
    held.on = false;
    for (u32 i = 0; i < held.used; i++)
        log_debug("dpdk: %s", held.line[i]);
    return held.used > 0 ? held.line[0] : "no reason given";
}

static ssize_t log_write(void *cookie, const char *text, size_t n)
{
    size_t used = n;

    (void)cookie;
    while (used > 0 && (text[used - 1] == '\n' || text[used - 1] == ' '))
        used--;
    if (used == 0)
        return (ssize_t)n;
    if (!held.on)
        log_warn("dpdk: %.*s", (int)used, text);
    else if (held.used < HELD_MAX)
        snprintf(held.line[held.used++], sizeof held.line[0], "%.*s", (int)used, text);
    return (ssize_t)n;
}

static void send_log_to_ours(void)
{
    cookie_io_functions_t ours = {.write = log_write};
    FILE *file = fopencookie(NULL, "w", ours);

    if (file == NULL)
        return;
    setvbuf(file, NULL, _IOLBF, BUFSIZ);
    rte_openlog_stream(file);
    rte_log_set_global_level(RTE_LOG_WARNING);
}

struct args {
    char text[ARGS_MAX][PORT_DEVICE_CHARS];
    char *at[ARGS_MAX + 1];
    u32 used;
};

__attribute__((format(printf, 2, 3))) static void arg(struct args *a, const char *format, ...)
{
    va_list list;

    ASSERT_LT(a->used, ARGS_MAX);
    va_start(list, format);
    vsnprintf(a->text[a->used], sizeof a->text[0], format, list);
    va_end(list);
    a->at[a->used] = a->text[a->used];
    a->used++;
}

bool port_is_pci(const char *device)
{
    size_t n = strcspn(device, ",");

    return memchr(device, ':', n) != NULL;
}

static int first_cpu(const cpu_set_t *cpus)
{
    for (int i = 0; i < CPU_SETSIZE; i++)
        if (CPU_ISSET(i, cpus))
            return i;
    return 0;
}

static void args_make(struct args *a, const struct port_env *env, const cpu_set_t *cpus)
{
    arg(a, "wirebook");
    arg(a, "--lcores=0@%d", first_cpu(cpus));
    arg(a, "--no-telemetry");
    arg(a, "--file-prefix=wirebook");
    arg(a, "--log-level=warning");
    /* Nothing of ours is a file: other processes are not disturbed and a crash leaves nothing. */
    if (env->memory == PORT_MEMORY_ORDINARY) {
        arg(a, "--no-huge");
        arg(a, "--no-shconf");
        arg(a, "-m%u", env->memory_mb != 0 ? env->memory_mb : MEMORY_MB);
    } else
        arg(a, "--in-memory");
    if (env->pci_used == 0) {
        arg(a, "--no-pci");
        arg(a, "--iova-mode=va");
    }
    for (u32 i = 0; i < env->pci_used; i++) {
        arg(a, "-a");
        arg(a, "%s", env->pci[i]);
    }
}

/*
 * Threads that DPDK starts must leave signals to ours, and the calling thread, which DPDK pins to a
 * core, must hand its own affinity on to the threads that it starts later.
 */
bool port_start(const struct port_env *env, char *error, u32 error_bytes)
{
    static struct args args;
    sigset_t all, before;
    cpu_set_t cpus;

    ASSERT(!env_started);
    ASSERT_LE(env->pci_used, PORTS_MAX);
    pthread_getaffinity_np(pthread_self(), sizeof cpus, &cpus);
    args_make(&args, env, &cpus);
    send_log_to_ours();
    port_log_hold();
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = rte_eal_init((int)args.used, args.at);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_setaffinity_np(pthread_self(), sizeof cpus, &cpus);
    const char *said = port_log_release();
    if (rc < 0) {
        snprintf(error, error_bytes, "DPDK cannot start: %s (%s); it needs root%s",
                 rte_strerror(rte_errno), said,
                 env->memory == PORT_MEMORY_HUGE
                     ? " and huge pages (scripts/setup reserves them, or memory.huge_pages: off)"
                     : "");
        return false;
    }
    rte_timer_subsystem_init();
    env_started = true;
    return true;
}

void port_stop(void)
{
    if (env_started)
        rte_eal_cleanup();
    env_started = false;
}
