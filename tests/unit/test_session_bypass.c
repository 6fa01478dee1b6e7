/*
 * test_session_bypass.c - the session suite, unchanged, past the kernel: our own TCP on both
 * ends.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/base/clock.h"
#include "tests/lib/bypass_wire.h"
#include "tests/lib/session_suite.h"

int main(void)
{
    clock_init();
    if (!bypass_wire_start(1))
        return 1;
    int failed = session_suite_run("sessions past the kernel", bypass_wire_new);
    bypass_wire_stop();
    return failed;
}
