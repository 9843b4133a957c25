/* SPDX-License-Identifier: Apache-2.0
 * kinds: every kind of ticket that this version writes. Who writes a new one adds it to the table in kinds.c. */
#ifndef WEIGATE_STORE_KINDS_H
#define WEIGATE_STORE_KINDS_H

#include <stdbool.h>
#include <stddef.h>

#define KIND_STATE    "state"    /* a sign-in by its state: what became of it */
#define KIND_CODE     "code"     /* and by its code */
#define KIND_REVOKE   "revoke"   /* sessions that ended before their time */
#define KIND_HANDOVER "handover" /* from the phone to the computer whose QR code it scanned */
#define KIND_REFRESH  "refresh"  /* who refreshes a person's tokens now */
#define KIND_COPY     "copy"     /* how far a copy into this store has come */

struct kind {
  const char *name;
  bool is_copied; /* means the same in another store; the others are about this store, or only say who is at work */
};

extern const struct kind kinds[];
extern const size_t kinds_count;

#endif
