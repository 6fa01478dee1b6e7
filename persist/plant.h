/*
 * plant.h - known faults, planted into a build with -DWB_PLANTS to see that the tests catch them,
 * and named points at which such a build can be made to die.
 *
 * No program of the product is built like that: there PLANTED is 0, CRASH_POINT is nothing, and the
 * compiler drops the code. Two programs link these few files a second time, with the switch:
 * tests/sim/test_sim_plants, and the venue that tests/torture kills. tests/lib/plant_env.c has
 * `plant` and crash_point, which the environment sets.
 */
#ifndef WIREBOOK_PERSIST_PLANT_H
#define WIREBOOK_PERSIST_PLANT_H

enum plant {
    PLANT_NONE,
    PLANT_ACK_BEFORE_SYNC,    /* the mark moves when a write begins */
    PLANT_RELEASE_ABOVE_MARK, /* the mark covers what is not even under way */
    PLANT_RETRY_FAILED_WRITE, /* a failed write is tried again */
    PLANT_FORGET_DIR_SYNC,    /* a segment is used before its name is stable */
    PLANT_REWRITE_BLOCK,      /* a block that is durable is written again, brought up to date */
    PLANT_KEEP_EPOCH,         /* a new process does not fence the one before it off */
    PLANT_OLD_EPOCH,          /* what stands behind a cut is believed */
    PLANT_SKIP_CRC,           /* blocks are not checked */
    PLANT_KEEP_PARTIAL,       /* an incomplete transaction at a cut is not dropped */
    PLANT_FORGET_SYNC,        /* recovery believes what a power cut can still take back */
    PLANT_RECYCLE_EARLY,      /* a segment is given away that is still needed */
    PLANT_IGNORE_WITNESS,     /* a durable block that is bad passes for a torn tail */
    PLANT_MARK_AHEAD,         /* durable.mark speaks of what is not durable yet */
    PLANT_IGNORE_MARK,        /* ... and nobody asks it */
};

#ifdef WB_PLANTS
extern enum plant plant;
#define PLANTED(which) (plant == (which))
/* May end the process here and now; any thread. `name` is one word with hyphens. */
void crash_point(const char *name);
#define CRASH_POINT(name) crash_point(name)
#else
#define PLANTED(which)    0
#define CRASH_POINT(name) ((void)0)
#endif

#endif
