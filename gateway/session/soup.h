/*
 * soup.h - SoupBinTCP 3.00, 4.00 and 4.1, the server's side: frames in and out (CONFORMANCE.md 2).
 *
 * Pure: bytes in, frames out, and back. A frame is a big-endian u16 length (of what follows it), a
 * type and a payload; frames and TCP segments have nothing to do with each other.
 */
#ifndef WIREBOOK_GATEWAY_SESSION_SOUP_H
#define WIREBOOK_GATEWAY_SESSION_SOUP_H

#include "engine/base/limits.h"
#include "engine/base/types.h"

enum soup_type {
    SOUP_DEBUG = '+',
    /* from clients */
    SOUP_LOGIN = 'L',
    SOUP_UNSEQUENCED = 'U',
    SOUP_CLIENT_HEARTBEAT = 'R',
    SOUP_LOGOUT = 'O',
    /* to clients */
    SOUP_ACCEPTED = 'A',
    SOUP_REJECTED = 'J',
    SOUP_SEQUENCED = 'S',
    SOUP_SERVER_HEARTBEAT = 'H',
    SOUP_END = 'Z',
};

enum soup_status {
    SOUP_MORE,  /* all bytes are used and no frame is complete yet */
    SOUP_FRAME, /* a legal frame */
    SOUP_BAD,   /* a length or type that cannot be: the stream is lost */
};

struct soup_frame {
    u8 type;
    u32 len;           /* of the payload */
    const u8 *payload; /* in the caller's bytes or in soup_in; until the next call */
};

/* The beginning of a frame whose rest has not come yet. Zero it for a new connection. */
struct soup_in {
    u16 used;
    u8 bytes[SOUP_FRAME_IN_MAX];
};

/*
 * Takes the next frame from `bytes` (n > 0), behind what `in` holds. `*used` is how many of the
 * bytes belong to it, or were put aside for later. Frames that lie whole in `bytes` are not copied.
 * Lengths are checked before anything else, as soon as they are there.
 */
enum soup_status soup_next(struct soup_in *in, const u8 *bytes, u32 n, u32 *used,
                           struct soup_frame *frame);

/* What a Login Request says; text trimmed of spaces and NULs on both ends and padded again. */
struct soup_login {
    char user[6];      /* upper case */
    char password[10]; /* upper case */
    u32 day;           /* yyyymmdd of the requested session; 0: the current one */
    u16 shard;         /* of the requested session; meaningless when day is 0 */
    u64 seq;           /* first wanted number; 0: the most recent message */
    u32 silence_ms;    /* 4.1: the client's own timeout; 0: not given */
    bool user_ok;      /* false: user or password can belong to nobody */
    bool session_ok;   /* false: session or sequence number is malformed */
};

/* Reads the payload of a SOUP_LOGIN frame that soup_next gave. */
void soup_login_read(const u8 *payload, u32 len, struct soup_login *login);

#define SOUP_HEAD_BYTES     3u
#define SOUP_ACCEPTED_BYTES 33u
#define SOUP_REJECTED_BYTES 4u

/* Writes a frame's head in front of `len` bytes of payload; `out` has room for 3. Returns 3. */
u32 soup_head(u8 *out, u8 type, u32 len);

/* The session id of `day` (yyyymmdd) on `shard` (0..99): ten digits. */
void soup_session_id(char out[10], u32 day, u16 shard);

/* Writes Login Accepted: the session and the number of the next sequenced message. */
u32 soup_accepted(u8 *out, const char session[10], u64 seq);

/* Writes Login Rejected, `reason` A or S. */
u32 soup_rejected(u8 *out, u8 reason);

#endif
