/* SPDX-License-Identifier: Apache-2.0
 * elf: whether a library is whole. */
#ifndef WEIGATE_STORE_ELF_H
#define WEIGATE_STORE_ELF_H

#include "base/err.h"

/* dlopen() maps what the headers promise and dies by SIGBUS in a file that was cut short; so the promise is checked before. What
 * is no library of this machine at all passes: dlopen() refuses it well. Any thread. */
int elf_check(int fd, const char *path, struct err *err);

#endif
