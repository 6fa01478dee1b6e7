/* bundle.c - see bundle.h. A fixed list: no path of a request ever reaches the file system. */
#include "gateway/console/bundle.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/log.h"

static const struct {
    const char *path;
    const char *name;
    const char *type;
} known[BUNDLE_FILES] = {
    {"/console/", "index.html", "text/html; charset=utf-8"},
    {"/console/console.js", "console.js", "text/javascript; charset=utf-8"},
    {"/console/console.css", "console.css", "text/css; charset=utf-8"},
    {"/console/icon.svg", "icon.svg", "image/svg+xml"},
};

/* Returns NULL with errno when it cannot be read or is too long. */
static char *read_whole(const char *path, size_t *bytes)
{
    FILE *in = fopen(path, "rbe");
    char *body = in ? malloc(BUNDLE_FILE_BYTES) : NULL;

    if (!body) {
        if (in)
            fclose(in);
        return NULL;
    }
    *bytes = fread(body, 1, BUNDLE_FILE_BYTES, in);
    if (ferror(in) || *bytes == BUNDLE_FILE_BYTES) {
        errno = ferror(in) ? EIO : EFBIG;
        free(body);
        body = NULL;
    }
    fclose(in);
    return body;
}

bool bundle_read(struct bundle *b, const char *dir)
{
    char path[PATH_MAX];

    memset(b, 0, sizeof *b);
    for (u32 i = 0; i < BUNDLE_FILES; i++) {
        struct bundle_file *f = &b->files[i];
        snprintf(path, sizeof path, "%s/%s", dir, known[i].name);
        *f = (struct bundle_file){.path = known[i].path, .type = known[i].type};
        f->body = read_whole(path, &f->bytes);
        if (!f->body) {
            log_error("the console's %s cannot be read: %s; `make console` builds it, "
                      "management.console_dir says where it is",
                      path, strerror(errno));
            bundle_free(b);
            return false;
        }
    }
    return true;
}

const struct bundle_file *bundle_find(const struct bundle *b, const char *path)
{
    for (u32 i = 0; i < BUNDLE_FILES; i++)
        if (strcmp(path, b->files[i].path) == 0)
            return &b->files[i];
    return NULL;
}

void bundle_free(struct bundle *b)
{
    for (u32 i = 0; i < BUNDLE_FILES; i++)
        free(b->files[i].body);
    memset(b, 0, sizeof *b);
}
