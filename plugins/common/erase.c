/* SPDX-License-Identifier: Apache-2.0
 * erase: takes people out and leaves tombstones; and the merge of whole records, whose tombstones know a person only by a hash.
 * Storage threads. */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "codec.h"
#include "merge.h"
#include "store.h"

/* Puts the tombstone unless the same or a later one stands there: *ret_outcome NEW or UPDATED, DUPLICATE or STALE. */
static int put_tombstone(struct weigate_handle *handle, const uint8_t hash[32], const struct weigate_stamp *stamp,
                         enum weigate_item *ret_outcome) {
  struct weigate_stamp old;
  struct key key = key_tombstone(hash);
  bool is_found;
  int class = people_tombstone(handle, hash, &is_found, &old);
  if (class != WEIGATE_OK) return class;
  int order = is_found ? merge_compare(stamp, &old) : 1;
  *ret_outcome = order == 0  ? WEIGATE_ITEM_DUPLICATE
                 : order < 0 ? WEIGATE_ITEM_STALE
                 : is_found  ? WEIGATE_ITEM_UPDATED
                             : WEIGATE_ITEM_NEW;
  return order > 0 ? store_put(handle, &key, codec_write_stamp(handle->value, stamp, handle->now_us)) : WEIGATE_OK;
}

static bool is_new_tombstone(enum weigate_item outcome) {
  return outcome == WEIGATE_ITEM_NEW || outcome == WEIGATE_ITEM_UPDATED;
}

/* The tombstone is there already; now what is not newer goes. appid and openid do not lie in the map. */
static int erase_key(struct weigate_handle *handle, struct weigate_text appid, struct weigate_text openid,
                     const struct weigate_stamp *stamp, bool *ret_is_found) {
  struct weigate_person stored, left;
  int class = people_get(handle, appid, openid, ret_is_found, &stored, NULL);
  if (class != WEIGATE_OK) return class;
  if (*ret_is_found) {
    left = stored;
    class = merge_erase(&left, stamp) ? people_put(handle, &stored, &left) : people_remove(handle, &stored);
  }
  return class == WEIGATE_OK ? events_forget(handle, appid, openid, stamp->at_us) : class;
}

/* --- erase_people --- */

struct erase_work {
  const struct weigate_keys *keys;
  const struct weigate_stamp *stamp;
  struct weigate_result *results;
};

static int erase_one(struct weigate_handle *handle, const struct weigate_key *key, const struct weigate_stamp *stamp,
                     enum weigate_item *ret_outcome) {
  uint8_t hash[32];
  bool is_found;
  people_hash(handle, key->appid, key->openid, hash);
  int class = put_tombstone(handle, hash, stamp, ret_outcome);
  if (class != WEIGATE_OK || !is_new_tombstone(*ret_outcome)) return class;
  class = erase_key(handle, key->appid, key->openid, stamp, &is_found);
  *ret_outcome = is_found ? WEIGATE_ITEM_UPDATED : WEIGATE_ITEM_MISSING;
  return class;
}

static int erase_batch(struct weigate_handle *handle, void *context) {
  const struct erase_work *work = context;
  int class = WEIGATE_OK;
  for (size_t i = 0; i < work->keys->count && class == WEIGATE_OK; i++) {
    struct weigate_key key = check_copy_key((const void *)((const char *)work->keys->items + i * work->keys->stride));
    enum weigate_item outcome = WEIGATE_ITEM_REJECTED;
    const char *bad = check_key(&key);
    class = store_check_time(handle);
    if (class == WEIGATE_OK && !bad) class = erase_one(handle, &key, work->stamp, &outcome);
    check_set_result(work->results, i, outcome, bad);
  }
  return class;
}

int records_erase_people(struct weigate_handle *handle, struct weigate_call *call, const struct weigate_keys *keys,
                         const struct weigate_stamp *stamp, struct weigate_result *results) {
  struct erase_work work = {keys, stamp, results};
  int class = store_enter(handle, call);
  if (class != WEIGATE_OK) return class;
  if (!check_shape(keys->stride, keys->count, sizeof(struct weigate_key)))
    return store_invalid(handle, "erase_people: count or stride");
  if (check_stamp(stamp, handle->now_us)) return store_invalid(handle, "erase_people: the stamp is not a time of the past");
  return keys->count ? store_write(handle, erase_batch, &work, false) : WEIGATE_OK;
}

/* --- merge_people --- */

/* The hash of a tombstone of this batch that was put. */
struct grave {
  uint8_t hash[32];
};

struct merge_work {
  const struct weigate_people *batch;
  struct weigate_result *results;
  struct grave *graves;
  size_t grave_count;
};

static int compare_graves(const void *a, const void *b) {
  return memcmp(((const struct grave *)a)->hash, ((const struct grave *)b)->hash, sizeof(((const struct grave *)a)->hash));
}

