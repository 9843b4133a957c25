/* SPDX-License-Identifier: Apache-2.0
 * subject: what writes.c measures: a storage plugin, or a bare loop on the same library. One per process, after fork. */
#ifndef WEIGATE_BENCH_SUBJECT_H
#define WEIGATE_BENCH_SUBJECT_H

#include <stddef.h>

#include "../store/made.h"

/* Made sign-ins in one commit. */
#define SUBJECT_BATCH_MAX 1024

struct subject {
  const char *name;
  /* Ends the program with a sentence where that fails. `where`: a plugin's options, a path, a dsn. */
  void (*open)(const char *where);
  /* Person, event and ticket of each, durable or in shared memory as the store promises when it returns. */
  void (*write)(const struct made *const *made, size_t count);
  void (*close)(void);
};

extern const struct subject bare_sqlite, bare_lmdb, bare_postgres;
/* The plugin at that path. */
struct subject subject_plugin(const char *path);

void subject_fail(const char *what, const char *why) __attribute__((noreturn));

#endif
