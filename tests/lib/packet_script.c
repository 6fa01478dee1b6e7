/*
 * packet_script.c - runs packet scripts: each statement does something to an endpoint in virtual
 * time or looks at what it did. See packet_script.h for the language.
 */
#include "tests/lib/packet_script.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/net/net_state.h"
#include "tests/lib/packet_script_impl.h"

#define PEER_ISN   1000000u
#define LINE_MAX   256u
#define FLOOD_PORT 10000u

/* ---- the application ---- */

static void app_send(struct pkt_run *r)
{
    static u8 bytes[NET_SPACE_BYTES];
    u32 n = (u32)pkt_number(&r->line);
    u32 room = net_room(r->s.net, r->s.conn);

    if (r->sender != r->s.conn)
        r->sent = 0;
    r->sender = r->s.conn;
    if (n > room) {
        pkt_bad(&r->line, "there is room for %u bytes", room);
        return;
    }
    for (u32 i = 0; i < n; i++)
        bytes[i] = pkt_byte(1 + r->sent + i);
    net_send(r->s.net, r->s.conn, bytes, n);
    r->sent += n;
}

static void app_connect(struct pkt_run *r)
{
    net_connect(r->s.net, be32(SCRIPT_PEER_IP), r->port, SCRIPT_PORT, r->s.now_ns);
    net_flush(r->s.net, r->s.now_ns);
    if (r->s.arp_asked)
        script_arp(&r->s);
}

static void do_app(struct pkt_run *r)
{
    struct pkt_line *l = &r->line;
    struct script *s = &r->s;

    if (pkt_take(l, "send"))
        app_send(r);
    else if (pkt_take(l, "close"))
        net_close(s->net, s->conn, NET_FINISH);
    else if (pkt_take(l, "reset"))
        net_close(s->net, s->conn, NET_RESET);
    else if (pkt_take(l, "shut"))
        net_shut(s->net, s->conn);
    else if (pkt_take(l, "urgent"))
        net_urgent(s->net, s->conn);
    else if (pkt_take(l, "connect"))
        app_connect(r);
    else if (pkt_take(l, "dscp"))
        net_set_dscp(s->net, s->conn, (u8)pkt_number(l));
    else if (pkt_take(l, "take"))
        s->take = pkt_take(l, "all") ? UINT32_MAX : (u32)pkt_number(l);
    else
        pkt_bad(l, "the application cannot '%s'", pkt_word(l));
    net_poll(s->net, s->now_ns);
    net_flush(s->net, s->now_ns);
}

/* ---- expectations ---- */

static void is_number(struct pkt_run *r, u64 is)
{
    u64 wanted = (u64)pkt_number(&r->line);

    if (wanted != is)
        pkt_bad(&r->line, "it is %llu", (unsigned long long)is);
}

static void expect_data(struct pkt_run *r)
{
    u32 n = r->s.app_len - r->s.app_base;

    is_number(r, n);
    for (u32 i = 0; i < n; i++)
        if (r->s.app[r->s.app_base + i] != pkt_byte(1 + i))
            pkt_bad(&r->line, "byte %u that arrived is wrong", i);
}

static void expect_closed(struct pkt_run *r)
{
    char wanted[16];
    const char *is = r->s.closes == 0 ? "no" : r->s.why == NET_EOF ? "eof" : "error";

    pkt_string(&r->line, wanted, sizeof wanted);
    if (strcmp(wanted, is) != 0)
        pkt_bad(&r->line, "it is: %s", is);
}

static void expect_state(struct pkt_run *r)
{
    const struct tcp_conn *c = tcp_find(r->s.net, be32(SCRIPT_PEER_IP), r->port, SCRIPT_PORT);
    const char *is = c != NULL ? tcp_states[c->state].name : "gone";
    char wanted[16];

    pkt_string(&r->line, wanted, sizeof wanted);
    if (strcmp(wanted, is) != 0)
        pkt_bad(&r->line, "it is %s", is);
}

static void expect_count(struct pkt_run *r)
{
#define COUNTER_NAME(id, name, reason, help) #id,
    static const char *const names[] = {NET_STATS(COUNTER_NAME)};
    char wanted[32];

    pkt_string(&r->line, wanted, sizeof wanted);
    for (u32 i = 0; i < ARRAY_LEN(names); i++) {
        if (strcmp(wanted, names[i]) == 0) {
            is_number(r, metric_get(&r->s.net->stats[i]));
            return;
        }
    }
    pkt_bad(&r->line, "no counter '%s'", wanted);
}

static void do_expect(struct pkt_run *r)
{
    struct pkt_line *l = &r->line;
    struct net_look look = {0};

    net_look(r->s.net, r->s.conn, r->s.now_ns, &look);
    if (pkt_take(l, "opened"))
        is_number(r, r->s.opens);
    else if (pkt_take(l, "data"))
        expect_data(r);
    else if (pkt_take(l, "finished"))
        is_number(r, r->s.finishes);
    else if (pkt_take(l, "told"))
        is_number(r, r->s.urgents);
    else if (pkt_take(l, "conns"))
        is_number(r, net_conns(r->s.net));
    else if (pkt_take(l, "chunks"))
        is_number(r, net_chunks_used(r->s.net));
    else if (pkt_take(l, "urgent"))
        is_number(r, look.urgent);
    else if (pkt_take(l, "soft"))
        is_number(r, look.icmp_errors);
    else if (pkt_take(l, "closed"))
        expect_closed(r);
    else if (pkt_take(l, "state"))
        expect_state(r);
    else if (pkt_take(l, "count"))
        expect_count(r);
    else
        pkt_bad(l, "nothing to expect: '%s'", pkt_word(l));
}

