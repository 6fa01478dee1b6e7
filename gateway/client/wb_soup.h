/*
 * wb_soup.h - the client's side of SoupBinTCP: bytes in, bytes out, no socket and no clock.
 *
 * Speaks 3.00, 4.00 (the same 49-byte login) and 4.1 (54 bytes, with a heartbeat timeout). The
 * owner moves bytes between this and whatever carries them, and says what time it is:
 *
 *     transport --> wb_soup_space/wb_soup_filled --> wb_soup_next --> events
 *     requests  --> wb_soup_send --> wb_soup_output/wb_soup_sent --> transport
 *                   wb_soup_tick: heartbeats, and the server's silence
 *
 *     LOGIN --accepted--> LIVE --Z, logout, error--> OVER
 *       \----rejected, error, Z------------------------^
 *
 * Sequence numbers are implicit in SoupBinTCP: both sides count Sequenced Data packets from the
 * number in Login Accepted. Unsequenced packets of a 4.x server are not counted.
 */
#ifndef WIREBOOK_CLIENT_WB_SOUP_H
#define WIREBOOK_CLIENT_WB_SOUP_H

#include "engine/base/types.h"

#define WB_SESSION_BYTES 10u
#define WB_LOGIN_BYTES   54u               /* of the longest login packet */
#define WB_HEARTBEAT_NS  (1 * NS_PER_SEC)  /* both sides send one after so long without a word */
#define WB_SILENCE_NS    (15 * NS_PER_SEC) /* default: a server silent for so long is gone */
#define WB_PACKET_MAX    (2u + 65535u)     /* bytes of the longest packet of the protocol */
#define WB_IN_BYTES_MIN  1024u             /* smallest sensible buffers */
#define WB_OUT_BYTES_MIN 1024u

enum wb_soup_version {
    WB_SOUP_3_00, /* and 4.00: a 47-byte login */
    WB_SOUP_4_1,  /* a 52-byte login with the heartbeat timeout */
};

enum wb_soup_state {
    WB_SOUP_LOGIN, /* the login is queued or sent; nothing has been answered */
    WB_SOUP_LIVE,
    WB_SOUP_OVER,
};

/* What to log in with. Texts are cut to their field's size. */
struct wb_login {
    enum wb_soup_version version;
    char user[7];      /* up to 6 */
    char password[11]; /* up to 10 */
    char session[11];  /* up to 10; empty: the current one */
    u64 seq;           /* first wanted message; 0: the most recent one */
    u32 timeout_ms;    /* 4.1: the server closes after so long without a word from us, 1..99999 */
};

enum wb_soup_kind {
    WB_SOUP_NOTHING,
    WB_SOUP_ACCEPTED,    /* logged in: session and seq (the number that the next message has) */
    WB_SOUP_REJECTED,    /* reason A or S */
    WB_SOUP_SEQUENCED,   /* seq, bytes */
    WB_SOUP_UNSEQUENCED, /* bytes */
    WB_SOUP_DEBUG,       /* bytes: free text */
    WB_SOUP_END,         /* the session of the day has ended */
    WB_SOUP_BROKEN,      /* why: the server broke the protocol or is silent */
};

struct wb_soup_event {
    enum wb_soup_kind kind;
    u64 seq;
    const u8 *bytes; /* valid until the next wb_soup_space or wb_soup_next */
    u32 n;
    char reason;
    const char *why;
};

struct wb_soup {
    u8 state; /* enum wb_soup_state */
    char session[WB_SESSION_BYTES + 1];
    u64 next_seq;       /* number of the next sequenced message */
    u64 requested_seq;  /* as in the login */
    u64 silence_ns;     /* how long a server may be silent */
    u64 sent_ns;        /* when we last gave bytes to the transport */
    u64 heard_ns;       /* when bytes last came */
    const char *broken; /* reported by the next wb_soup_next */

    u8 *in; /* the owner's memory: bytes received and not yet read */
    u32 in_bytes;
    u32 in_from;
    u32 in_used;
    u8 *out; /* the owner's memory: bytes to be sent */
    u32 out_bytes;
    u32 out_from;
    u32 out_used;

    u64 packets_in; /* counters */
    u64 packets_out;
    u64 heartbeats_in;
    u64 heartbeats_out;
};

/*
 * Begins a conversation: queues the login. `in` and `out` are the caller's, of at least
 * WB_IN_BYTES_MIN and WB_OUT_BYTES_MIN bytes; a packet that does not fit `in` breaks the
 * conversation. `*s` is all zero before the first conversation and may be used again for the next
 * one: session and next_seq stay what they were until the new login is accepted.
 */
void wb_soup_start(struct wb_soup *s, const struct wb_login *login, u8 *in, u32 in_bytes, u8 *out,
                   u32 out_bytes, u64 now_ns);

/* Where received bytes go, `*n` at most (0 only while a whole packet waits to be read). */
u8 *wb_soup_space(struct wb_soup *s, u32 *n);

/* `n` bytes have been put there. */
void wb_soup_filled(struct wb_soup *s, u32 n, u64 now_ns);

/* The next thing that the server said; WB_SOUP_NOTHING when more bytes are needed. */
enum wb_soup_kind wb_soup_next(struct wb_soup *s, struct wb_soup_event *ev);

/*
 * Queues `n` bytes as one Unsequenced Data packet. False: not live, or no room until more is sent.
 */
bool wb_soup_send(struct wb_soup *s, const u8 *bytes, u32 n);

/* Bytes of payload that wb_soup_send would take now; 0 when not live. */
u32 wb_soup_room(const struct wb_soup *s);

/* Queues a Logout Request; the server then closes. Nothing can be sent after it. */
void wb_soup_logout(struct wb_soup *s);

/* Bytes that wait to be given to the transport, `*n` of them. */
const u8 *wb_soup_output(const struct wb_soup *s, u32 *n);

/* The transport took `n` of them. */
void wb_soup_sent(struct wb_soup *s, u32 n, u64 now_ns);

/* Timers: queues a heartbeat when one is due, notices a silent server. A few times a second. */
void wb_soup_tick(struct wb_soup *s, u64 now_ns);

#endif
