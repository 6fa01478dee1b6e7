/*
 * wb_client.c - a SoupBinTCP session over one connection of the carrier (wb_carrier.h).
 *
 * Enters: calls of the owner, bytes of the socket. Leaves: events one by one, bytes to the socket.
 * One thread at a time; nothing blocks but the look-up of a host's name and wb_client_wait.
 *
 * Happy path: connect starts a non-blocking connect and queues the login; the first poll that finds
 * the socket connected sends it; polls read, decode and hand out one event each, and when nothing
 * is left they send what is queued and let the timers run.
 *
 * Failure modes: whatever ends the connection (refused, reset, closed, a protocol error, silence)
 * first lets the events that had already arrived be handed out, then comes as one WB_LOST; then the
 * socket is closed and the client may connect again.
 */
#include "gateway/client/wb_client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/assert.h"
#include "gateway/client/wb_carrier.h"

#define IN_BYTES  (128u * 1024u) /* more than the longest packet of the protocol, WB_PACKET_MAX */
#define OUT_BYTES (256u * 1024u) /* about 5,000 orders that the server has not yet read */
_Static_assert(IN_BYTES >= WB_PACKET_MAX, "any packet fits");

struct wb_client {
    struct wb_soup soup;
    int fd; /* the carrier's name of the connection, a descriptor with sockets; -1: none */
    bool connecting;
    bool drained;     /* the last read took all there was: do not ask again in this round */
    const char *lost; /* why the connection ended, until WB_LOST has told it */
    char why[96];     /* that text, when it is made from errno */
    u8 in[IN_BYTES];
    u8 out[OUT_BYTES];
};

struct wb_client *wb_client_new(void)
{
    struct wb_client *c = malloc(sizeof(*c));
    if (c == NULL) {
        fprintf(stderr, "wb_client: no memory for another client\n");
        exit(1);
    }
    memset(c, 0, offsetof(struct wb_client, in)); /* its buffers are touched as they are needed */
    c->fd = -1;
    c->soup.state = WB_SOUP_OVER;
    return c;
}

void wb_client_close(struct wb_client *c)
{
    if (c->fd >= 0)
        wb_carrier()->close(c->fd);
    c->fd = -1;
    c->connecting = false;
    c->soup.state = WB_SOUP_OVER;
}

void wb_client_free(struct wb_client *c)
{
    if (c == NULL)
        return;
    wb_client_close(c);
    free(c);
}

void wb_client_silence(struct wb_client *c, u64 silence_ns)
{
    ASSERT_GT(silence_ns, 0);
    c->soup.silence_ns = silence_ns;
}

/* Makes `errno` the reason why the connection ended. */
static void lost_errno(struct wb_client *c, const char *what, int error)
{
    snprintf(c->why, sizeof(c->why), "%s: %s", what, strerror(error));
    c->lost = c->why;
}

const char *wb_client_connect(struct wb_client *c, const char *host, u16 port,
                              const struct wb_login *login, u64 now_ns)
{
    ASSERT_EQ(c->fd, -1);
    const char *why = NULL;
    c->fd = wb_carrier()->open(host, port, &why);
    if (c->fd < 0) {
        snprintf(c->why, sizeof(c->why), "%s", why);
        c->lost = NULL;
        return c->why;
    }
    c->connecting = true;
    c->drained = false;
    c->lost = NULL;
    wb_soup_start(&c->soup, login, c->in, IN_BYTES, c->out, OUT_BYTES, now_ns);
    return NULL;
}

/* True once the connect is through; a failed one sets the reason. */
static bool connected(struct wb_client *c)
{
    if (!c->connecting)
        return true;
    int ready = wb_carrier()->ready(c->fd);
    if (ready == 0)
        return false;
    c->connecting = false;
    if (ready < 0)
        lost_errno(c, "connect", errno);
    return ready > 0;
}

u32 wb_client_flush(struct wb_client *c, u64 now_ns)
{
    u32 n;
    const u8 *bytes = wb_soup_output(&c->soup, &n);
    if (c->fd < 0 || n == 0 || c->lost != NULL || !connected(c))
        return n;
    ssize_t sent = wb_carrier()->send(c->fd, bytes, n);
    if (sent > 0)
        wb_soup_sent(&c->soup, (u32)sent, now_ns);
    /*
     * An error is left to the next read: what the server said before it must be handed out first.
     */
    return sent > 0 ? n - (u32)sent : n;
}

/* Reads once. True when there are new bytes to look at. */
static bool take_in(struct wb_client *c, u64 now_ns)
{
    u32 room;
    u8 *space = wb_soup_space(&c->soup, &room);
    ASSERT_GT(room, 0); /* a buffer holds any packet, and all whole ones were handed out */
    ssize_t n = wb_carrier()->recv(c->fd, space, room);
    if (n > 0) {
        wb_soup_filled(&c->soup, (u32)n, now_ns);
        c->drained = (u32)n < room;
        return true;
    }
    if (n == 0)
        c->lost = "closed by the server";
    else if (errno != EAGAIN && errno != EINTR)
        lost_errno(c, "read", errno);
    return false;
}

