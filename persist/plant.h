/*
 * plant.h - known faults, planted into a build with -DWB_PLANTS to see that the tests catch them.
 *
 * No program of the product is built like that: there PLANTED is 0 and the compiler drops the code.
 * tests/sim/test_sim_plants links these few files a second time, with the switch, and sets `plant`.
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
};

#ifdef WB_PLANTS
extern enum plant plant;
#define PLANTED(which) (plant == (which))
#else
#define PLANTED(which) 0
#endif

#endif
