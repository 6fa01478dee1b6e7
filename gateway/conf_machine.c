/*
 * conf_machine.c - see conf_machine.h.
 *
 * Each rule looks at what one key names, only where that is used at all: a password file of an
 * export that is off is nobody's mistake. Nothing is opened for writing and nothing is made. Who
 * runs this may read more than the venue's own user; so for secrets the mode is looked at, too.
 */
#include "gateway/conf_machine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/assert.h"
#include "gateway/admin/roles.h"
#include "gateway/conf_schema.h"
#include "gateway/placement.h"
#include "gateway/renew.h"

struct look {
    const struct conf *conf;
    struct conf_lines lines;
    struct report report;
};

static u32 line_of(const struct look *l, const char *key)
{
    return l->lines.key[conf_key_row(key)];
}

/* A file that `key` names; "" names none. Who has a right of `forbidden` shall not. */
static void look_at_file(struct look *l, const char *key, const char *path, mode_t forbidden)
{
    struct stat st;

    if (path[0] == '\0')
        return;
    if (stat(path, &st) != 0 || access(path, R_OK) != 0)
        report_error(&l->report, line_of(l, key), key, path,
                     "cannot be read: %s; give the path of a file that is there", strerror(errno));
    else if (!S_ISREG(st.st_mode))
        report_error(&l->report, line_of(l, key), key, path, "no file; allowed: a file's path");
    else if ((st.st_mode & forbidden) != 0)
        report_error(&l->report, line_of(l, key), key, path,
                     "others may read it (mode %03o); chmod 600", st.st_mode & 0777);
}

/* The folder in which `key` has something made. */
static void look_at_folder_of(struct look *l, const char *key, const char *path)
{
    char folder[CONF_TEXT_BYTES];
    const char *slash = strrchr(path, '/');
    size_t n = slash ? (size_t)(slash - path) + (slash == path) : 0;

    if (!slash || strncmp(path, "/run/", 5) == 0)
        return; /* nothing, or the working directory; or made by the service manager at a start */
    snprintf(folder, sizeof folder, "%.*s", (int)n, path);
    if (access(folder, X_OK) != 0)
        report_error(&l->report, line_of(l, key), key, path,
                     "%s: %s; make the folder, or give another path", folder, strerror(errno));
}

static void look_at_directory(struct look *l, const char *key, const char *path, bool must_be)
{
    struct stat st;

    if (path[0] == '\0')
        return;
    if (stat(path, &st) != 0) {
        if (must_be || errno != ENOENT)
            report_error(&l->report, line_of(l, key), key, path, "%s; give the path of a directory",
                         strerror(errno));
    } else if (!S_ISDIR(st.st_mode)) {
        report_error(&l->report, line_of(l, key), key, path,
                     "no directory; allowed: a directory's path");
    }
}

static void look_at_exports(struct look *l)
{
    const struct conf *c = l->conf;

    if (c->postgres.enabled) /* libpq takes no password out of a file that others may read */
        look_at_file(l, "export.postgres.password_file", c->postgres.password_file, 077);
    if (!c->redis.enabled)
        return;
    look_at_file(l, "export.redis.password_file", c->redis.password_file, 077);
    look_at_file(l, "export.redis.tls_ca_file", c->redis.tls_ca_file, 0);
    look_at_file(l, "export.redis.tls_cert_file", c->redis.tls_cert_file, 0);
    look_at_file(l, "export.redis.tls_key_file", c->redis.tls_key_file, 077);
}

static void look_at_management(struct look *l)
{
    const struct conf *c = l->conf;

    if (c->management_port == 0)
        return;
    look_at_file(l, "management.tls_cert_file", c->management_cert_file, 0);
    look_at_file(l, "management.tls_key_file", c->management_key_file, 007);
    if (c->console_dir[0] == '\0')
        return;
    look_at_directory(l, "management.console_dir", c->console_dir, true);
    look_at_file(l, "management.token_file", c->console_token_file, 077);
    if (c->console_conninfo[0] != '\0')
        look_at_file(l, "management.password_file", c->console_password_file, 077);
}

static void look_at_cores(struct look *l)
{
    static struct machine m; /* large */
    const struct conf *c = l->conf;
    char key[40], core[24];

    machine_read(&m, c, "");
    for (u32 i = 0; i < c->threads_used; i++) {
        i64 cpu = c->threads[i].cpu;
        if (cpu < 0 || (cpu < (i64)m.cores && m.core[cpu].there))
            continue;
        snprintf(key, sizeof key, "threads[%u].cpu", i);
        snprintf(core, sizeof core, "%lld", (long long)cpu);
        report_error(&l->report, l->lines.item[conf_key_row("threads")][i], key, core,
                     "this machine has no such core, or not for this process; its cores are below "
                     "%u",
                     m.cores);
    }
}

/* What roles_check says begins with the key: put where it stands in front of it. */
static void look_at_roles(struct look *l)
{
    struct roles roles = renew_roles(l->conf);
    char *said = NULL, *rest = NULL, key[40];
    size_t bytes;
    FILE *f = open_memstream(&said, &bytes);

    ASSERT(f);
    roles_check(&roles, l->conf->control.group, f);
    fclose(f);
    for (char *line = strtok_r(said, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        size_t n = strcspn(line, ":");
        snprintf(key, sizeof key, "%.*s", (int)n, line);
        report_error(&l->report, line_of(l, key), key, NULL, "%s", line + n + 2);
    }
    free(said);
}

int conf_machine_check(const char *path, FILE *out)
{
    static struct conf conf; /* large */
    struct look l = {.conf = &conf, .report = {.out = out, .file = path}};

    if (conf_load_lines(path, &conf, &l.lines, out) != 0)
        return 1;
    look_at_directory(&l, "data_dir", conf.data_dir, false);
    look_at_cores(&l);
    look_at_exports(&l);
    look_at_folder_of(&l, "metrics.file", conf.metrics_file);
    look_at_folder_of(&l, "stages.file", conf.stages_file);
    look_at_folder_of(&l, "control.socket", conf.control.socket);
    if (conf.control.socket[0] != '\0')
        look_at_roles(&l);
    look_at_management(&l);
    return l.report.count;
}