static enum wb_kind give_message(struct wb_event *ev, const struct wb_soup_event *from)
{
    ev->kind = WB_MESSAGE;
    ev->why = wb_decode(&ev->msg, from->bytes, from->n);
    if (ev->why != NULL)
        ev->kind = WB_MALFORMED;
    return ev->kind;
}

/* One event of the protocol part as one of ours. */
static enum wb_kind give(struct wb_client *c, struct wb_event *ev, const struct wb_soup_event *from)
{
    ev->seq = from->seq;
    ev->reason = from->reason;
    ev->why = from->why;
    ev->raw = from->bytes;
    ev->raw_bytes = from->n;
    switch (from->kind) {
    case WB_SOUP_ACCEPTED:
        return ev->kind = WB_LOGGED_IN;
    case WB_SOUP_REJECTED:
        wb_client_close(c);
        return ev->kind = WB_REJECTED;
    case WB_SOUP_SEQUENCED:
        return give_message(ev, from);
    case WB_SOUP_UNSEQUENCED:
        return ev->kind = WB_UNSEQUENCED;
    case WB_SOUP_DEBUG:
        return ev->kind = WB_DEBUG;
    case WB_SOUP_END:
        return ev->kind = WB_ENDED;
    default:
        ASSERT_EQ(from->kind, WB_SOUP_BROKEN);
        wb_client_close(c);
        return ev->kind = WB_LOST;
    }
}

static enum wb_kind give_lost(struct wb_client *c, struct wb_event *ev)
{
    ev->kind = WB_LOST;
    ev->why = c->lost;
    c->lost = NULL;
    wb_client_close(c);
    return WB_LOST;
}

enum wb_kind wb_client_poll(struct wb_client *c, u64 now_ns, struct wb_event *ev)
{
    struct wb_soup_event from;
    ev->kind = WB_NOTHING;
    if (c->fd < 0)
        return WB_NOTHING;
    if (c->lost == NULL && !connected(c) && c->lost == NULL) {
        wb_soup_tick(&c->soup, now_ns); /* a connect that nobody answers is silence too */
        return wb_soup_next(&c->soup, &from) == WB_SOUP_NOTHING ? WB_NOTHING : give(c, ev, &from);
    }
    for (;;) {
        if (wb_soup_next(&c->soup, &from) != WB_SOUP_NOTHING)
            return give(c, ev, &from);
        if (c->lost != NULL)
            return give_lost(c, ev);
        if (c->drained || !take_in(c, now_ns)) {
            if (c->lost == NULL)
                break;
        }
    }
    c->drained = false;
    wb_soup_tick(&c->soup, now_ns);
    wb_client_flush(c, now_ns);
    if (wb_soup_next(&c->soup, &from) != WB_SOUP_NOTHING) /* the tick found the server silent */
        return give(c, ev, &from);
    return WB_NOTHING;
}

/* ---- requests ---- */

bool wb_client_enter(struct wb_client *c, const struct wb_enter *e)
{
    u8 bytes[WB_REQUEST_MAX];
    return wb_soup_send(&c->soup, bytes, wb_encode_enter(bytes, e));
}

bool wb_client_replace(struct wb_client *c, const struct wb_replace *r)
{
    u8 bytes[WB_REQUEST_MAX];
    return wb_soup_send(&c->soup, bytes, wb_encode_replace(bytes, r));
}

bool wb_client_cancel(struct wb_client *c, u32 user_ref, u32 qty)
{
    u8 bytes[WB_REQUEST_MAX];
    return wb_soup_send(&c->soup, bytes, wb_encode_cancel(bytes, user_ref, qty, NULL));
}

bool wb_client_query(struct wb_client *c)
{
    u8 bytes[WB_REQUEST_MAX];
    return wb_soup_send(&c->soup, bytes, wb_encode_query(bytes, NULL));
}

bool wb_client_raw(struct wb_client *c, const u8 *bytes, u32 n)
{
    return wb_soup_send(&c->soup, bytes, n);
}

u32 wb_client_room(const struct wb_client *c)
{
    return wb_soup_room(&c->soup);
}

void wb_client_logout(struct wb_client *c, u64 now_ns)
{
    wb_soup_logout(&c->soup);
    wb_client_flush(c, now_ns);
}

/* ---- waiting ---- */

void wb_client_wait(struct wb_client *c, int other_fd, u64 timeout_ns)
{
    wb_carrier()->wait(c->fd, wb_client_wants_write(c), other_fd, timeout_ns);
}

int wb_client_fd(const struct wb_client *c)
{
    return c->fd;
}

bool wb_client_wants_write(const struct wb_client *c)
{
    u32 n;
    wb_soup_output(&c->soup, &n);
    return c->fd >= 0 && (c->connecting || n > 0);
}

const char *wb_client_session(const struct wb_client *c)
{
    return c->soup.session;
}

u64 wb_client_next_seq(const struct wb_client *c)
{
    return c->soup.next_seq;
}

bool wb_client_live(const struct wb_client *c)
{
    return c->fd >= 0 && c->soup.state == WB_SOUP_LIVE;
}
