/* session_client.h - a client of a rig that speaks SoupBinTCP and OUCH 5.0 by hand. */
#ifndef WIREBOOK_TESTS_SESSION_CLIENT_H
#define WIREBOOK_TESTS_SESSION_CLIENT_H

#include "tests/lib/session_rig.h"

struct rig_client {
    struct rig *rig;
    u32 wire;
    u8 in[1 << 17]; /* what has arrived and was not taken */
    u32 in_used;
    u64 next_seq; /* of the next sequenced frame, as clients count */
};

/* One frame from the server. */
struct rig_frame {
    u8 type; /* 0: none came */
    u32 len; /* of the payload */
    u8 payload[256];
};

/* Connects. */
void client_open(struct rig_client *c, struct rig *r);

/* Sends bytes whatever it takes, with turns in between when the wire is full. */
void client_bytes(struct rig_client *c, const void *bytes, u32 n);

/* Sends a Login Request of 47 bytes: text fields padded on the right, `seq` as text. */
void client_ask_login(struct rig_client *c, const char *user, const char *password,
                      const char *session, const char *seq);

/* The same with the heartbeat timeout of 4.1. */
void client_ask_login41(struct rig_client *c, const char *user, const char *password,
                        const char *session, const char *seq, const char *timeout_ms);

/* Logs in with SECRET to the current session at `seq`; asserts that it worked. */
void client_login(struct rig_client *c, const char *user, u64 seq);

/* Sends one unsequenced message, or an empty frame. */
void client_message(struct rig_client *c, const void *bytes, u32 n);
void client_frame(struct rig_client *c, u8 type);

/* Sends an Enter Order of 100.0000 type fields. */
void client_enter(struct rig_client *c, u32 ref, char side, u32 qty, const char *symbol, u64 price);
void client_replace(struct rig_client *c, u32 orig, u32 ref, u32 qty, u64 price, char tif);
void client_cancel(struct rig_client *c, u32 ref, u32 qty);

/* The next frame, with some turns to wait for it; type 0 when none comes. */
struct rig_frame client_next(struct rig_client *c);

/* The next frame that is no heartbeat; asserts that it is of `type`. */
struct rig_frame client_expect(struct rig_client *c, u8 type);

/* The same for a sequenced one whose message is of type `letter`. */
struct rig_frame client_expect_message(struct rig_client *c, u8 letter);

/* Asserts that nothing comes but heartbeats. */
void client_expect_nothing(struct rig_client *c);

/* Asserts that the server ends the connection after what was expected so far. */
void client_expect_end(struct rig_client *c);

/* How the connection stands, after some turns. */
enum wire_end client_end(struct rig_client *c);

/* Takes sequenced frames and compares each with rig_expected, until `last` has come. */
void client_expect_stream(struct rig_client *c, u32 account, u64 last);

#endif
