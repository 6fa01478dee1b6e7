/*
 * clock.c - see clock.h. The offset, the kind of counter and its rate are written before the
 * threads start.
 */
#include "engine/base/clock.h"

#ifdef __x86_64__
#include <cpuid.h>
#include <x86intrin.h>
#endif
#include <string.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#define CALIBRATION_NS (10 * NS_PER_MS)
#define TICKS_BITS     32u
#define TICKS_UNIT     (1ull << TICKS_BITS)

static u64 wall_offset_ns;

static bool ticks_are_tsc;
static u64 ns_per_ticks = TICKS_UNIT; /* ns of TICKS_UNIT counts: no floating point on the way */
static u64 ticks_at_init;
static u64 ns_at_init;

static u64 read_ns(clockid_t id)
{
    struct timespec ts;
    clock_gettime(id, &ts);
    return (u64)ts.tv_sec * NS_PER_SEC + (u64)ts.tv_nsec;
}

/* Does the counter go on alike in all states of power and frequency? */
static bool tsc_invariant(void)
{
#ifdef __x86_64__
    u32 a, b, c, d = 0;
    return __get_cpuid(0x80000007u, &a, &b, &c, &d) != 0 && (d & 1u << 8) != 0;
#else
    return false;
#endif
}

void clock_init(void)
{
    ticks_are_tsc = tsc_invariant();
    ns_at_init = read_ns(CLOCK_MONOTONIC);
    ticks_at_init = clock_ticks();
    wall_offset_ns = read_ns(CLOCK_REALTIME) - read_ns(CLOCK_MONOTONIC);
}

u64 clock_now_ns(void)
{
    return read_ns(CLOCK_MONOTONIC) + wall_offset_ns;
}

u64 clock_ticks(void)
{
#ifdef __x86_64__
    if (ticks_are_tsc)
        return __rdtsc();
#endif
    return read_ns(CLOCK_MONOTONIC);
}

void clock_ticks_calibrate(void)
{
    u64 ns = read_ns(CLOCK_MONOTONIC);

    if (!ticks_are_tsc)
        return;
    while (ns - ns_at_init < CALIBRATION_NS) {
        clock_sleep_ns(CALIBRATION_NS);
        ns = read_ns(CLOCK_MONOTONIC);
    }
    ns_per_ticks = (u64)((double)(ns - ns_at_init) * (double)TICKS_UNIT /
                         (double)(clock_ticks() - ticks_at_init));
}

u64 clock_ticks_ns(u64 ticks)
{
    return (u64)((unsigned __int128)ticks * ns_per_ticks >> TICKS_BITS);
}

static bool chrony_runs(void)
{
    static const char *const pid_files[] = {"/run/chrony/chronyd.pid", "/run/chronyd.pid",
                                            "/run/chrony/chrony.pid"};

    for (u32 i = 0; i < ARRAY_LEN(pid_files); i++)
        if (access(pid_files[i], F_OK) == 0)
            return true;
    return false;
}

void clock_quality_print(FILE *out)
{
    struct timex t = {.modes = 0};
    char source[64] = "";
    int state = adjtimex(&t);
    bool kept = state >= 0 && state != TIME_ERROR && (t.status & STA_UNSYNC) == 0;
    FILE *f = fopen("/sys/devices/system/clocksource/clocksource0/current_clocksource", "r");

    if (f != NULL && fgets(source, sizeof source, f) == NULL)
        source[0] = '\0';
    if (f != NULL)
        fclose(f);
    source[strcspn(source, "\n")] = '\0';
    fprintf(out, "clock: %s; stamps: %s; chrony %s; ", source[0] != '\0' ? source : "unknown",
            ticks_are_tsc ? "invariant time stamp counter" : "monotonic clock",
            chrony_runs() ? "runs" : "does not run");
    if (kept)
        fprintf(out, "UTC within %ld us%s\n", t.maxerror,
                t.maxerror <= 100 ? ""
                                  : ": more than the 100 us of RTS 25 for gateways below 1 ms");
    else
        fputs("not synchronised, the distance from UTC is unknown: durations hold, times of day do "
              "not satisfy RTS 25\n",
              out);
}

i64 clock_step_ns(void)
{
    return (i64)(read_ns(CLOCK_REALTIME) - clock_now_ns());
}

void clock_sleep_ns(u64 ns)
{
    struct timespec ts = {.tv_sec = (time_t)(ns / NS_PER_SEC), .tv_nsec = (long)(ns % NS_PER_SEC)};
    nanosleep(&ts, NULL);
}
