/*
 * client_options.h - what the client programs share: passwords, ports, the resume file. Cold code.
 */
#ifndef WIREBOOK_CLIENT_OPTIONS_H
#define WIREBOOK_CLIENT_OPTIONS_H

#include "gateway/client/wb_soup.h"

/*
 * Takes a password from the first line of `file`, or from the environment variable
 * WIREBOOK_PASSWORD when `file` is NULL. Returns NULL, or what is wrong.
 */
const char *client_password(struct wb_login *login, const char *file);

/* A user that two of `n` logins have, upper or lower case; NULL: none. He would take over from
 * himself.
 */
const char *client_twice(const struct wb_login *logins, u32 n);

/* A whole decimal number in `low`..`high`. False: it is not one. */
bool client_number(const char *text, u64 low, u64 high, u64 *value);

/* Where a stream stopped: what --resume keeps in its file. */
struct client_resume {
    char user[7];
    char session[WB_SESSION_BYTES + 1]; /* empty: nothing is known yet */
    u64 seq;                            /* the next message */
};

/*
 * Reads `file`; a file that does not exist yet leaves `r` as it is. Returns NULL, or what is wrong.
 */
const char *client_resume_read(const char *file, struct client_resume *r);

/*
 * Reads `file` (NULL: none) to `r` and lets `login` ask for what comes next there, unless it names
 * a session itself. Returns NULL, or what is wrong.
 */
const char *client_resume_login(const char *file, struct wb_login *login, struct client_resume *r);

/* Writes it whole or not at all (a new file, renamed). Returns NULL, or what is wrong. */
const char *client_resume_write(const char *file, const struct client_resume *r);

#endif
