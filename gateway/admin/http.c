/*
 * http.c - see http.h. The only user of libmicrohttpd. Thread: http (cold).
 *
 * Enters: requests. Leaves: text. A peer that sends slowly, much or nothing costs one of
 * CONNECTIONS_MAX places for at most TIMEOUT_S, and one address has half of them at most; what is
 * not GET or HEAD is refused before its body.
 * Failure modes: an address that is taken: one line at the start; no memory: that request fails.
 */
#include "gateway/admin/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/base/assert.h"
#include "engine/base/log.h"
#include "gateway/admin/recent.h"
#include "gateway/console/console.h"

#define CONNECTIONS_MAX    64u
#define CONNECTIONS_A_PEER 32u /* of them: one address cannot keep the others out */
#define TIMEOUT_S          10u
#define CONNECTION_BYTES   8192u /* of memory for a request's line and headers */

/* A browser asks nobody but this address, and no other page may frame or feed the console. */
#define POLICY                                                                  \
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; " \
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

struct http {
    struct MHD_Daemon *daemon;
    const struct health *health;
    struct console *console; /* NULL: there is none */
    struct recent *recent;   /* NULL: no stages are measured */
    u64 now_ns;              /* of this turn */
    u16 port;
    struct metric requests;
    struct metric refused; /* unknown paths and methods */
};

struct page {
    const char *path;
    const char *type;
    /* Writes the body; false makes the answer 503. */
    bool (*write)(const struct http *h, FILE *out);
};

static bool write_metrics(const struct http *h, FILE *out)
{
    (void)h;
    metrics_print(out);
    return true;
}

static bool write_live(const struct http *h, FILE *out)
{
    return health_live(h->health, out);
}

static bool write_ready(const struct http *h, FILE *out)
{
    return health_ready(h->health, out);
}

static bool write_index(const struct http *h, FILE *out)
{
    fputs("wirebook\n\n"
          "/metrics  every metric in the Prometheus text format\n"
          "/livez    are all agents taking their turns?\n"
          "/readyz   may clients be sent here?\n",
          out);
    if (h->console)
        fputs("/console/ what goes on, for a browser\n", out);
    return true;
}

#define PLAIN "text/plain; charset=utf-8"

static const struct page pages[] = {
    {"/metrics", "text/plain; version=0.0.4; charset=utf-8", write_metrics},
    {"/livez", PLAIN, write_live},
    {"/readyz", PLAIN, write_ready},
    {"/", PLAIN, write_index},
};

/* Queues an answer whose body was malloc'ed; it is freed with the answer. */
static enum MHD_Result answer(struct MHD_Connection *c, unsigned status, const char *type,
                              char *body, size_t bytes)
{
    struct MHD_Response *r = MHD_create_response_from_buffer(bytes, body, MHD_RESPMEM_MUST_FREE);

    if (!r) {
        free(body);
        return MHD_NO;
    }
    MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    MHD_add_response_header(r, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    MHD_add_response_header(r, MHD_HTTP_HEADER_X_CONTENT_TYPE_OPTIONS, "nosniff");
    MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_SECURITY_POLICY, POLICY);
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
        MHD_add_response_header(r, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    if (status == MHD_HTTP_UNAUTHORIZED)
        MHD_add_response_header(r, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer");
    enum MHD_Result queued = MHD_queue_response(c, status, r);
    MHD_destroy_response(r);
    return queued;
}

static enum MHD_Result answer_page(struct http *h, struct MHD_Connection *c,
                                   const struct page *page)
{
    char *body = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&body, &bytes);

    if (!out)
        return MHD_NO;
    bool good = page->write(h, out);
    if (fclose(out) != 0) {
        free(body);
        return MHD_NO;
    }
    return answer(c, good ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE, page->type, body, bytes);
}

static const char *argument(struct MHD_Connection *c, const char *name)
{
    return MHD_lookup_connection_value(c, MHD_GET_ARGUMENT_KIND, name);
}

static enum MHD_Result answer_console(struct http *h, struct MHD_Connection *c, const char *url)
{
    struct console_request request = {
        .path = url,
        .authorization = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Authorization"),
        .since = argument(c, "since"),
        .symbol = argument(c, "symbol"),
    };
    struct console_reply reply;

    console_answer(h->console, &request, h->now_ns, &reply);
    return answer(c, reply.status, reply.type, reply.body, reply.bytes);
}

static enum MHD_Result refuse(struct http *h, struct MHD_Connection *c, unsigned status,
                              const char *text)
{
    char *body = strdup(text);

    metric_add(&h->refused, 1);
    return body ? answer(c, status, PLAIN, body, strlen(body)) : MHD_NO;
}

/* libmicrohttpd calls it once with the headers and once more when the request is whole. */
static enum MHD_Result on_request(void *ctx, struct MHD_Connection *c, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_bytes, void **state)
{
    static char seen;
    struct http *h = ctx;

    (void)version;
    (void)upload;
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
        return refuse(h, c, MHD_HTTP_METHOD_NOT_ALLOWED, "GET and HEAD only\n");
    if (!*state) {
        *state = &seen;
        return MHD_YES;
    }
    *upload_bytes = 0;
    metric_add(&h->requests, 1);
    if (h->console && console_owns(url))
        return answer_console(h, c, url);
    for (u32 i = 0; i < ARRAY_LEN(pages); i++)
        if (strcmp(url, pages[i].path) == 0)
            return answer_page(h, c, &pages[i]);
    return refuse(h, c, MHD_HTTP_NOT_FOUND, "no such page; / lists them\n");
}

#define PEM_BYTES_MAX 65536u

static bool is_open_to_others(FILE *in)
{
    struct stat st;

    return fstat(fileno(in), &st) != 0 || (st.st_mode & S_IRWXO) != 0;
}

/* The text of a PEM file, malloc'ed; NULL after one log line. */
static char *pem_read(const char *path, bool secret)
{
    char *text = calloc(1, PEM_BYTES_MAX + 1);
    FILE *in = fopen(path, "re");
    size_t n = in && text ? fread(text, 1, PEM_BYTES_MAX, in) : 0;
    bool open = n > 0 && secret && is_open_to_others(in);

    if (open) {
        log_error("management.tls_key_file: %s: others may read it; chmod 600, or 640", path);
        explicit_bzero(text, n);
        n = 0;
    } else if (n == 0 || n == PEM_BYTES_MAX)
        log_error("management.tls_cert_file, tls_key_file: %s: %s", path,
                  !in ? strerror(errno) : "not a file in PEM format of less than 64 KiB");
    if (in)
        fclose(in);
    if (n > 0 && n < PEM_BYTES_MAX)
        return text;
    free(text);
    return NULL;
}

static void pem_free(char *text)
{
    if (text)
        explicit_bzero(text, PEM_BYTES_MAX);
    free(text);
}

/* libmicrohttpd copies what it needs of the two texts. */
static struct MHD_Daemon *daemon_start(struct http *h, struct sockaddr_in *at, const char *cert,
                                       const char *key)
{
    struct MHD_OptionItem tls[] = {{MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)cert},
                                   {MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)key},
                                   {MHD_OPTION_END, 0, NULL}};

    if (!cert)
        tls[0].option = MHD_OPTION_END;
    return MHD_start_daemon(
        MHD_USE_EPOLL | (cert ? MHD_USE_TLS : 0), ntohs(at->sin_port), NULL, NULL, on_request, h,
        MHD_OPTION_SOCK_ADDR, at, MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX,
        MHD_OPTION_PER_IP_CONNECTION_LIMIT, CONNECTIONS_A_PEER, MHD_OPTION_CONNECTION_TIMEOUT,
        TIMEOUT_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BYTES,
        MHD_OPTION_LISTENING_ADDRESS_REUSE, 1u, MHD_OPTION_ARRAY, tls, MHD_OPTION_END);
}

