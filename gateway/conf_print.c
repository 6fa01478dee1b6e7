/*
 * conf_print.c - the whole configuration as YAML with its explanation: --print-config.
 *
 * config/reference.yaml is what this writes for the defaults; a test holds the two together.
 */
#include <string.h>

#include "gateway/conf_schema.h"

#define COLUMNS 100u

/* How deep a path stands: the number of its dots. */
static u32 depth(const char *path)
{
    u32 n = 0;
    for (; *path; path++)
        n += *path == '.';
    return n;
}

static void indent(u32 levels, FILE *out)
{
    fprintf(out, "%*s", (int)(2 * levels), "");
}

/* `text` as comment lines, broken between words. */
static void print_comment(u32 levels, const char *text, FILE *out)
{
    u32 width = COLUMNS - 2 * levels - 2;

    while (*text) {
        size_t n = strlen(text);
        if (n > width) {
            n = width;
            while (text[n] != ' ')
                n--;
        }
        indent(levels, out);
        fprintf(out, "# %.*s\n", (int)n, text);
        text += n + (text[n] == ' ');
    }
}

/* "# 1 to 99 ms; default 5", as the last line of the comment. */
static void print_terms(const struct conf_key *key, u32 levels, FILE *out)
{
    static const char *const live[] = {"", "; may change while it runs"};
    const char *may = live[key->live != CONF_RESTART];
    char text[512], allowed[256];

    conf_allowed(key, allowed, sizeof allowed);
    if (key->type == CONF_LIST)
        snprintf(text, sizeof text, "[%s%s]", allowed, may);
    else if (!key->def)
        snprintf(text, sizeof text, "[%s; must be given%s]", allowed, may);
    else
        snprintf(text, sizeof text, "[%s; default %s%s]", allowed, *key->def ? key->def : "empty",
                 may);
    print_comment(levels, text, out);
}

static const char *last_part(const char *path)
{
    const char *dot = strrchr(path, '.');
    return dot ? dot + 1 : path;
}

/* The help of a list's keys once, then its items. */
static void print_list(const struct conf_key *list, const struct conf *c, FILE *out)
{
    const u8 *base = (const u8 *)c;
    u32 levels = depth(list->path) + 1, rows = 0, used;
    size_t n = strlen(list->path);
    char text[1024];

    memcpy(&used, base + list->used_at, sizeof used);
    while (strncmp(list[rows + 1].path, list->path, n) == 0 && list[rows + 1].path[n] == '[')
        rows++;
    indent(levels - 1, out);
    fprintf(out, "%s:\n", last_part(list->path));
    for (u32 r = 1; r <= rows; r++) {
        snprintf(text, sizeof text, "%s: %s", last_part(list[r].path), list[r].help);
        print_comment(levels, text, out);
        print_terms(&list[r], levels, out);
    }
    for (u32 i = 0; i < used; i++) {
        for (u32 r = 1; r <= rows; r++) {
            indent(levels, out);
            fprintf(out, "%s%s: ", r == 1 ? "- " : "  ", last_part(list[r].path));
            conf_value_print(&list[r], base + list->at + i * list->size + list[r].at, out);
            fputc('\n', out);
        }
    }
}

void conf_print(const struct conf *c, FILE *out)
{
    for (u32 i = 0; i < conf_schema_used; i++) {
        const struct conf_key *key = &conf_schema[i];
        u32 levels = depth(key->path);
        if (strstr(key->path, "[]."))
            continue;
        if (i > 0 && key[-1].type != CONF_SECTION)
            fputc('\n', out);
        print_comment(levels, key->help, out);
        if (key->type != CONF_SECTION)
            print_terms(key, levels, out);
        if (key->type == CONF_LIST) {
            print_list(key, c, out);
            continue;
        }
        indent(levels, out);
        fprintf(out, "%s:%s", last_part(key->path), key->type == CONF_SECTION ? "" : " ");
        if (key->type != CONF_SECTION)
            conf_value_print(key, (const u8 *)c + key->at, out);
        fputc('\n', out);
    }
}
