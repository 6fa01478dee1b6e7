/*
 * service.c - see service.h. The only user of libsystemd. Threads: main, admin.
 *
 * Failure modes: none of ours; a manager that does not listen ends the service by its own time-out.
 */
#include "gateway/admin/service.h"

#include <systemd/sd-daemon.h>

void service_starting(u64 extend_ns)
{
    sd_notifyf(0, "STATUS=starting\nEXTEND_TIMEOUT_USEC=%llu",
               (unsigned long long)(extend_ns / NS_PER_US));
}

void service_ready(const char *status)
{
    sd_notifyf(0, "READY=1\nSTATUS=%s", status);
}

void service_reloading(void)
{
    sd_notify(0, "RELOADING=1\nSTATUS=reading the config again");
}

void service_stopping(u64 extend_ns)
{
    sd_notifyf(0, "STOPPING=1\nSTATUS=ending in order\nEXTEND_TIMEOUT_USEC=%llu",
               (unsigned long long)(extend_ns / NS_PER_US));
}

u64 service_watchdog_ns(void)
{
    uint64_t usec = 0;

    return sd_watchdog_enabled(0, &usec) > 0 ? usec * NS_PER_US : 0;
}

void service_alive(void)
{
    sd_notify(0, "WATCHDOG=1");
}
