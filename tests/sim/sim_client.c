/*
 * sim_client.c - connections of simulated clients; see sim_client.h.
 *
 *      none --connect--> login sent --accepted--> live --reset, end, Z, hang-up--> none
 *
 * Only the connection that logged in last sends. When one becomes live, everything that the venue
 * may not have taken is sent again from the first such request, in order, before anything new: so
 * whatever crashed, the venue sees the account's requests in one order.
 */
#include "tests/sim/sim_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/sim.h"
#include "tests/sim/sim_traffic.h"

#define SERVER_PORT 9000

void sim_client_init(struct sim_client *cl, u32 index, const struct sim_client_conf *conf)
{
    memset(cl, 0, sizeof *cl);
    cl->account.index = index;
    snprintf(cl->account.user, sizeof cl->account.user, "SIM%u", index);
    snprintf(cl->account.password, sizeof cl->account.password, "PASS%u", index);
    cl->conf = conf;
    for (u32 i = 0; i < SIM_CLIENT_CONNS; i++)
        cl->conns[i] = (struct sim_client_conn){.c = -1, .connect_at_ns = UINT64_MAX};
    cl->conns[0].connect_at_ns = sim.now_ns;
}

void sim_client_free(struct sim_client *cl)
{
    sim_account_free(&cl->account);
}

static const char *name(const struct sim_client *cl)
{
    return cl->account.user;
}

static u32 conn_index(const struct sim_client *cl, const struct sim_client_conn *k)
{
    return (u32)(k - cl->conns);
}

/* ---- connecting ---- */

/* The account that is here and there. */
static bool moves(const struct sim_client *cl)
{
    return cl->account.index == 0 && cl->conf->moves_per_million > 0;
}

/* Which session and number to ask for. */
static void choose_login(struct sim_client *cl, struct wb_login *login)
{
    const struct sim_stream *s = sim_account_today(&cl->account);
    u64 dice = cl->drain ? 0 : sim_below(100);

    login->seq = s && !cl->session_bad ? s->modelled + 1 : 1;
    if (s && !cl->session_bad && dice < 80)
        snprintf(login->session, sizeof login->session, "%u01", s->day);
    if (cl->session_bad || !s || (cl->drain && !cl->from_one) || dice >= 85) {
        login->seq = 1; /* whatever day it is: all of it again */
        cl->from_one = cl->drain;
    }
    if (login->seq == 1 && s && !cl->session_bad && !cl->drain &&
        sim_chance(cl->conf->short_per_million))
        login->seq += s->modelled - sim_below(min_u64(s->modelled, 300) + 1);
    if (dice == 99 && !moves(cl)) /* two logins at once may be told in another order */
        login->seq = 0;           /* only from the most recent message on */
    if (dice == 98 && s && !sim_chance(cl->conf->short_per_million))
        login->seq = s->seen + 100000; /* what is yet to come: refused */
}

static void conn_connect(struct sim_client *cl, struct sim_client_conn *k)
{
    struct transport_peer peer = {.ipv4 = 0x0100007F + (cl->account.index << 24),
                                  .port = (u16)sim_between(1024, 65535),
                                  .local_port = SERVER_PORT};
    struct wb_login login = {.version = sim_chance(500000) ? WB_SOUP_4_1 : WB_SOUP_3_00,
                             .timeout_ms = 5000};

    k->connect_at_ns = UINT64_MAX;
    k->net = cl->conf->nets[sim_below(cl->conf->nets_used)];
    k->c = sim_net_connect(k->net, &peer);
    if (k->c < 0) {
        k->connect_at_ns = sim.now_ns + NS_PER_MS;
        return;
    }
    k->live = false;
    k->hang_up_at_ns = UINT64_MAX;
    k->wrong_password = !cl->drain && sim_chance(20000);
    memcpy(login.user, cl->account.user, sizeof login.user);
    snprintf(login.password, sizeof login.password, "%s",
             k->wrong_password ? "WRONG" : cl->account.password);
    choose_login(cl, &login);
    memset(&k->soup, 0, sizeof k->soup);
    wb_soup_start(&k->soup, &login, k->in, sizeof k->in, k->out, sizeof k->out, sim.now_ns);
    sim_trace(name(cl), "connects by %u, session '%s' from %llu", conn_index(cl, k), login.session,
              (unsigned long long)login.seq);
}

