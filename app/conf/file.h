/* SPDX-License-Identifier: Apache-2.0
 * file: reads the configuration and the files of secrets it names, after looking at what they are and who may change them. */
#ifndef WEIGATE_CONF_FILE_H
#define WEIGATE_CONF_FILE_H

#include "base/buf.h"
#include "base/err.h"

/* Reads a whole regular file, at most as long as the buffer's maximum; symbolic links are followed. Refused when everybody may
 * write it. Before threads start. */
int file_read_conf(const char *path, struct buf *out, struct err *err);
/* Reads a file of secrets: regular, no symbolic link, owned by root or by us (root may read anybody's), not readable or writable
 * by others, not writable by its group. Never blocks on a pipe or a device. The sentence names the command that mends it. */
int file_read_secret(const char *path, struct buf *out, struct err *err);

#endif
