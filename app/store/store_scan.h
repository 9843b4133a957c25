/* SPDX-License-Identifier: Apache-2.0
 * store_scan: how far the spool's tickets of each kind were read, beside the cursor that the caller keeps for the store. */
#ifndef WEIGATE_STORE_STORE_SCAN_H
#define WEIGATE_STORE_STORE_SCAN_H

#include <string.h>

#include <weigate/storage.h>

#include "base/text.h"

/* Revocations are the only kind that is scanned today. */
#define STORE_SCANS_MAX 4

struct store_scans {
  struct store_scan {
    char kind[WEIGATE_WORD_MAX + 1];
    uint64_t since_us;
  } scans[STORE_SCANS_MAX];
};

/* The kind's place; of more kinds than there is room for the last ones share theirs, and are read from the beginning. */
static inline uint64_t *store_scans_find(struct store_scans *scans, struct str kind) {
  struct store_scan *scan = scans->scans;
  while (scan < &scans->scans[STORE_SCANS_MAX - 1] && scan->kind[0] && !str_eq(str_of(scan->kind), kind)) scan++;
  if (!str_eq(str_of(scan->kind), kind)) {
    str_copy(kind, scan->kind, sizeof(scan->kind));
    scan->since_us = 0;
  }
  return &scan->since_us;
}

#endif