/* Everything that the venue may not have taken is to be sent again. */
static void send_again(struct sim_client *cl, struct sim_client_conn *k)
{
    struct sim_stream *s = sim_account_today(&cl->account);

    cl->active = conn_index(cl, k);
    cl->send_at = sim_stream_first_open(s);
    if (cl->send_at > 0 && sim_chance(200000))
        cl->send_at -= sim_below(min_u64(cl->send_at, 5) + 1); /* some that were answered, too */
}

/*
 * The connection that sent is gone. Of several logins at once another one may have been the last;
 * when none is left, one comes back. Others are made only when they are made up again.
 */
static void fall_back(struct sim_client *cl)
{
    const struct sim_stream *s = sim_account_today(&cl->account);
    bool any = false;

    if (cl->conns[cl->active].live)
        return;
    for (u32 i = 0; i < SIM_CLIENT_CONNS; i++) {
        struct sim_client_conn *k = &cl->conns[i];
        any = any || k->c >= 0;
        if (k->c >= 0 && k->live && k->day == s->day)
            send_again(cl, k);
    }
    if (!any)
        cl->conns[0].connect_at_ns = sim.now_ns + sim_delay(100 * NS_PER_US, 20 * NS_PER_MS);
}

static void conn_gone(struct sim_client *cl, struct sim_client_conn *k, enum transport_close how,
                      const char *why)
{
    sim_trace(name(cl), "connection %u is over: %s", conn_index(cl, k), why);
    sim_net_hang_up(k->net, k->c, how);
    k->c = -1;
    k->live = false;
    fall_back(cl);
}

/* ---- what the server says ---- */

static void took_login(struct sim_client *cl, struct sim_client_conn *k,
                       const struct wb_soup_event *ev)
{
    u32 day = (u32)strtoul(k->soup.session, NULL, 10) / 100;
    struct sim_stream *s;

    SIM_CHECK(!k->wrong_password, "%s logged in with a wrong password", name(cl));
    SIM_CHECK(strlen(k->soup.session) == 10, "%s: session '%s'", name(cl), k->soup.session);
    s = sim_account_day(&cl->account, day);
    SIM_CHECK(ev->seq <= s->seen + 1 || k->soup.requested_seq == 0 || s->seen == 0,
              "%s: logged in at %llu, seen were %llu", name(cl), (unsigned long long)ev->seq,
              (unsigned long long)s->seen);
    SIM_CHECK(k->soup.requested_seq == 0 || ev->seq == k->soup.requested_seq,
              "%s: asked for %llu and got %llu", name(cl),
              (unsigned long long)k->soup.requested_seq, (unsigned long long)ev->seq);
    SIM_CHECK(k->soup.requested_seq != 0 || ev->seq >= s->seen,
              "%s: the most recent message of day %u is %llu, but %llu was seen", name(cl), day,
              (unsigned long long)ev->seq, (unsigned long long)s->seen);
    sim.counts.logins++;
    sim.counts.logins_from_one += k->soup.requested_seq == 1 && s->seen > 0;
    sim.counts.takeovers += cl->active != conn_index(cl, k) && cl->conns[cl->active].live;
    sim.counts.moves += cl->last_net != NULL && cl->last_net != k->net;
    cl->last_net = k->net;
    k->live = true;
    k->day = day;
    k->seen_next = ev->seq;
    cl->session_bad = false;
    send_again(cl, k);
    sim_trace(name(cl), "logged in by %u, session %s, next %llu, sends again from %llu",
              conn_index(cl, k), k->soup.session, (unsigned long long)ev->seq,
              (unsigned long long)cl->send_at);
}

static void refused_login(struct sim_client *cl, struct sim_client_conn *k, char reason)
{
    sim_trace(name(cl), "login refused: %c", reason);
    SIM_CHECK(reason == 'S' || k->wrong_password, "%s: login refused with %c", name(cl), reason);
    sim.counts.bad_logins++;
    cl->session_bad = reason == 'S';
}

