/*
 * tokens.h - which number an OUCH 4.2 order has: from (account, token) to UserRefNum and back.
 *
 * The table is made of the account's own stream: Accepted, Replaced and Rejected carry the number
 * and, as ClOrdID, the token. So the journal has it all, and any gateway, after any restart, can
 * learn it by reading the stream from 1 (session_42.c). Between a command and its answer an
 * entry is pending: the same token again goes out under the same number, and the engine, which
 * takes no number twice, makes one order of both. A pending entry whose number has been passed by
 * without an answer is free again: the request was ignored, its token was not consumed.
 *
 * A fixed number of entries, some quota of them for each account; all of it is cleared when a day
 * begins. One thread.
 */
#ifndef WIREBOOK_GATEWAY_SESSION_TOKENS_H
#define WIREBOOK_GATEWAY_SESSION_TOKENS_H

#include "engine/base/mem.h"
#include "engine/base/types.h"

#define TOKEN_BYTES 14u

struct token_entry {
    u32 account;
    u32 ref; /* UserRefNum */
    char token[TOKEN_BYTES];
    bool confirmed; /* an event has said so; else it is pending */
};

/* What one account has in the table. Zero it for a new day. */
struct token_book {
    u64 learned; /* the first session_seq that has not been looked at; 0 is 1 */
    u32 used;    /* entries */
    u32 moved;   /* times that one of them got another number */
    u32 last;    /* the highest number that an event has named */
    u32 next;    /* the number that the next order gets, once all is learned; 0 is 1 */
    bool full;   /* there was no room for what an event named */
    u32 floor;   /* numbers below it are not pending any more: they are of an earlier binding */
};

struct tokens {
    struct token_entry *entries;
    u32 used;
    u32 moved; /* times that an entry got another number before it was confirmed */
    u32 max;
    u32 quota;     /* of an account */
    u32 *by_token; /* index + 1, by hash; linear probing, nothing is ever taken out but all */
    u32 *by_ref;   /* the same; a place whose entry has got another number is a dead one */
    u64 mask;      /* of both */
    u64 seed;
};

/* An empty table of `max` entries (0: there is no such account), `quota` for each account. */
void tokens_init(struct tokens *t, struct mem *m, u32 max, u32 quota, u64 seed);

/* Forgets everything: another day begins. Walks all of it. */
void tokens_clear(struct tokens *t);

enum token_use {
    TOKEN_NEW,      /* `ref` is its number now */
    TOKEN_AGAIN,    /* on its way already, under `ref`: send it once more under that */
    TOKEN_REPEATED, /* consumed: to be ignored */
    TOKEN_FULL,     /* no room for it: `ref` is a number for its reject */
};

/* A client uses a token for a new order. */
enum token_use tokens_use(struct tokens *t, struct token_book *b, u32 account,
                          const char token[TOKEN_BYTES], u32 *ref);

/* The number that a token of the account stands for now; 0: none. */
u32 tokens_ref(const struct tokens *t, const struct token_book *b, u32 account,
               const char token[TOKEN_BYTES]);

/* The token of a number that an event has named; NULL: none has. */
const char *tokens_name(const struct tokens *t, u32 account, u32 ref);

/* An event names number and token. False: there is no room for them. */
bool tokens_note(struct tokens *t, struct token_book *b, u32 account, u32 ref,
                 const char token[TOKEN_BYTES]);

/* The account is bound anew: what is still pending never was. */
void tokens_bound(struct token_book *b);

#endif
