/* test_session.c - the session suite over the fake transport, in whole pieces and in crumbs. */
#include <stdlib.h>

#include "gateway/session/session.h"
#include "tests/lib/fake_transport.h"
#include "tests/lib/session_suite.h"

static struct wire *whole(void)
{
    return &fake_new(1)->wire;
}

static struct wire *crumbs(void)
{
    struct fake_transport *f = fake_new(2);

    f->piece = 5;
    return &f->wire;
}

int main(void)
{
    int failed = session_suite_run("sessions over the fake transport", whole);

    return failed + session_suite_run("the same in pieces of at most five bytes", crumbs);
}
