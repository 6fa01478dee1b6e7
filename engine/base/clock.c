/* clock.c - see clock.h. The offset is written once before the threads start. */
#include "engine/base/clock.h"

#include <time.h>

static u64 wall_offset_ns;

static u64 read_ns(clockid_t id)
{
    struct timespec ts;
    clock_gettime(id, &ts);
    return (u64)ts.tv_sec * NS_PER_SEC + (u64)ts.tv_nsec;
}

void clock_init(void)
{
    wall_offset_ns = read_ns(CLOCK_REALTIME) - read_ns(CLOCK_MONOTONIC);
}

u64 clock_now_ns(void)
{
    return read_ns(CLOCK_MONOTONIC) + wall_offset_ns;
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
