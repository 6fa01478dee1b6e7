/*
 * client_command.h - the language of wirebook-client: one line of text to one command. Pure.
 */
#ifndef WIREBOOK_CLIENT_COMMAND_H
#define WIREBOOK_CLIENT_COMMAND_H

#include "gateway/client/wb_ouch.h"

enum command_kind {
    COMMAND_NONE, /* an empty line or a comment */
    COMMAND_ENTER,
    COMMAND_REPLACE,
    COMMAND_CANCEL,
    COMMAND_QUERY,
    COMMAND_RAW,
    COMMAND_WAIT_COUNT,  /* count more messages */
    COMMAND_WAIT_TIME,   /* wait_ms */
    COMMAND_EXPECT,      /* a message that matches, others are passed over */
    COMMAND_EXPECT_NEXT, /* the very next message must match */
    COMMAND_EXPECT_NONE, /* no message for wait_ms */
    COMMAND_TIMEOUT,     /* of the waits from here on: wait_ms */
    COMMAND_ECHO,
    COMMAND_LOGOUT,
    COMMAND_QUIT, /* close without a word */
};

/* Bits of command_match.fields. */
enum command_field {
    FIELD_REF = 1,
    FIELD_QTY = 2,
    FIELD_PRICE = 4,
    FIELD_SYMBOL = 8,
    FIELD_REASON = 16,
    FIELD_CLORDID = 32,
    FIELD_STATE = 64,
};

/* What a message must be like. */
struct command_match {
    u8 type;    /* outbound type; 0: any */
    u32 fields; /* which of the following count */
    u32 ref;
    u32 qty;
    u64 price;
    u32 reason; /* of a cancel its letter, of a reject its code */
    char symbol[9];
    char clordid[15];
    char state;
};

#define COMMAND_RAW_BYTES 256u

struct command {
    enum command_kind kind;
    bool ref_auto;         /* ENTER, REPLACE: the new number is the next free one */
    bool target_last;      /* REPLACE, CANCEL, FIELD_REF: the last number that was used */
    struct wb_enter enter; /* tags point into this struct */
    struct wb_replace replace;
    struct wb_tags tags;
    u32 cancel_ref;
    u32 cancel_qty;
    u32 count;
    u32 wait_ms;
    struct command_match match;
    u8 raw[COMMAND_RAW_BYTES];
    u32 raw_bytes;
    const char *text; /* ECHO: into the line that was parsed */
};

/* The commands in words, for --help. */
extern const char command_help[];

/*
 * Parses `line`, which is cut up in doing so. Returns NULL, or what is wrong with it (a constant
 * text). Numbers of orders are from 1; quantities and prices are not judged: that is the venue's
 * part.
 */
const char *command_parse(struct command *c, char *line);

/* True when `m` is what `match` asks for. */
bool command_matches(const struct command_match *match, const struct wb_msg *m);

#endif