static void saw(struct sim_client *cl, struct sim_client_conn *k, const struct wb_soup_event *ev)
{
    SIM_CHECK(ev->seq == k->seen_next, "%s: message %llu after %llu", name(cl),
              (unsigned long long)ev->seq, (unsigned long long)k->seen_next - 1);
    k->seen_next++;
    sim_trace(name(cl), "sees %llu: %c", (unsigned long long)ev->seq, ev->bytes[0]);
    sim_account_saw(&cl->account, k->day, ev->seq, ev->bytes, ev->n);
}

/* False when the connection is over. */
static bool react(struct sim_client *cl, struct sim_client_conn *k, const struct wb_soup_event *ev)
{
    switch (ev->kind) {
    case WB_SOUP_ACCEPTED:
        took_login(cl, k, ev);
        return true;
    case WB_SOUP_SEQUENCED:
        saw(cl, k, ev);
        return true;
    case WB_SOUP_REJECTED:
        refused_login(cl, k, ev->reason);
        conn_gone(cl, k, TRANSPORT_FINISH, "refused");
        return false;
    case WB_SOUP_END:
        cl->session_bad = true;
        conn_gone(cl, k, TRANSPORT_FINISH, "end of session");
        return false;
    case WB_SOUP_BROKEN:
        sim_fail("%s: the server broke the protocol: %s", name(cl), ev->why);
    default:
        sim_fail("%s: an unexpected packet of the server (%d)", name(cl), (int)ev->kind);
    }
}

static bool conn_read(struct sim_client *cl, struct sim_client_conn *k)
{
    struct wb_soup_event ev;
    u32 room;

    if (k->deaf_until_ns > sim.now_ns)
        return true;
    for (;;) {
        u8 *to = wb_soup_space(&k->soup, &room);
        u32 got = sim_net_receive(k->net, k->c, to, room);
        if (got == 0)
            break;
        wb_soup_filled(&k->soup, got, sim.now_ns);
        while (wb_soup_next(&k->soup, &ev) != WB_SOUP_NOTHING)
            if (!react(cl, k, &ev))
                return false;
    }
    if (sim_net_state(k->net, k->c) == SIM_CONN_OPEN)
        return true;
    conn_gone(cl, k, TRANSPORT_RESET,
              sim_net_state(k->net, k->c) == SIM_CONN_EOF ? "end" : "reset");
    return false;
}

static void conn_write(struct sim_client_conn *k)
{
    u32 n;

    wb_soup_tick(&k->soup, sim.now_ns);
    const u8 *bytes = wb_soup_output(&k->soup, &n);
    if (n == 0)
        return;
    if (!sim.calm && sim_chance(200000))
        n = (u32)sim_between(1, n);
    wb_soup_sent(&k->soup, sim_net_send(k->net, k->c, bytes, n), sim.now_ns);
}

/* ---- acting ---- */

/* Hands what is to be sent to the active connection, as far as there is room. */
static void send_open(struct sim_client *cl)
{
    struct sim_client_conn *k = &cl->conns[cl->active];
    struct sim_stream *s = sim_account_today(&cl->account);

    while (k->c >= 0 && k->live && s && k->day == s->day && cl->send_at < s->requests_used) {
        struct sim_request *r = &s->requests[cl->send_at];
        if (!wb_soup_send(&k->soup, r->bytes, r->n))
            return;
        s->queries_sent += r->kind == SIM_QUERY;
        sim.counts.resends += r->times_sent > 0;
        r->times_sent++;
        cl->send_at++;
    }
}

/* A Modify of whatever order 1 is by now: mostly gone, then nothing answers. */
static void send_odd(struct sim_client_conn *k)
{
    static const u8 odd[] = {'M', 0, 0, 0, 1, 'T', 0, 0, 0, 9};

    (void)wb_soup_send(&k->soup, odd, sizeof odd);
}

static void misbehave(struct sim_client *cl, struct sim_client_conn *k, u64 dice)
{
    if (dice < 4) {
        sim.counts.conn_ends++;
        wb_soup_logout(&k->soup);
        conn_write(k);
        conn_gone(cl, k, TRANSPORT_FINISH, "logs out");
    } else if (dice < 10) {
        sim.counts.conn_ends++;
        conn_gone(cl, k, sim_chance(500000) ? TRANSPORT_FINISH : TRANSPORT_RESET, "hangs up");
    } else if (dice < 14) {
        sim.counts.slow_readers++;
        k->deaf_until_ns = sim.now_ns + sim_delay(NS_PER_MS, 300 * NS_PER_MS);
    } else if (dice < 20) {
        send_odd(k);
    } else if (dice < 30) {
        struct sim_client_conn *other = &cl->conns[(cl->active + 1) % SIM_CLIENT_CONNS];
        if (other->c < 0)
            other->connect_at_ns = sim.now_ns;
    }
}

