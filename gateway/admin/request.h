/*
 * request.h - what operators can ask: one line of JSON to a command of the engine. Pure; cold.
 *
 *   {"command": "kill", "args": {"user": "ALFA01"}, "reason": "fat finger"}
 */
#ifndef WIREBOOK_GATEWAY_ADMIN_REQUEST_H
#define WIREBOOK_GATEWAY_ADMIN_REQUEST_H

#include <jansson.h>

#include "engine/msg/msg.h"
#include "gateway/admin/roles.h"

enum request_do {
    DO_COMMAND, /* goes through the engine */
    DO_LIST,    /* is answered by looks alone */
    DO_METRICS, /* the process' metrics as text */
    DO_STAGES,  /* percentiles of where orders' time goes */
    DO_REQUEST, /* what came of an earlier request */
    DO_RELOAD,  /* the process' own; it goes through the engine by itself */
    DO_BREAK,   /* as DO_COMMAND, once the trade was found in the journal */
};

struct request;

/* One command of operators. */
struct request_kind {
    const char *name;
    enum role role;
    bool wants_reason;
    enum request_do what;
    const char *args; /* all that it may have, separated by spaces */
    u8 look;          /* enum look_what that comes first; 0: none */
    /* Makes the engine's command. `seen` is what the look has found. NULL, or what is wrong. */
    const char *(*build)(const struct request *r, const struct msg_seen *seen, union msg *out);
};

struct request {
    const struct request_kind *kind;        /* NULL: of no command that there is */
    char asked[13];                         /* the command's name as it came, cut */
    char reason[OPERATOR_REASON_BYTES + 1]; /* "": none */
    char name[8]; /* user or symbol that the look is for, padded; zero: none */
    json_t *args; /* owned; NULL: none */
};

/*
 * Parses a line of `bytes` bytes. Returns NULL, or what is wrong with it in one sentence (static or
 * in `r`). After NULL, request_free.
 */
const char *request_parse(struct request *r, const char *line, size_t bytes);
void request_free(struct request *r);

/* Upper-case text of argument `name`, padded with spaces to `bytes`. False: not there, not text,
 * empty, too long, or with other than letters, digits and `.-/`. */
bool request_name(const struct request *r, const char *name, char *out, u32 bytes);

/* The number of DO_REQUEST. */
u64 request_wanted(const struct request *r);

/* Argument `name` as a number of at most `max` to `*out`, which stays where it is not there. False:
 * it is no such number. */
bool request_number(const struct request *r, const char *name, u64 max, u64 *out);

/* A padded name without its padding, as JSON. */
json_t *request_text(const char *padded, u32 n);

/* Argument `name` is true. */
bool request_flag(const struct request *r, const char *name);

/* A command of `type` with nothing in it. */
void request_begin(union msg *m, u8 type);

/*
 * A CMD_OPERATOR of `by` with that number: it carries a command of `type`, whose bytes from behind
 * the head on are `body`. `reason` has at most OPERATOR_REASON_BYTES; "": none.
 */
void request_carry(union msg *m, const struct peer *by, u64 number, u8 type,
                   const u8 body[OPERATOR_BODY_BYTES], const char *reason);

/* ---- request_risk.c: limits, checks, profiles, lists; as `build` and request_show ---- */
const char *request_limits(const struct request *r, const struct msg_seen *s, union msg *m);
const char *request_checks(const struct request *r, const struct msg_seen *s, union msg *m);
const char *request_profile(const struct request *r, const struct msg_seen *s, union msg *m);
const char *request_restrict(const struct request *r, const struct msg_seen *s, union msg *m);
const char *request_unrestrict(const struct request *r, const struct msg_seen *s, union msg *m);
json_t *request_show_checks(const struct seen_account *a);
json_t *request_show_profile(const struct msg_seen *s);
json_t *request_show_listed(const struct msg_seen *s);

/* The process' part of a request: enum note_what; 0: none. */
u8 request_note(const struct request *r);

/* What an instrument, an account, the venue, ... are, as JSON; the caller's reference. NULL: a
 * place with nothing in it. */
json_t *request_show(const struct msg_seen *seen);

/* How long the stages of orders took so far, as a list; empty where they are not measured. */
json_t *request_show_stages(void);

/* A sentence for enum operated_why. */
const char *request_why(u8 why);

#endif
