/* SPDX-License-Identifier: Apache-2.0
 * output: --output FILE, for every command alike: the file is there whole or not at all, and never in the place of another. */
#ifndef WEIGATE_CTL_OUTPUT_H
#define WEIGATE_CTL_OUTPUT_H

#include "base/err.h"

/* Standard output goes to a file of another name beside `path` (mode 0600) from here on, in a process of its own; returns there.
 * The calling process stays behind, waits, and ends with that process' status after the file has got its name: commands that
 * become the service's user may so write where only we can. -1 where `path` exists or cannot be made. */
int output_redirect(const char *path, struct err *err);

#endif
