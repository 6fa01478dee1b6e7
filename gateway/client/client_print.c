/*
 * client_print.c - the lines that wirebook-client prints.
 *
 * Enters: messages and what was sent. Leaves: aligned lines, or JSON objects, on stdout; the owner
 * flushes. Times are this machine's wall clock: when the line was printed, not when the venue
 * acted.
 */
#include "gateway/client/client_print.h"

#include <stdio.h>
#include <time.h>

#include "engine/base/clock.h"

static void print_time(void)
{
    struct tm tm;
    u64 now = clock_now_ns();
    time_t s = (time_t)(now / NS_PER_SEC);
    localtime_r(&s, &tm);
    printf("%02d:%02d:%02d.%06u  ", tm.tm_hour, tm.tm_min, tm.tm_sec,
           (unsigned)(now % NS_PER_SEC / 1000));
}

void client_print_line(const struct client_run *o, const char *arrow, u64 seq, const char *type,
                       const char *rest)
{
    if (o->quiet || o->json)
        return;
    print_time();
    if (o->label[0] != 0)
        printf("%-6s ", o->label);
    if (seq != 0)
        printf("%s %6llu  ", arrow, (unsigned long long)seq);
    else
        printf("%s %6s  ", arrow, "");
    printf(rest[0] != 0 ? "%-10s %s\n" : "%s%s\n", type, rest);
}

void client_print_message(const struct client_run *o, const struct wb_event *ev)
{
    char text[WB_LINE_BYTES];
    if (o->quiet)
        return;
    if (o->json) {
        wb_json(text, &ev->msg, ev->seq);
        puts(text);
        return;
    }
    wb_describe(text, &ev->msg);
    client_print_line(o, "<-", ev->seq, wb_type_name(ev->msg.type), text);
}
