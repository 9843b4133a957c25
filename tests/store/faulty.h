/* SPDX-License-Identifier: Apache-2.0
 * faulty: what a test tells the faulty plugin to do, and what it saw. The plugin gets its address as the option `control`.
 *
 *   faulty_script(&control, FAULTY_WRITE, WEIGATE_OUTCOME_UNKNOWN, FAULTY_DOES_IT);   the next write: done, but not said
 *   faulty_script(&control, FAULTY_READ, WEIGATE_OK, FAULTY_HANGS);                   the next read: until faulty_release() */
#ifndef WEIGATE_TESTS_STORE_FAULTY_H
#define WEIGATE_TESTS_STORE_FAULTY_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum faulty_call { FAULTY_CONNECT, FAULTY_WRITE, FAULTY_READ, FAULTY_HEALTH, FAULTY_CALLS };

#define FAULTY_DOES_IT  1u /* the work is done although the class says otherwise */
#define FAULTY_HANGS    2u /* waits for faulty_release() first */
#define FAULTY_TOO_LONG 4u /* answers with more bytes than the header allows */

#define FAULTY_STEPS 64
#define FAULTY_KEYS  2048

struct faulty_step {
  int class;
  unsigned flags;
};

struct faulty_record {
  char key[80]; /* openid, or kind:key */
  char value[64];
  unsigned writes;
};

struct faulty_control {
  pthread_mutex_t lock; /* everything */
  pthread_cond_t changed;
  struct faulty_step steps[FAULTY_CALLS][FAULTY_STEPS];
  size_t step_count[FAULTY_CALLS], step_next[FAULTY_CALLS];
  size_t calls[FAULTY_CALLS];
  size_t hanging;
  unsigned released;
  size_t largest_batch;
  size_t open_handles;
  const char *poison; /* an openid: a batch that holds it is FAILED as a whole */
  struct faulty_record records[FAULTY_KEYS];
  size_t record_count;
  uint64_t server; /* what health says */
};

#endif
