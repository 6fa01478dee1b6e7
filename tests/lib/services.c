/* services.c - see services.h. */
#include "tests/lib/services.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "engine/base/assert.h"

/* Reads KEY=value lines into the environment. */
static bool load_env(const char *dir)
{
    char path[320], line[512];

    snprintf(path, sizeof path, "%s/services.env", dir);
    FILE *file = fopen(path, "r");
    if (!file)
        return false;
    while (fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        char *value = strchr(line, '=');
        if (!value)
            continue;
        *value = '\0';
        setenv(line, value + 1, 1);
    }
    fclose(file);
    return true;
}

static bool run(const char *verb, const char *dir)
{
    char command[512];

    snprintf(command, sizeof command, "scripts/local-services %s %s", verb, dir);
    return system(command) == 0;
}

bool services_start(struct services *s)
{
    const char *tmp = getenv("TMPDIR");

    /* Killed processes lose nothing that the kernel has: fsync would only cost time. */
    setenv("LOCAL_SERVICES_FAST", "1", 0);
    snprintf(s->dir, sizeof s->dir, "%s/wirebook-test-XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(s->dir))
        return false;
    return run("start", s->dir) && load_env(s->dir);
}

void services_do(const struct services *s, const char *verb)
{
    ASSERT(run(verb, s->dir));
}

void services_stop(struct services *s)
{
    char *out;

    run("resume-postgres", s->dir);
    run("resume-redis", s->dir);
    run("stop", s->dir);
    out = shell("rm -rf -- %s", s->dir);
    free(out);
}

static char *read_all(const char *command)
{
    u64 used = 0, room = 4096;
    char *text = malloc(room);
    FILE *pipe = popen(command, "r");

    ASSERT(text != NULL && pipe != NULL);
    for (;;) {
        u64 n = fread(text + used, 1, room - used - 1, pipe);
        if (n == 0)
            break;
        used += n;
        if (used == room - 1)
            text = realloc(text, room *= 2);
        ASSERT(text != NULL);
    }
    int status = pclose(pipe);
    while (used > 0 && text[used - 1] == '\n')
        used--;
    text[used] = '\0';
    if (status == 0)
        return text;
    free(text);
    return NULL;
}

struct services services;

int services_setup(void **state)
{
    (void)state;
    return services_start(&services) ? 0 : -1;
}

int services_teardown(void **state)
{
    (void)state;
    services_stop(&services);
    return 0;
}

char *shell(const char *format, ...)
{
    char command[4096];
    va_list args;

    va_start(args, format);
    int n = vsnprintf(command, sizeof command, format, args);
    va_end(args);
    ASSERT(n > 0 && (size_t)n < sizeof command);
    return read_all(command);
}

static char *query(const char *format, va_list args)
{
    char command[4200], text[4000];

    int n = vsnprintf(text, sizeof text, format, args);
    ASSERT(n > 0 && (size_t)n < sizeof text);
    snprintf(
        command, sizeof command,
        "PGOPTIONS=--client-min-messages=warning psql -XAtq -v ON_ERROR_STOP=1 << 'END'\n%s\nEND",
        text);
    return read_all(command);
}

char *sql(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    char *out = query(format, args);
    va_end(args);
    return out;
}

u64 sql_number(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    char *out = query(format, args);
    va_end(args);
    u64 number = out && out[0] != '\0' ? strtoull(out, NULL, 10) : UINT64_MAX;
    free(out);
    return number;
}
