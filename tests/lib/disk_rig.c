/* disk_rig.c - see disk_rig.h. */
#include "tests/lib/disk_rig.h"

#include <stdio.h>
#include <stdlib.h>

#include "engine/base/assert.h"

disk_make_fn *disk_rig_make;

void disk_rig_dir(struct disk_rig *f, const char *base)
{
    snprintf(f->dir, sizeof f->dir, "%s/wb-disk-XXXXXX", base);
    ASSERT(mkdtemp(f->dir) != NULL);
}

void disk_rig_remove(const char *dir)
{
    char command[300];

    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    ASSERT_EQ(system(command), 0);
}

int disk_rig_setup(void **state)
{
    const char *tmp = getenv("WB_TMP");
    struct disk_rig *f = calloc(1, sizeof *f);

    disk_rig_dir(f, tmp ? tmp : "/var/tmp");
    f->d = disk_rig_make(f->dir, &f->why);
    if (!f->d)
        fprintf(stderr, "%s\n", f->why.text);
    *state = f;
    return f->d ? 0 : -1;
}

int disk_rig_teardown(void **state)
{
    struct disk_rig *f = *state;

    if (f->d)
        f->d->ops->free(f->d);
    disk_rig_remove(f->dir);
    free(f);
    return 0;
}