/* False after a line of log. */
static bool listen_at(struct http *h, struct sockaddr_in *at, const struct http_tls *tls)
{
    char *cert = tls->cert_file[0] ? pem_read(tls->cert_file, false) : NULL;
    char *key = cert ? pem_read(tls->key_file, true) : NULL;
    bool good = !tls->cert_file[0] || key;
    char text[INET_ADDRSTRLEN];

    errno = 0;
    h->daemon = good ? daemon_start(h, at, cert, key) : NULL;
    if (good && !h->daemon)
        log_error("management address %s:%u cannot be listened on: %s; choose another "
                  "management.address or management.port%s",
                  inet_ntop(AF_INET, &at->sin_addr, text, sizeof text), ntohs(at->sin_port),
                  errno ? strerror(errno) : "refused",
                  key ? "; do management.tls_cert_file and tls_key_file belong together?" : "");
    pem_free(cert);
    pem_free(key);
    return h->daemon != NULL;
}

/* The console's token, and what it shows, for whoever listens on the way. */
static void clear_warn(const struct sockaddr_in *at, const struct http_tls *tls)
{
    if (!tls->cert_file[0] && ntohl(at->sin_addr.s_addr) >> 24 != IN_LOOPBACKNET)
        log_warn("management: the console's token crosses the network in clear; set "
                 "management.tls_cert_file and tls_key_file, or address: 127.0.0.1");
}

struct http *http_new(u32 ipv4, u16 port, const struct http_tls *tls, const struct health *health,
                      struct console *console)
{
    struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = ipv4};
    struct http *h = calloc(1, sizeof *h);

    ASSERT(h != NULL);
    h->health = health;
    h->console = console;
    h->recent = recent_new();
    if (!listen_at(h, &at, tls)) {
        recent_free(h->recent);
        free(h);
        return NULL;
    }
    if (console)
        clear_warn(&at, tls);
    h->port = MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
    return h;
}

u16 http_port(const struct http *h)
{
    return h->port;
}

void http_register_metrics(const struct http *h)
{
    metrics_register("wirebook_http_requests_total", "", "Requests to the management address.",
                     METRIC_COUNTER, &h->requests);
    metrics_register("wirebook_http_refused_total", "",
                     "Requests for pages or by methods that there are not.", METRIC_COUNTER,
                     &h->refused);
    if (h->recent)
        recent_register_metrics(h->recent);
    if (h->console)
        console_register_metrics(h->console);
}

int http_do_work(void *http, u64 now_ns)
{
    struct http *h = http;
    u64 before = metric_get(&h->requests) + metric_get(&h->refused);

    int more = h->console ? console_do_work(h->console, now_ns) : 0;

    more += recent_do_work(h->recent, now_ns);
    h->now_ns = now_ns;
    MHD_run(h->daemon);
    return more + (int)(metric_get(&h->requests) + metric_get(&h->refused) - before);
}

void http_free(struct http *h)
{
    if (!h)
        return;
    MHD_stop_daemon(h->daemon);
    recent_free(h->recent);
    free(h);
}
