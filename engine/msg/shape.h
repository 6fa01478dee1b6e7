/*
 * shape.h - what msg.c knows of each type of message, for those who write messages field by field:
 * msg_print.c and persist/dump.c.
 */
#ifndef WIREBOOK_MSG_SHAPE_H
#define WIREBOOK_MSG_SHAPE_H

#include "engine/base/types.h"

struct range {
    u8 at; /* byte in the message */
    u8 bytes;
};

struct field {
    const char *name;
    u16 at;
    u8 bytes;
    u8 kind;
    u32 tags; /* printed when one of these is set in order_terms.tags; 0: always */
};

enum field_kind {
    NUM,   /* unsigned decimal */
    INT,   /* signed decimal */
    HEX,   /* bits */
    ID,    /* 16 hexadecimal digits */
    PRICE, /* in 1/10,000 */
    CHAR,  /* one letter; - when absent */
    TEXT,  /* padded with spaces */
    IPV4,  /* network order */
};

struct shape {
    const char *name;
    const struct field *fields;
    u16 fields_used;
    u16 flags; /* the legal ones */
    u8 slots;
    struct range zero; /* its padding beyond the head */
};

#define MSG_TERMS_FIELDS 19u

/* By enum msg_type; a type without a name does not exist. */
extern const struct shape msg_shapes[256];

/* Of struct order_terms, the second slot of the messages for which msg_has_terms. */
extern const struct field msg_terms_fields[MSG_TERMS_FIELDS];

bool msg_has_terms(const struct shape *shape);

#define MSG_FLAGS_NAMED 16u

/* What the bits of enum msg_flags are called, by number; NULL: it means nothing. */
extern const char *const msg_flag_names[MSG_FLAGS_NAMED];

#endif
