/* bench_machine.h - where a measurement was made: it belongs to every figure. Cold. */
#ifndef WIREBOOK_CLIENT_BENCH_MACHINE_H
#define WIREBOOK_CLIENT_BENCH_MACHINE_H

#include <stdio.h>

/*
 * Prints processor, kernel, the cores that this process may use, the clock and how well it is kept,
 * a line each.
 */
void bench_machine_print(FILE *out);

#endif
