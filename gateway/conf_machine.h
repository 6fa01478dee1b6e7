/*
 * conf_machine.h - what a config wants of the machine around it: files, folders, cores, users.
 *
 * A config may well be checked on another machine than the one that it is for, so what lacks here
 * is a warning. Cold, main's thread, for --check-config.
 */
#ifndef WIREBOOK_GATEWAY_CONF_MACHINE_H
#define WIREBOOK_GATEWAY_CONF_MACHINE_H

#include "gateway/conf.h"

/*
 * Reads the config `path`, in which nothing else is wrong, and writes a line to `out` for each
 * thing that it names and this machine lacks. Returns the number of lines.
 */
int conf_machine_check(const char *path, FILE *out);

#endif
