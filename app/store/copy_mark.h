/* SPDX-License-Identifier: Apache-2.0
 * copy_mark: how far a copy into a store has come, kept in that store as a durable ticket: a killed copy goes on from it, on any
 * host, and whoever opens the store sees that it holds only half. */
#ifndef WEIGATE_STORE_COPY_MARK_H
#define WEIGATE_STORE_COPY_MARK_H

#include <stdbool.h>
#include <stdint.h>

#include <weigate/storage.h>

#include "base/buf.h"
#include "base/text.h"

/* One copy at a time goes into a store. */
#define COPY_MARK_KEY "into"
/* An interrupted copy is resumed within days; the mark of a finished one is of interest as long. */
#define COPY_MARK_LIFETIME_US (INT64_C(90) * 86400 * 1000000)
#define COPY_MARK_NAME_BYTES  65
#define COPY_MARK_ID_BYTES    33

struct copy_mark {
  bool is_done;
  char from[COPY_MARK_NAME_BYTES]; /* the plugin that is copied from */
  char source[COPY_MARK_ID_BYTES]; /* a fingerprint of it with its options */
  char id[COPY_MARK_ID_BYTES];     /* random, of this copy */
  int64_t begun_us;
  uint64_t copied;                 /* records, by all runs of this copy */
  uint32_t pass;                   /* from 1 */
  int64_t pass_begun_us, since_us; /* of this pass: when it began, and which changes it looks for */
  uint32_t part;                   /* of this pass */
  uint32_t cursor_size;            /* where that part goes on */
  char cursor[WEIGATE_CURSOR_MAX];
};

/* The ticket that it is in, without a value. Any thread. */
struct weigate_ticket copy_mark_key(void);
/* As a ticket's value, at most WEIGATE_TICKET_VALUE_MAX bytes. Any thread. */
void copy_mark_format(const struct copy_mark *mark, struct buf *out);
/* -1 for a value of another version. Any thread. */
int copy_mark_parse(struct str value, struct copy_mark *ret_mark);

#endif
