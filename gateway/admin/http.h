/*
 * http.h - the management address: numbers and health over HTTP, for machines and operators.
 *
 *   GET /metrics  every metric in the Prometheus text format
 *   GET /livez    200 while all agents take their turns, else 503; a line for each
 *   GET /readyz   200 while clients may be sent here, else 503; a line for each check
 *
 * and the web console, if there is one (gateway/console). A cold agent on a thread of its own; it
 * reads what others publish and changes nothing. Meant for a management network: there is a login
 * for the console only, so bind it to an address that clients cannot reach.
 */
#ifndef WIREBOOK_GATEWAY_ADMIN_HTTP_H
#define WIREBOOK_GATEWAY_ADMIN_HTTP_H

#include "engine/base/types.h"
#include "gateway/admin/health.h"

struct console;
struct http;

/* Paths of PEM files; both "": no TLS. */
struct http_tls {
    const char *cert_file; /* its own certificate, then those that it is signed by */
    const char *key_file;
};

/*
 * Listens on `ipv4` (network order) and `port` (host order; 0: any that is free). Answers only in
 * http_do_work. `health` and `console` (NULL: none) must outlive it. NULL after one log line when
 * it cannot.
 */
struct http *http_new(u32 ipv4, u16 port, const struct http_tls *tls, const struct health *health,
                      struct console *console);

/* The port that it listens on, host order. */
u16 http_port(const struct http *h);

/* Makes its metrics known. Once, before the threads start. */
void http_register_metrics(const struct http *h);

/* The agent's turn. Returns the requests that it answered. */
int http_do_work(void *http, u64 now_ns);

/* Closes every connection and gives all back. After the agent's thread has ended. NULL is legal. */
void http_free(struct http *h);

#endif
