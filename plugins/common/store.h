/* SPDX-License-Identifier: Apache-2.0
 * store: what the parts of records.h share: calls with a deadline, transactions, single entries of the map. All return WEIGATE_OK
 * or a class. */
#ifndef WEIGATE_COMMON_STORE_H
#define WEIGATE_COMMON_STORE_H

#include "key.h"
#include "map.h"
#include "records.h"

#define STORE_WANT_ALL (WEIGATE_WANT_TOKEN | WEIGATE_WANT_COUNTS | WEIGATE_WANT_ERASED)

/* Begins a call: its deadline, its time, no error. WEIGATE_TIMEOUT where there is no time at all. */
int store_enter(struct weigate_handle *handle, struct weigate_call *call);
int store_invalid(struct weigate_handle *handle, const char *sentence);
int store_corrupt(struct weigate_handle *handle, const char *what);
/* WEIGATE_TIMEOUT once the call's time is over. */
int store_check_time(struct weigate_handle *handle);

/* What a write does inside its transaction; may be run again where the map was full and room was made. */
typedef int (*store_work)(struct weigate_handle *handle, void *context);
/* One transaction: begins, works, commits; whatever fails leaves nothing behind. Where the map is bounded, room is made before,
 * and, unless the work calls a sink (is_once), once more where that did not do. */
int store_write(struct weigate_handle *handle, store_work work, void *context, bool is_once);

/* The entry under a key. The value is valid until the next change. */
int store_get(struct weigate_handle *handle, const struct key *key, bool *ret_is_found, struct map_bytes *ret_value);
int store_put(struct weigate_handle *handle, const struct key *key, struct map_bytes value);
int store_remove(struct weigate_handle *handle, const struct key *key);
int store_get_meta(struct weigate_handle *handle, char letter, uint64_t *ret_number);
int store_put_meta(struct weigate_handle *handle, char letter, uint64_t number);

/* The first entry below the prefix at or behind `key`, or, with is_behind, behind it. ret_key: a copy. */
int store_next(struct weigate_handle *handle, const struct key *prefix, const struct key *key, bool is_behind, bool *ret_is_found,
               struct key *ret_key, struct map_bytes *ret_value);

/* --- people.c --- */
void people_hash(const struct weigate_handle *handle, struct weigate_text appid, struct weigate_text openid,
                 uint8_t ret_hash[32]);
int people_tombstone(struct weigate_handle *handle, const uint8_t hash[32], bool *ret_is_found, struct weigate_stamp *ret_stamp);
/* Texts are valid until the next change. ret_changed_us may be NULL. */
int people_get(struct weigate_handle *handle, struct weigate_text appid, struct weigate_text openid, bool *ret_is_found,
               struct weigate_person *ret_person, int64_t *ret_changed_us);
int people_merge_one(struct weigate_handle *handle, const struct weigate_person *write, enum weigate_item *ret_outcome);
/* Writes `person` in the place of `old` (NULL: there was none), with what leads to it. Texts of both may lie in the map. */
int people_put(struct weigate_handle *handle, const struct weigate_person *old, const struct weigate_person *person);
/* Removes a record that was read, with all that leads to it but events. */
int people_remove(struct weigate_handle *handle, const struct weigate_person *person);
/* Adds counts, or takes the token out, as the caller wants it. */
int people_complete(struct weigate_handle *handle, uint32_t want, struct weigate_person *person);

/* --- events.c --- */
int events_insert(struct weigate_handle *handle, const struct weigate_event *event, enum weigate_item *ret_outcome);
/* Takes a person out of the events up to a time, and counts anew what is left. */
int events_forget(struct weigate_handle *handle, struct weigate_text appid, struct weigate_text openid, int64_t until_us);
int events_remove_days(struct weigate_handle *handle, struct weigate_text appid, struct weigate_text openid);
int events_count(struct weigate_handle *handle, struct weigate_person *person);
/* The oldest event goes. */
int events_evict(struct weigate_handle *handle, const struct key *key, struct map_bytes value);

/* --- tickets.c --- */
int tickets_take_numbers(struct weigate_handle *handle, size_t count, uint64_t *ret_first);
int tickets_put_one(struct weigate_handle *handle, const struct weigate_ticket *ticket, uint64_t number);

/* --- room.c --- */
/* Lets the oldest go, `count` of them at most: events by their time, people by when they were last seen. Inside a write
 * transaction. */
int room_evict(struct weigate_handle *handle, size_t count, size_t *ret_evicted);

#endif
