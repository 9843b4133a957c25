/* SPDX-License-Identifier: Apache-2.0
 * scope: locals that release themselves when their block ends. */
#ifndef WEIGATE_BASE_SCOPE_H
#define WEIGATE_BASE_SCOPE_H

#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"

#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

static inline void scope_free(void *p) {
  free(*(void **)p);
}
static inline void scope_close(int *fd) {
  if (*fd >= 0) close(*fd);
}
static inline void scope_buf(struct buf *buf) {
  buf_done(buf);
}

#define SCOPE_FREE  __attribute__((cleanup(scope_free)))
#define SCOPE_CLOSE __attribute__((cleanup(scope_close)))
#define SCOPE_BUF   __attribute__((cleanup(scope_buf)))

#endif
