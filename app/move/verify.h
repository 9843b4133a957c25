/* SPDX-License-Identifier: Apache-2.0
 * verify: do two stores hold the same? Record by record, in one pass over both, while both may be in use. */
#ifndef WEIGATE_MOVE_VERIFY_H
#define WEIGATE_MOVE_VERIFY_H

#include "move/digest.h"
#include "move/page.h"

/* What is told apart; a part of a store is one or two of them. */
enum verify_group { VERIFY_PEOPLE, VERIFY_ERASURES, VERIFY_EVENTS, VERIFY_TICKETS };
#define VERIFY_GROUPS 4

enum verify_why { VERIFY_MISSING, VERIFY_EXTRA, VERIFY_DIFFERS };
#define VERIFY_WHYS 3

/* One record that is not the same, with the members that its group has. */
struct verify_difference {
  enum verify_group group;
  enum verify_why why;
  struct weigate_text appid, openid; /* PEOPLE */
  struct weigate_text kind, key;     /* TICKETS */
  int64_t event_at_us;               /* EVENTS */
  struct weigate_text id;            /* EVENTS: event_id; ERASURES: erased_hash */
  struct digest name;                /* of the key: names it without saying who it is */
};

struct verify_settings {
  struct end from, to;
  /* So many more rows of both, of about `total`; count 0 before the first ones of a part. */
  void (*tell)(void *context, enum part part, size_t count, uint64_t total);
  /* Each difference that is still there when it is looked at again, in key order. */
  void (*differs)(void *context, const struct verify_difference *difference);
  void *context;
};

struct verify_result {
  struct {
    struct digest_sum from, to;
    uint64_t counts[VERIFY_WHYS];
  } groups[VERIFY_GROUPS];
};

extern const char *const verify_group_names[VERIFY_GROUPS]; /* "people", "erasures", "events", "tickets" */
extern const char *const verify_why_names[VERIFY_WHYS];     /* "missing", "extra", "differs" */

/* -1 with one sentence where something differs, or could not be read. What differs is looked at a second time a moment later, so
 * that a write that was on its way is no alarm; tickets about to end are left out. Blocks. */
int verify_run(const struct verify_settings *settings, struct verify_result *ret_result, struct err *err);

#endif
