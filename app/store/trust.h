/* SPDX-License-Identifier: Apache-2.0
 * trust: opens a file that code will be loaded from, if nobody but root and we can have written it. */
#ifndef WEIGATE_STORE_TRUST_H
#define WEIGATE_STORE_TRUST_H

#include <stddef.h>

#include "base/err.h"

/* Opens an absolute path: the file regular, it and every directory above it owned by root or us and not writable by others (a
 * sticky directory of root's such as /tmp may be), the last step no symbolic link. Writes the SHA-256 of the file as hex. *ret_fd
 * is close-on-exec. Any thread. */
int trust_open(const char *path, int *ret_fd, char ret_digest[65], struct err *err);

#endif
