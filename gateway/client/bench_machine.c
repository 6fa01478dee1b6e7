/*
 * bench_machine.c - see bench_machine.h. Enters: what the kernel says of the machine. Leaves:
 * text. Cold. What a machine does not tell is said to be unknown.
 */
#include "gateway/client/bench_machine.h"

#include <sched.h>
#include <string.h>
#include <sys/utsname.h>

#include "engine/base/clock.h"
#include "engine/base/types.h"

/* The rest of the first line of `path` that begins with `key`, or "unknown". */
static void read_line(char *to, size_t room, const char *path, const char *key)
{
    char line[512];
    FILE *f = fopen(path, "r");

    snprintf(to, room, "unknown");
    while (f && fgets(line, sizeof line, f)) {
        if (strncmp(line, key, strlen(key)) != 0)
            continue;
        line[strcspn(line, "\n")] = '\0';
        const char *value = line + strlen(key);
        snprintf(to, room, "%s", value + strspn(value, " \t:"));
        break;
    }
    if (f)
        fclose(f);
}

static void print_cores(FILE *out)
{
    cpu_set_t set;

    fprintf(out, "cores of the client:");
    if (sched_getaffinity(0, sizeof set, &set) != 0)
        CPU_ZERO(&set);
    for (int c = 0; c < CPU_SETSIZE; c++)
        if (CPU_ISSET(c, &set))
            fprintf(out, " %d", c);
    fputc('\n', out);
}

void bench_machine_print(FILE *out)
{
    struct utsname os;
    char cpu[256];

    read_line(cpu, sizeof cpu, "/proc/cpuinfo", "model name");
    fprintf(out, "processor: %s\n", cpu);
    if (uname(&os) == 0)
        fprintf(out, "kernel: %s %s %s\n", os.sysname, os.release, os.machine);
    print_cores(out);
    clock_quality_print(out);
}
