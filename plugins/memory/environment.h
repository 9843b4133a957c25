/* SPDX-License-Identifier: Apache-2.0
 * environment: the LMDB environment of one path, open once in a process however many stores and threads use it. */
#ifndef WEIGATE_MEMORY_ENVIRONMENT_H
#define WEIGATE_MEMORY_ENVIRONMENT_H

#include <lmdb.h>
#include <stdbool.h>
#include <sys/types.h>
#include <weigate/storage.h>

/* PATH_MAX less the longest suffix, "-lock". */
#define ENVIRONMENT_PATH_BYTES 4090
/* What lmdb.h writes behind the path of its data for its table of readers, and what this plugin's line of writers is called. */
#define ENVIRONMENT_READERS "-lock"
#define ENVIRONMENT_LINE    "-line"

struct environment {
  struct environment *next;
  unsigned uses;
  pid_t pid; /* whose it is: after a fork it is nobody's */
  dev_t device;
  ino_t inode;
  MDB_env *env;
  MDB_dbi map; /* the one table */
  int fd;      /* of the data; LMDB's */
  uint64_t size_bytes;
  unsigned page_bytes;
};

/* Opens, or makes, what stands at the path; the caller holds the line of writers. WEIGATE_OK, or a class with a sentence in
 * call->message. */
int environment_get(const struct weigate_host *host, const char *path, uint64_t size_bytes, struct weigate_call *call,
                    struct environment **ret_environment);
void environment_put(struct environment *environment);

/* Makes a file of ours (0600, empty), or checks that the one that is there is: /dev/shm belongs to everybody. */
int environment_claim_file(const char *path, const char *suffix, struct weigate_call *call);
/* WEIGATE_OK while the data is all there and still at its path. */
int environment_check(const struct environment *environment, const char *path, struct weigate_call *call);

#endif
