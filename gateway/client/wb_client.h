/*
 * wb_client.h - Wirebook's client library: one session with the venue over a kernel socket.
 *
 * Nothing blocks but the look-up of a host's name and wb_client_wait. One thread at a time uses a
 * client. The protocol (wb_soup.h, wb_ouch.h) knows no socket; this file is the socket around it.
 *
 *     struct wb_client *c = wb_client_new();
 *     struct wb_event ev;
 *     wb_client_connect(c, "127.0.0.1", 9000, &login, now);
 *     for (;;) {
 *         while (wb_client_poll(c, now, &ev) != WB_NOTHING)
 *             ...                          WB_LOGGED_IN: begin; WB_MESSAGE: ev.seq, ev.msg; ...
 *         wb_client_enter(c, &order);      queued; wb_client_flush or the next poll sends it
 *         wb_client_wait(c, -1, 1000 ms);  until something can be read or written
 *     }
 *
 * After WB_LOST or WB_REJECTED, wb_client_connect may be called again on the same client; a login
 * with wb_client_session and wb_client_next_seq goes on exactly where the stream stopped.
 */
#ifndef WIREBOOK_CLIENT_WB_CLIENT_H
#define WIREBOOK_CLIENT_WB_CLIENT_H

#include "gateway/client/wb_ouch.h"
#include "gateway/client/wb_soup.h"
#include "gateway/client/wb_text.h"

struct wb_client;

enum wb_kind {
    WB_NOTHING,
    WB_LOGGED_IN,   /* session and seq: the number of the next message */
    WB_REJECTED,    /* the login was: reason */
    WB_MESSAGE,     /* seq and msg */
    WB_MALFORMED,   /* seq, raw, why: a message that cannot be decoded; counted all the same */
    WB_UNSEQUENCED, /* raw: a message without a number (4.x servers) */
    WB_DEBUG,       /* raw: free text of the server */
    WB_ENDED,       /* the day's session has ended; the server closes */
    WB_LOST,        /* why: the connection is gone; the last event until wb_client_connect */
};

struct wb_event {
    enum wb_kind kind;
    u64 seq;
    char reason;     /* WB_REJECTED: A or S */
    const char *why; /* WB_MALFORMED, WB_LOST: a short text that needs no freeing */
    const u8 *raw;   /* the payload; valid until the next call with this client */
    u32 raw_bytes;
    struct wb_msg msg; /* WB_MESSAGE */
};

/* A client that is not connected. Never NULL: the process ends when there is no memory for it. */
struct wb_client *wb_client_new(void);

/* Closes the connection, if any, and frees the client. NULL is allowed. */
void wb_client_free(struct wb_client *c);

/*
 * How long a server may be silent before WB_LOST; default WB_SILENCE_NS. From the next connect on.
 */
void wb_client_silence(struct wb_client *c, u64 silence_ns);

/*
 * Begins to connect to `host` (a name or an address; the look-up may block) and queues the login.
 * Returns NULL, or what went wrong at once; what goes wrong later comes as WB_LOST.
 */
const char *wb_client_connect(struct wb_client *c, const char *host, u16 port,
                              const struct wb_login *login, u64 now_ns);

/*
 * Takes in what has arrived, sends what is queued, keeps the heartbeats. Fills `ev` with the next
 * thing that happened and returns its kind. Call it until it returns WB_NOTHING, at least once a
 * second.
 */
enum wb_kind wb_client_poll(struct wb_client *c, u64 now_ns, struct wb_event *ev);

/* The requests. False: not logged in, or the queue is full until the server reads more. */
bool wb_client_enter(struct wb_client *c, const struct wb_enter *e);
bool wb_client_replace(struct wb_client *c, const struct wb_replace *r);
bool wb_client_cancel(struct wb_client *c, u32 user_ref, u32 qty);
bool wb_client_query(struct wb_client *c);
/* Any bytes as one Unsequenced Data packet. */
bool wb_client_raw(struct wb_client *c, const u8 *bytes, u32 n);

/* Bytes of such a message that can be queued now; 0 when not logged in. */
u32 wb_client_room(const struct wb_client *c);

/* Gives what is queued to the kernel. Returns the bytes that still wait. */
u32 wb_client_flush(struct wb_client *c, u64 now_ns);

/* Sends a Logout Request; the server closes, which comes as WB_LOST. */
void wb_client_logout(struct wb_client *c, u64 now_ns);

/* Closes at once, without a word. */
void wb_client_close(struct wb_client *c);

/* Sleeps until the socket or `other_fd` (-1: none) has something or `timeout_ns` is over. */
void wb_client_wait(struct wb_client *c, int other_fd, u64 timeout_ns);

/* For an event loop of one's own: the socket (-1: none) and whether POLLOUT is of interest now. */
int wb_client_fd(const struct wb_client *c);
bool wb_client_wants_write(const struct wb_client *c);

/* The session's id ("" before the first login) and the number of its next message. */
const char *wb_client_session(const struct wb_client *c);
u64 wb_client_next_seq(const struct wb_client *c);
bool wb_client_live(const struct wb_client *c);

#endif
