/*
 * client_options.c - passwords and the resume file of the client programs.
 *
 * Enters: files and the environment. Leaves: a login, or a text that says what is wrong. Cold code,
 * one thread. A password is never taken from the command line (others can read it there) nor
 * printed.
 */
#include "gateway/client/client_options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static int by_name(const void *a, const void *b)
{
    return strcasecmp(*(const char *const *)a, *(const char *const *)b);
}

const char *client_twice(const struct wb_login *logins, u32 n)
{
    const char **users = calloc(n + 1, sizeof(*users));
    const char *twice = NULL;
    for (u32 i = 0; users != NULL && i < n; i++)
        users[i] = logins[i].user;
    if (users != NULL)
        qsort(users, n, sizeof(*users), by_name);
    for (u32 i = 1; users != NULL && i < n && twice == NULL; i++)
        twice = by_name(&users[i - 1], &users[i]) == 0 ? users[i] : NULL;
    free(users);
    return twice;
}

const char *client_password(struct wb_login *login, const char *file)
{
    char line[64] = "";
    const char *from = getenv("WIREBOOK_PASSWORD");
    if (file != NULL) {
        FILE *f = fopen(file, "r");
        if (f == NULL)
            return "the password file cannot be read";
        from = fgets(line, sizeof(line), f);
        fclose(f);
    }
    if (from == NULL)
        return "no password: give --password-file FILE or set WIREBOOK_PASSWORD";
    size_t n = strcspn(from, "\r\n");
    if (n == 0 || n >= sizeof(login->password))
        return "a password has 1 to 10 characters";
    memcpy(login->password, from, n);
    login->password[n] = 0;
    return NULL;
}

bool client_number(const char *text, u64 low, u64 high, u64 *value)
{
    char *end;
    if (text[0] < '0' || text[0] > '9')
        return false;
    errno = 0;
    *value = strtoull(text, &end, 10);
    return *end == 0 && errno == 0 && *value >= low && *value <= high;
}

const char *client_resume_read(const char *file, struct client_resume *r)
{
    unsigned long long seq;
    struct client_resume found = {.seq = 0};
    FILE *f = fopen(file, "r");
    if (f == NULL)
        return errno == ENOENT ? NULL : "the resume file cannot be read";
    int n = fscanf(f, "user %6s session %10s seq %llu", found.user, found.session, &seq);
    fclose(f);
    if (n != 3 || seq == 0)
        return "the resume file is damaged: delete it to begin anew";
    found.seq = seq;
    if (r->user[0] != 0 && strcasecmp(found.user, r->user) != 0)
        return "the resume file belongs to another user";
    *r = found;
    return NULL;
}

const char *client_resume_login(const char *file, struct wb_login *login, struct client_resume *r)
{
    if (file == NULL)
        return NULL;
    snprintf(r->user, sizeof(r->user), "%s", login->user);
    const char *wrong = client_resume_read(file, r);
    if (wrong == NULL && r->seq != 0 && login->session[0] == 0) {
        snprintf(login->session, sizeof(login->session), "%s", r->session);
        login->seq = r->seq;
    }
    return wrong;
}

const char *client_resume_write(const char *file, const struct client_resume *r)
{
    char fresh[4096];
    if (snprintf(fresh, sizeof(fresh), "%s.new", file) >= (int)sizeof(fresh))
        return "the resume file's name is too long";
    FILE *f = fopen(fresh, "w");
    if (f == NULL)
        return "the resume file cannot be written";
    fprintf(f, "user %s session %s seq %llu\n", r->user, r->session, (unsigned long long)r->seq);
    bool bad = ferror(f) != 0;
    bad = fclose(f) != 0 || bad;
    if (bad || rename(fresh, file) != 0)
        return "the resume file cannot be written";
    return NULL;
}
