/* SPDX-License-Identifier: Apache-2.0
 * room: who goes when a bounded store is full: whatever is oldest, be it an event or a person who was unseen longest. Storage
 * threads.
 *
 * Tombstones and tickets stay: forgetting either would break a promise. They are small, and have a lifetime of their own. */
#include "codec.h"
#include "store.h"

static int first_of(struct weigate_handle *handle, enum table table, bool *ret_is_found, struct key *ret_key,
                    struct map_bytes *ret_value) {
  struct key prefix = key_of(table);
  return store_next(handle, &prefix, &prefix, false, ret_is_found, ret_key, ret_value);
}

static int evict_person(struct weigate_handle *handle, const struct key *seen) {
  struct weigate_person person;
  struct weigate_text appid, openid;
  struct map_bytes pair = {seen->bytes + 9, seen->size - 9};
  bool is_found;
  if (seen->size < 9 || !key_split(pair, &appid, &openid)) return store_corrupt(handle, "a time of last seeing");
  int class = people_get(handle, appid, openid, &is_found, &person, NULL);
  if (class != WEIGATE_OK) return class;
  class = is_found ? people_remove(handle, &person) : store_remove(handle, seen);
  return class == WEIGATE_OK ? events_remove_days(handle, appid, openid) : class;
}

/* Of the oldest event and the longest unseen person, the older one. */
static int evict_one(struct weigate_handle *handle, size_t *evicted, uint64_t *people) {
  struct key event, seen;
  struct map_bytes event_value, nothing;
  bool has_event, has_person;
  int class = first_of(handle, TABLE_SEEN, &has_person, &seen, &nothing);
  if (class == WEIGATE_OK) class = first_of(handle, TABLE_EVENT, &has_event, &event, &event_value);
  if (class != WEIGATE_OK || (!has_event && !has_person)) return class;
  ++*evicted;
  if (has_event && (!has_person || key_read_number(event.bytes + 1) <= key_read_number(seen.bytes + 1)))
    return events_evict(handle, &event, event_value);
  ++*people;
  return evict_person(handle, &seen);
}

int room_evict(struct weigate_handle *handle, size_t count, size_t *ret_evicted) {
  uint64_t before, people = 0;
  int class = store_get_meta(handle, META_EVICTED, &before);
  for (size_t i = 0; i < count && class == WEIGATE_OK && *ret_evicted == i; i++) class = evict_one(handle, ret_evicted, &people);
  if (class == WEIGATE_OK && people && !before)
    handle->host->log(WEIGATE_LOG_WARN, "the store is full: from now on those who were unseen longest make room for others");
  return class == WEIGATE_OK && people ? store_put_meta(handle, META_EVICTED, before + people) : class;
}