/*
 * One login or several at once; the connection before is left to the take-over, or goes just about
 * then, so that its end may come late.
 */
static void move(struct sim_client *cl)
{
    u64 logins = sim_chance(200000) ? sim_between(2, 3) : 1;

    if (sim_chance(500000))
        cl->conns[cl->active].hang_up_at_ns = sim.now_ns + sim_delay(0, 2 * NS_PER_MS);
    for (u32 i = 0; i < SIM_CLIENT_CONNS && logins > 0; i++) {
        if (cl->conns[i].c >= 0 || cl->conns[i].connect_at_ns != UINT64_MAX)
            continue;
        cl->conns[i].connect_at_ns = sim.now_ns + sim_delay(0, 100 * NS_PER_US);
        logins--;
    }
}

static void act(struct sim_client *cl)
{
    struct sim_client_conn *k = &cl->conns[cl->active];
    struct sim_stream *s = sim_account_today(&cl->account);
    u64 dice = sim_below(1000);

    cl->act_at_ns = sim.now_ns + sim_delay(cl->conf->act_min_ns, cl->conf->act_max_ns);
    if (cl->drain || k->c < 0 || !k->live || !s || k->day != s->day)
        return;
    if (dice < 30) {
        misbehave(cl, k, dice);
        return;
    }
    if (moves(cl) && sim_chance(cl->conf->moves_per_million))
        move(cl); /* and goes on sending meanwhile: the venue may have it as stale */
    for (u64 burst = sim_chance(50000) ? sim_between(1, cl->conf->burst_max) : 1; burst > 0;
         burst--)
        if (cl->send_at == s->requests_used) {
            sim_traffic_make(cl);
            send_open(cl);
        }
}

void sim_client_step(struct sim_client *cl)
{
    for (u32 i = 0; i < SIM_CLIENT_CONNS; i++) {
        struct sim_client_conn *k = &cl->conns[i];
        if (k->c < 0 && k->connect_at_ns <= sim.now_ns)
            conn_connect(cl, k);
        if (k->c >= 0 && conn_read(cl, k) && k->c >= 0)
            conn_write(k);
        if (k->c >= 0 && k->hang_up_at_ns <= sim.now_ns) {
            sim.counts.conn_ends++;
            conn_gone(cl, k, TRANSPORT_RESET, "hangs up late");
        }
    }
    if (cl->act_at_ns <= sim.now_ns)
        act(cl);
    send_open(cl);
    for (u32 i = 0; i < SIM_CLIENT_CONNS; i++)
        if (cl->conns[i].c >= 0)
            conn_write(&cl->conns[i]);
}

void sim_client_drain(struct sim_client *cl)
{
    cl->drain = true;
    cl->from_one = false;
    for (u32 i = 0; i < SIM_CLIENT_CONNS; i++) {
        cl->conns[i].deaf_until_ns = 0;
        if (cl->conns[i].c >= 0)
            conn_gone(cl, &cl->conns[i], TRANSPORT_FINISH, "drains");
        cl->conns[i].connect_at_ns = i == 0 ? sim.now_ns : UINT64_MAX;
    }
}

bool sim_client_drained(const struct sim_client *cl)
{
    const struct sim_client_conn *k = &cl->conns[cl->active];
    const struct sim_account *a = &cl->account;
    const struct sim_stream *s = a->days_used ? &a->days[a->days_used - 1] : NULL;

    return k->c >= 0 && k->live && cl->from_one && s && s->day == k->day &&
           cl->send_at == s->requests_used && k->seen_next > s->seen && sim_stream_answered(s);
}

u64 sim_client_next_ns(const struct sim_client *cl)
{
    u64 next = cl->act_at_ns;

    for (u32 i = 0; i < SIM_CLIENT_CONNS; i++) {
        const struct sim_client_conn *k = &cl->conns[i];
        next = min_u64(next, k->c < 0 ? k->connect_at_ns : k->hang_up_at_ns);
    }
    return next;
}
