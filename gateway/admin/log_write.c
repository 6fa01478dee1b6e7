/*
 * log_write.c - see log_write.h. Thread: the log's; main's before and after.
 *
 * journald takes datagrams of NAME=value lines (systemd.io/JOURNAL_NATIVE_PROTOCOL); records have
 * no newlines. Failure modes: journald that is gone or slow: that record goes to standard error as
 * text; text that is no UTF-8: its odd bytes become '?'.
 */
#include "gateway/admin/log_write.h"

#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define JOURNAL_SOCKET "/run/systemd/journal/socket"

static int journal_fd = -1;
static struct sockaddr_un journal_at = {.sun_family = AF_UNIX};

/* The next key=value or key="val ue" of `*at`, in place. False: there is none. */
static bool pair_next(char **at, char **key, char **value)
{
    char *p = *at + strspn(*at, " ");
    char *equals = strchr(p, '=');

    if (*p == '\0' || !equals)
        return false;
    *equals = '\0';
    *key = p;
    *value = equals + 1;
    bool quoted = **value == '"';
    *value += quoted;
    char *end = *value + strcspn(*value, quoted ? "\"" : " ");
    *at = *end ? end + 1 : end;
    *end = '\0';
    return true;
}

/* ---- JSON ---- */

static void add_text(json_t *line, const char *key, const char *text)
{
    json_t *value = json_string(text);

    if (!value) {
        char plain[LOG_LINE_BYTES];
        snprintf(plain, sizeof plain, "%s", text);
        for (char *c = plain; *c; c++)
            if ((u8)*c >= 0x80)
                *c = '?';
        value = json_string(plain);
    }
    json_object_set_new(line, key, value);
}

static void add_time(json_t *line, u64 time_ns)
{
    time_t sec = (time_t)(time_ns / NS_PER_SEC);
    char stamp[32], text[48];
    struct tm tm;

    gmtime_r(&sec, &tm);
    strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(text, sizeof text, "%s.%09uZ", stamp, (u32)(time_ns % NS_PER_SEC));
    json_object_set_new(line, "time", json_string(text));
}

static void write_json(const struct log_record *rec)
{
    static const char *const levels[] = {"debug", "info", "warn", "error"};
    json_t *line = json_object();
    char text[LOG_LINE_BYTES];
    char *at = text, *key, *value;

    snprintf(text, sizeof text, "%s", rec->text);
    add_time(line, rec->time_ns);
    json_object_set_new(line, "level", json_string(levels[rec->level]));
    if (!rec->event) {
        add_text(line, "message", text);
    } else {
        json_object_set_new(line, "event", json_string(rec->event));
        while (pair_next(&at, &key, &value))
            add_text(line, key, value);
    }
    char *out = json_dumps(line, JSON_COMPACT);
    if (out)
        fprintf(stderr, "%s\n", out);
    free(out);
    json_decref(line);
}

/* ---- journald ---- */

/* WIREBOOK_KEY=value and a newline. */
static void put_field(FILE *f, const char *key, const char *value)
{
    fputs("WIREBOOK_", f);
    for (; *key; key++)
        fputc(isalnum((u8)*key) ? toupper((u8)*key) : '_', f);
    fprintf(f, "=%s\n", value);
}

static void write_journald(const struct log_record *rec)
{
    static const int priorities[] = {7, 6, 4, 3};
    char out[2 * LOG_LINE_BYTES + 256], text[LOG_LINE_BYTES];
    char *at = text, *key, *value;
    FILE *f = fmemopen(out, sizeof out, "w");

    snprintf(text, sizeof text, "%s", rec->text);
    fprintf(f, "PRIORITY=%d\nSYSLOG_IDENTIFIER=wirebook\nMESSAGE=%s%s%s\n", priorities[rec->level],
            rec->event ? rec->event : "", rec->event ? ": " : "", rec->text);
    if (rec->event)
        put_field(f, "EVENT", rec->event);
    while (rec->event && pair_next(&at, &key, &value))
        put_field(f, key, value);
    long bytes = ftell(f);
    fclose(f);
    if (bytes <= 0 || sendto(journal_fd, out, (size_t)bytes, MSG_NOSIGNAL | MSG_DONTWAIT,
                             (const struct sockaddr *)&journal_at, sizeof journal_at) != bytes)
        log_text(rec);
}

static bool journald_open(const char *path)
{
    size_t n = strlen(path);

    if (n >= sizeof journal_at.sun_path)
        errno = ENAMETOOLONG;
    else
        memcpy(journal_at.sun_path, path, n + 1);
    journal_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (journal_fd >= 0 && n < sizeof journal_at.sun_path &&
        connect(journal_fd, (const struct sockaddr *)&journal_at, sizeof journal_at) == 0) {
        /* Unconnected again: journald may be started anew, behind another socket of that name. */
        const struct sockaddr none = {.sa_family = AF_UNSPEC};
        return connect(journal_fd, &none, sizeof none) == 0;
    }
    log_error("log.format journald: %s: %s; is this machine run by systemd? take text or json",
              path, strerror(errno));
    log_write_close();
    return false;
}

bool log_write_open(enum log_format format, const char *path)
{
    if (format == LOG_FORMAT_JSON)
        log_writer_set(write_json);
    if (format != LOG_FORMAT_JOURNALD)
        return true;
    if (!journald_open(path ? path : JOURNAL_SOCKET))
        return false;
    log_writer_set(write_journald);
    return true;
}

void log_write_close(void)
{
    log_writer_set(NULL);
    if (journal_fd >= 0)
        close(journal_fd);
    journal_fd = -1;
}
