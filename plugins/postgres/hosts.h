/* SPDX-License-Identifier: Apache-2.0
 * hosts: the servers that dsn lists. The plugin tries them one by one, so that each has a time of its own: libpq alone would wait
 * for a first one that is frozen until the whole time is up, again and again. */
#ifndef WEIGATE_POSTGRES_HOSTS_H
#define WEIGATE_POSTGRES_HOSTS_H

#include <libpq-fe.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/* More than any cluster has; a longer list is left to libpq as a whole. */
#define HOSTS_MAX 16

struct host {
  const char *name, *address, *port; /* "" where dsn does not say */
};

struct hosts {
  size_t count; /* 0: libpq takes dsn as it stands */
  struct host list[HOSTS_MAX];
  char *memory;        /* what list points into */
  atomic_size_t first; /* the one that was good last; any storage thread */
};

/* One database as one role reaches it. */
struct target {
  PQconninfoOption *options; /* dsn, taken apart; NULL: no such target */
  struct hosts hosts;
  bool wants_writes; /* target_session_attrs is read-write or primary, or not said */
};

/* Takes the lists of host, hostaddr and port apart. -1 without memory. A list that libpq would refuse gives count 0: its own
 * sentence is better. Freed by hosts_done(). */
int hosts_read(struct hosts *hosts, const PQconninfoOption *options);
void hosts_done(struct hosts *hosts);

/* The value of a keyword, or "". */
const char *hosts_option(const PQconninfoOption *options, const char *keyword);
/* True if all are reached without leaving this machine. */
bool hosts_are_local(const struct hosts *hosts);

#endif
