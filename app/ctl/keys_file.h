/* SPDX-License-Identifier: Apache-2.0
 * keys_file: writes the keys file so that it is there whole or not at all. */
#ifndef WEIGATE_CTL_KEYS_FILE_H
#define WEIGATE_CTL_KEYS_FILE_H

#include <sys/stat.h>

#include "base/err.h"
#include "base/text.h"

/* A new file with the text; an existing one of that name is left alone and refused. It gets the owner, group and mode of `like`
 * (at most 0640), or with NULL ours and 0600. The name appears when everything is on the disk. */
int keys_file_create(const char *path, struct str text, const struct stat *like, struct err *err);
/* The same in the place of the file that is there. */
int keys_file_replace(const char *path, struct str text, const struct stat *like, struct err *err);

#endif
