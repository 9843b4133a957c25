/* SPDX-License-Identifier: Apache-2.0
 * merge: the rules by which a write and a stored record become one, as the header draws them. Pure. */
#ifndef WEIGATE_COMMON_MERGE_H
#define WEIGATE_COMMON_MERGE_H

#include <stdbool.h>
#include <weigate/storage.h>

/* <0, 0, >0: a is earlier, the same, later. */
int merge_compare(const struct weigate_stamp *a, const struct weigate_stamp *b);

/* Takes the groups out of a write that say nothing: an empty unionid, sex 0, an empty region. They are not kept, so that a
 * tombstone and a write may arrive in either order: the greatest stamp of what is known decides both times. */
void merge_drop_unknown(struct weigate_person *write);

/* Takes what is at or before the tombstone out of the record. False if nothing is left of it. */
bool merge_erase(struct weigate_person *person, const struct weigate_stamp *tombstone);

struct merge_change {
  bool is_changed; /* anything at all */
  bool is_unionid_changed;
  bool is_token_changed;
  enum weigate_item outcome; /* UPDATED, STALE or DUPLICATE */
};

/* Merges the write into a record that is there. Texts of the result point into either. */
struct merge_change merge_person(struct weigate_person *into, const struct weigate_person *write);

#endif
