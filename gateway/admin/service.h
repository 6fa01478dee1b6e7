/*
 * service.h - what the service manager (systemd, Type=notify) is told; without one, nothing is.
 */
#ifndef WIREBOOK_GATEWAY_ADMIN_SERVICE_H
#define WIREBOOK_GATEWAY_ADMIN_SERVICE_H

#include "engine/base/types.h"

/* Still starting, and not stuck: recovery of a long journal may take a while. */
void service_starting(u64 extend_ns);

/* Clients are taken. `status` is a line for `systemctl status`. */
void service_ready(const char *status);

/* The config is read again; service_ready says that this is over. Any thread. */
void service_reloading(void);

/* The process ends in order, which takes so long at most. */
void service_stopping(u64 extend_ns);

/* How often the watchdog wants a sign of life, ns; 0: not at all. service_alive gives it. */
u64 service_watchdog_ns(void);
void service_alive(void);

#endif