/* ---- lines ---- */

static void do_conf(struct pkt_run *r)
{
#define CONF_FIELD(name)                                            \
    {                                                               \
#name, offsetof(struct net_conf, name), sizeof r->conf.name \
    }
    static const struct {
        const char *name;
        size_t at;
        size_t bytes;
    } fields[] = {
        CONF_FIELD(mtu),
        CONF_FIELD(conns_max),
        CONF_FIELD(half_open_max),
        CONF_FIELD(time_wait_max),
        CONF_FIELD(chunks),
        CONF_FIELD(rto_min_ns),
        CONF_FIELD(rto_max_ns),
        CONF_FIELD(tlp_min_ns),
        CONF_FIELD(delayed_ack_ns),
        CONF_FIELD(orphan_ns),
        CONF_FIELD(user_timeout_ns),
        CONF_FIELD(keepalive_idle_ns),
        CONF_FIELD(time_wait_ns),
        CONF_FIELD(keepalive_probes),
        CONF_FIELD(keepalive_interval_ns),
        CONF_FIELD(dscp),
        CONF_FIELD(ttl),
    };
    char name[32];

    pkt_string(&r->line, name, sizeof name);
    if (strcmp(name, "half_close") == 0) {
        r->half_close = pkt_number(&r->line) != 0;
        return;
    }
    for (u32 i = 0; i < ARRAY_LEN(fields); i++) {
        if (strcmp(name, fields[i].name) != 0)
            continue;
        bool time = strlen(name) > 3 && strcmp(name + strlen(name) - 3, "_ns") == 0;
        u64 value = time && !pkt_take(&r->line, "0") ? pkt_duration(&r->line)
                    : time                           ? 0
                                                     : (u64)pkt_number(&r->line);
        memcpy((u8 *)&r->conf + fields[i].at, &value, fields[i].bytes); /* little-endian */
        return;
    }
    pkt_bad(&r->line, "no field '%s' of struct net_conf", name);
}

static void do_flood(struct pkt_run *r)
{
    u32 n = (u32)pkt_number(&r->line);

    for (u32 i = 0; i < n; i++) {
        struct script_seg syn = {
            .src_port = (u16)(FLOOD_PORT + i), .flags = TCP_SYN, .seq = i, .window = 65535};
        script_in(&r->s, &syn);
        script_clear(&r->s);
    }
}

static void start(struct pkt_run *r)
{
    if (r->started)
        return;
    r->started = true;
    script_init_up(&r->s, &r->conf, r->half_close);
    r->s.answer_arp = true;
}

static void statement(struct pkt_run *r)
{
    struct pkt_line *l = &r->line;
    u64 delay = 0;

    if (pkt_take(l, "conf")) {
        if (r->started)
            pkt_bad(l, "conf comes before everything else");
        else
            do_conf(r);
        return;
    }
    start(r);
    if (*pkt_word(l) == '+') {
        l->at++;
        delay = pkt_duration(l);
    }
    if (pkt_take(l, "out")) {
        pkt_out(r, delay);
        return;
    }
    if (pkt_take(l, "quiet")) {
        pkt_quiet(r, delay);
        return;
    }
    pkt_pass_time(r, delay);
    if (pkt_take(l, "in"))
        pkt_in(r);
    else if (pkt_take(l, "app"))
        do_app(r);
    else if (pkt_take(l, "expect"))
        do_expect(r);
    else if (pkt_take(l, "flood"))
        do_flood(r);
    else if (pkt_take(l, "isn"))
        r->peer_isn = (u32)pkt_number(l);
    else if (pkt_take(l, "from"))
        r->port = (u16)pkt_number(l);
    else
        pkt_bad(l, "no statement '%s'", pkt_word(l));
}

static bool run_file(struct pkt_run *r, FILE *file, const char *path, char *error, u32 error_bytes)
{
    char text[LINE_MAX];

    for (u32 n = 1; fgets(text, sizeof text, file) != NULL; n++) {
        r->line.at = text;
        if (*pkt_word(&r->line) == 0)
            continue;
        statement(r);
        if (r->line.error[0] == 0 && *pkt_word(&r->line) != 0)
            pkt_bad(&r->line, "too much: '%s'", pkt_word(&r->line));
        if (r->line.error[0] != 0) {
            snprintf(error, error_bytes, "%s:%u: %s\n    %s", path, n, r->line.error, text);
            return false;
        }
    }
    return true;
}

bool packet_script_run(const char *path, char *error, u32 error_bytes)
{
    struct pkt_run *r = calloc(1, sizeof *r);
    FILE *file = fopen(path, "r");

    if (file == NULL) {
        snprintf(error, error_bytes, "%s: %s", path, strerror(errno));
        free(r);
        return false;
    }
    r->peer_isn = PEER_ISN;
    r->port = SCRIPT_PEER_PORT;
    script_conf(&r->conf);
    bool good = run_file(r, file, path, error, error_bytes);
    fclose(file);
    if (r->started)
        script_free(&r->s);
    free(r);
    return good;
}
