/*
 * memory_policy.h - what the kernel was told about the memory at an address: from which node of the
 * machine it is to come.
 */
#ifndef WIREBOOK_TESTS_MEMORY_POLICY_H
#define WIREBOOK_TESTS_MEMORY_POLICY_H

#include <linux/mempolicy.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "engine/base/types.h"

/* False: this kernel knows no nodes, and there is nothing to see. */
static inline bool memory_policies(void)
{
    return syscall(SYS_get_mempolicy, NULL, NULL, 0ul, NULL, 0ul) == 0;
}

/* The node that is preferred for the memory at `p`; -1: none is. */
static inline i32 memory_node(const void *p)
{
    unsigned long nodes = 0;
    int mode = MPOL_DEFAULT;

    if (syscall(SYS_get_mempolicy, &mode, &nodes, 8 * sizeof nodes, p, MPOL_F_ADDR) != 0)
        return -1;
    return mode == MPOL_PREFERRED && nodes != 0 ? __builtin_ctzl(nodes) : -1;
}

#endif