/* Moves *at to the next person of a table of people or of their events; a person with many events is met once. */
static int next_person(struct weigate_handle *handle, enum table table, struct key *at, bool *ret_is_found,
                       struct weigate_text *ret_appid, struct weigate_text *ret_openid) {
  struct key prefix = key_of(table);
  struct map_bytes value;
  int class = store_next(handle, &prefix, at, true, ret_is_found, at, &value);
  if (class != WEIGATE_OK || !*ret_is_found) return class;
  size_t tail = table == TABLE_PERSON_EVENT ? KEY_EVENT_BYTES + 1 : 0;
  struct map_bytes pair = {at->bytes + 1, at->size - 1 - tail};
  if (at->size <= 1 + tail || !key_split(pair, ret_appid, ret_openid)) return store_corrupt(handle, "a key");
  return WEIGATE_OK;
}

/* Who lies in the graves is not written on them: every key is hashed once for the whole batch. */
static int sweep_table(struct weigate_handle *handle, const struct merge_work *work, enum table table) {
  struct key at = key_of(table);
  for (;;) {
    struct grave wanted;
    struct weigate_stamp stamp;
    struct weigate_text appid, openid;
    bool is_there, is_found;
    int class = next_person(handle, table, &at, &is_there, &appid, &openid);
    if (class == WEIGATE_OK) class = store_check_time(handle);
    if (class != WEIGATE_OK || !is_there) return class;
    people_hash(handle, appid, openid, wanted.hash);
    if (bsearch(&wanted, work->graves, work->grave_count, sizeof(wanted), compare_graves)) {
      class = people_tombstone(handle, wanted.hash, &is_found, &stamp);
      if (class == WEIGATE_OK && is_found) class = erase_key(handle, appid, openid, &stamp, &is_found);
    }
    if (class != WEIGATE_OK) return class;
    if (table == TABLE_PERSON_EVENT) memset(at.bytes + at.size - KEY_EVENT_BYTES, 0xff, KEY_EVENT_BYTES);
  }
}

static int merge_tombstone(struct weigate_handle *handle, struct merge_work *work, const struct weigate_person *person,
                           enum weigate_item *ret_outcome) {
  int class = put_tombstone(handle, person->erased_hash, &person->erased_stamp, ret_outcome);
  if (class != WEIGATE_OK || !is_new_tombstone(*ret_outcome)) return class;
  memcpy(work->graves[work->grave_count++].hash, person->erased_hash, sizeof(person->erased_hash));
  return WEIGATE_OK;
}

static int merge_item(struct weigate_handle *handle, struct merge_work *work, size_t index) {
  struct weigate_person person =
      check_copy_person((const void *)((const char *)work->batch->items + index * work->batch->stride));
  bool is_tombstone = person.has & WEIGATE_PERSON_ERASED;
  enum weigate_item outcome = WEIGATE_ITEM_REJECTED;
  const char *bad = is_tombstone ? check_tombstone(&person, handle->now_us) : check_person(&person, handle->now_us);
  int class = store_check_time(handle);
  if (class == WEIGATE_OK && !bad)
    class = is_tombstone ? merge_tombstone(handle, work, &person, &outcome) : people_merge_one(handle, &person, &outcome);
  check_set_result(work->results, index, outcome, bad);
  return class;
}

static int merge_batch(struct weigate_handle *handle, void *context) {
  struct merge_work *work = context;
  int class = WEIGATE_OK;
  work->grave_count = 0;
  for (size_t i = 0; i < work->batch->count && class == WEIGATE_OK; i++) class = merge_item(handle, work, i);
  if (class != WEIGATE_OK || !work->grave_count) return class;
  qsort(work->graves, work->grave_count, sizeof(*work->graves), compare_graves);
  class = sweep_table(handle, work, TABLE_PERSON);
  return class == WEIGATE_OK ? sweep_table(handle, work, TABLE_PERSON_EVENT) : class;
}

int records_merge_people(struct weigate_handle *handle, struct weigate_call *call, const struct weigate_people *batch,
                         struct weigate_result *results) {
  struct merge_work work = {batch, results, NULL, 0};
  int class = store_enter(handle, call);
  if (class != WEIGATE_OK) return class;
  if (!check_shape(batch->stride, batch->count, sizeof(struct weigate_person)))
    return store_invalid(handle, "merge_people: count or stride");
  if (batch->count == 0) return WEIGATE_OK;
  work.graves = calloc(batch->count, sizeof(*work.graves));
  if (!work.graves) return records_fail(handle, WEIGATE_FAILED, NULL, "out of memory");
  class = store_write(handle, merge_batch, &work, false);
  free(work.graves);
  return class;
}
