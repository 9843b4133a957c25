/* SPDX-License-Identifier: Apache-2.0
 * spool_dir: the spool's directory: its files, what they weigh, and the moment of the last outage, which all workers of a host
 * share.
 *
 *   NAME.seg      segments, one process writes each, one store is each for
 *   aside/        what a store refuses for ever, with the reason in the head
 *   tickets/      claims and tickets of an outage
 *   drain-….lock  held by who drains for one store; says what it waits for
 *   state         the moment of the last outage */
#ifndef WEIGATE_STORE_SPOOL_DIR_H
#define WEIGATE_STORE_SPOOL_DIR_H

#include <dirent.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "store/spool.h"

#define SPOOL_NAME_BYTES 64

/* What all processes of a host share through the directory. */
struct spool_state {
  _Atomic int64_t outage_at_us;
  _Atomic int64_t tickets; /* files in tickets/, about */
};

struct spool_dir {
  int fd, aside_fd, tickets_fd;
  struct spool_state *state; /* mapped and shared */
};

/* Makes the directory where its parent is there, checks it, opens it. Refuses a symbolic link, another kind of file, a foreign
 * owner, a mode that lets others write, one that cannot be written: each with what to do. Before threads start, and admin
 * commands. */
int spool_dir_open(const struct spool_settings *settings, struct spool_dir *ret_dir, struct err *err);
void spool_dir_close(struct spool_dir *dir);

/* A stream over the directory with an offset of its own; closedir() ends it. NULL with errno. Any thread. */
DIR *spool_dir_stream(int fd);
/* The names that end in .seg, sorted (oldest first); to be freed, names and list in one. -1: cannot be read. Any thread. */
int spool_dir_list(int fd, char (**ret_names)[SPOOL_NAME_BYTES], size_t *ret_count);
/* Bytes of all segments, those set aside included. Any thread. */
uint64_t spool_dir_bytes(const struct spool_dir *dir);
/* A name that no other file has, in the order of time. Any thread. */
void spool_dir_name(char to[SPOOL_NAME_BYTES]);
/* A file of that name, held by flock until it is closed: what has no holder is rubbish and swept. -1 with errno. Any thread. */
int spool_dir_temporary(int fd, char ret_name[SPOOL_NAME_BYTES]);
void spool_dir_sweep(int fd);
/* flock without ending at a signal. Any thread. */
int spool_lock(int fd, int how);
/* Writes all of it at the offset, or -1 with errno. Any thread. */
int spool_write(int fd, struct str bytes, uint64_t offset);

/* A store failed just now, or did so within the lifetime of a claim. Any thread. */
void spool_outage_note(const struct spool_dir *dir);
bool spool_outage_is_fresh(const struct spool_dir *dir);

#endif
