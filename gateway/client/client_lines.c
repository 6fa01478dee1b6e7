/*
 * client_lines.c - commands line by line.
 *
 * Enters: strings, or bytes of a file, a pipe or a terminal. Leaves: lines. Reads at most once
 * between two sleeps of its owner, so that a terminal at which nobody types blocks nothing: the
 * owner sleeps in poll(2) until there is something to read. An unreadable descriptor counts as its
 * end.
 */
#include "gateway/client/client_lines.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/assert.h"

void client_lines_init(struct client_lines *l, int fd, char **ready, int n)
{
    *l = (struct client_lines){.fd = fd, .ready = ready, .ready_left = n};
    l->dry = fd >= 0; /* sleep first: reading before poll(2) could block */
}

/* Cuts the first line off the buffer. False: there is no whole one. */
static bool cut_line(struct client_lines *l, char *line)
{
    char *end = memchr(l->buffer, '\n', l->buffered);
    u32 n = end != NULL ? (u32)(end - l->buffer) + 1 : l->buffered;
    bool forced = l->over || n == CLIENT_LINE_BYTES - 1;
    if (n == 0 || (end == NULL && !forced))
        return false;
    memcpy(line, l->buffer, n);
    line[n] = 0;
    l->buffered -= n;
    memmove(l->buffer, l->buffer + n, l->buffered);
    return true;
}

bool client_lines_next(struct client_lines *l, char line[CLIENT_LINE_BYTES])
{
    if (l->fd < 0) {
        l->over = l->ready_left == 0;
        if (l->over)
            return false;
        snprintf(line, CLIENT_LINE_BYTES, "%s", *l->ready++);
        l->ready_left--;
        return true;
    }
    if (cut_line(l, line))
        return true;
    if (l->over || l->dry)
        return false;
    u32 room = CLIENT_LINE_BYTES - 1 - l->buffered;
    ASSERT_GT(room, 0);
    ssize_t n = read(l->fd, l->buffer + l->buffered, room);
    l->over = n <= 0;
    l->dry = true;
    l->buffered += n > 0 ? (u32)n : 0;
    return cut_line(l, line);
}
