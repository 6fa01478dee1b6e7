/*
 * ctl_ask.c - see ctl.h. Failure modes: nobody listens, the venue hangs up, no answer in time: one
 * line to stderr each.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "gateway/admin/ctl.h"

static int reach(const struct ctl_conf *conf)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    long us = (long)(conf->timeout_s * 1e6);
    struct timeval tv = {.tv_sec = us / 1000000, .tv_usec = us % 1000000};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (strlen(conf->socket) >= sizeof at.sun_path)
        errno = ENAMETOOLONG;
    else
        memcpy(at.sun_path, conf->socket, strlen(conf->socket));
    if (fd < 0 || !at.sun_path[0] || connect(fd, (const struct sockaddr *)&at, sizeof at) != 0) {
        fprintf(stderr,
                "wirebook-ctl: %s: %s; is the venue running, and is control.socket this path?\n",
                conf->socket, strerror(errno));
        if (fd >= 0)
            close(fd);
        return -1;
    }
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof tv);
    return fd;
}

/* The rest of a line to `*text`, malloc'ed. Returns CTL_DONE, or what it means that there is none.
 */
static int line_read(int fd, char **text)
{
    size_t room = 0, used = 0;
    char *at = NULL;

    for (;;) {
        if (used + 1 >= room) {
            room = room ? room * 2 : 4096;
            at = realloc(at, room);
            if (!at)
                return CTL_UNREACHABLE;
        }
        ssize_t n = recv(fd, at + used, room - used - 1, 0);
        if (n <= 0) {
            int code =
                n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK) ? CTL_TIMEOUT : CTL_UNREACHABLE;
            free(at);
            return code;
        }
        used += (size_t)n;
        at[used] = '\0';
        if (at[used - 1] == '\n')
            break;
    }
    *text = at;
    return CTL_DONE;
}

static int converse(int fd, json_t *request, json_t **answer)
{
    char *line = json_dumps(request, JSON_COMPACT);
    char *text = NULL;
    size_t n = line ? strlen(line) : 0;

    if (!line)
        return CTL_USAGE;
    line[n] = '\n';
    bool sent = send(fd, line, n + 1, MSG_NOSIGNAL) == (ssize_t)(n + 1);
    free(line);
    /* One who has no role is told so before he is cut: look for the answer in any case. */
    int rc = line_read(fd, &text);
    if (rc != CTL_DONE)
        return sent ? rc : CTL_UNREACHABLE;
    *answer = json_loads(text, 0, NULL);
    free(text);
    return *answer ? CTL_DONE : CTL_UNREACHABLE;
}

int ctl_ask(const struct ctl_conf *conf, json_t *request, json_t **answer)
{
    int fd = reach(conf);

    if (fd < 0)
        return CTL_UNREACHABLE;
    int rc = converse(fd, request, answer);
    close(fd);
    if (rc == CTL_TIMEOUT)
        fputs("wirebook-ctl: no answer in time: the request may still be carried out\n", stderr);
    else if (rc != CTL_DONE)
        fputs("wirebook-ctl: the venue hung up without an answer: the request may still be carried "
              "out\n",
              stderr);
    return rc;
}
