/* SPDX-License-Identifier: Apache-2.0
 * events: inserted once, counted once per day of the person's; an erased person's stay as numbers. Storage threads. */
#include <string.h>

#include "codec.h"
#include "store.h"

static struct key below_person(enum table table, struct weigate_text appid, struct weigate_text openid) {
  struct key key = key_of(table);
  key_add_text(&key, appid);
  key_add_text(&key, openid);
  return key;
}

static int count_login(struct weigate_handle *handle, const struct key *day, int64_t at_us) {
  struct map_bytes value;
  uint64_t count = 0;
  int64_t last_us = 0;
  bool is_found;
  int class = store_get(handle, day, &is_found, &value);
  if (class != WEIGATE_OK) return class;
  if (is_found && !codec_read_day(value, &count, &last_us)) return store_corrupt(handle, "a day");
  if (at_us > last_us) last_us = at_us;
  return store_put(handle, day, codec_write_day(handle->value, count + 1, last_us));
}

static bool is_login(const struct weigate_event *event) {
  return event->flags & WEIGATE_EVENT_LOGIN && event->openid.size;
}

/* The event of somebody who was erased after it stays as a number. */
static int forget_if_erased(struct weigate_handle *handle, struct weigate_event *event) {
  struct weigate_stamp tombstone;
  uint8_t hash[32];
  bool is_erased;
  people_hash(handle, event->appid, event->openid, hash);
  int class = people_tombstone(handle, hash, &is_erased, &tombstone);
  if (class == WEIGATE_OK && is_erased && event->event_at_us <= tombstone.at_us) event->openid.size = 0;
  return class;
}

int events_insert(struct weigate_handle *handle, const struct weigate_event *event, enum weigate_item *ret_outcome) {
  struct weigate_event fresh = *event;
  struct map_bytes value, nothing = {NULL, 0};
  struct key key = key_event(event->event_at_us, event->event_id);
  bool is_found;
  int class = store_get(handle, &key, &is_found, &value);
  if (class != WEIGATE_OK) return class;
  *ret_outcome = is_found ? WEIGATE_ITEM_DUPLICATE : WEIGATE_ITEM_NEW;
  if (is_found) return WEIGATE_OK;
  if (fresh.openid.size) class = forget_if_erased(handle, &fresh);
  if (class == WEIGATE_OK) class = store_put(handle, &key, codec_write_event(handle->value, &fresh, handle->now_us));
  if (class != WEIGATE_OK || !fresh.openid.size) return class;
  struct key lead = key_person_event(fresh.appid, fresh.openid, fresh.event_at_us, fresh.event_id);
  class = store_put(handle, &lead, nothing);
  if (class != WEIGATE_OK || !is_login(&fresh)) return class;
  struct key day = key_day(fresh.appid, fresh.openid, fresh.event_day);
  return count_login(handle, &day, fresh.event_at_us);
}

int events_count(struct weigate_handle *handle, struct weigate_person *person) {
  struct key prefix = below_person(TABLE_DAY, person->appid, person->openid), at = prefix;
  struct map_bytes value;
  bool is_found = true;
  int class = WEIGATE_OK;
  person->has |= WEIGATE_PERSON_COUNTS;
  person->login_count = person->login_days = 0;
  person->last_login_us = 0;
  for (;;) {
    uint64_t count;
    int64_t last_us;
    class = store_next(handle, &prefix, &at, true, &is_found, &at, &value);
    if (class != WEIGATE_OK || !is_found) return class;
    if (!codec_read_day(value, &count, &last_us)) return store_corrupt(handle, "a day");
    person->login_count += count;
    person->login_days++;
    if (last_us > person->last_login_us) person->last_login_us = last_us;
  }
}

int events_remove_days(struct weigate_handle *handle, struct weigate_text appid, struct weigate_text openid) {
  struct key prefix = below_person(TABLE_DAY, appid, openid), at = prefix;
  struct map_bytes value;
  for (;;) {
    bool is_found;
    int class = store_next(handle, &prefix, &at, true, &is_found, &at, &value);
    if (class != WEIGATE_OK || !is_found) return class;
    class = store_remove(handle, &at);
    if (class != WEIGATE_OK) return class;
  }
}

/* One event of the person: before the erasure it loses the name, after it it is counted anew. */
static int forget_one(struct weigate_handle *handle, const struct key *lead, size_t prefix_size, int64_t until_us) {
  struct weigate_event event;
  struct map_bytes value;
  struct key key = key_of(TABLE_EVENT);
  int64_t changed_us;
  bool is_found;
  key_add(&key, lead->bytes + prefix_size, lead->size - prefix_size);
  int class = store_get(handle, &key, &is_found, &value);
  if (class != WEIGATE_OK) return class;
  if (!is_found || !codec_read_event(value, &event, &changed_us)) return store_corrupt(handle, "an event");
  if (event.event_at_us > until_us) {
    struct key day = key_day(event.appid, event.openid, event.event_day);
    return is_login(&event) ? count_login(handle, &day, event.event_at_us) : WEIGATE_OK;
  }
  event.openid.size = 0;
  class = store_put(handle, &key, codec_write_event(handle->value, &event, handle->now_us));
  return class == WEIGATE_OK ? store_remove(handle, lead) : class;
}

int events_forget(struct weigate_handle *handle, struct weigate_text appid, struct weigate_text openid, int64_t until_us) {
  struct key prefix = below_person(TABLE_PERSON_EVENT, appid, openid), at = prefix;
  struct map_bytes value;
  int class = events_remove_days(handle, appid, openid);
  while (class == WEIGATE_OK) {
    bool is_found;
    class = store_next(handle, &prefix, &at, true, &is_found, &at, &value);
    if (class != WEIGATE_OK || !is_found) return class;
    class = forget_one(handle, &at, prefix.size, until_us);
  }
  return class;
}

int events_evict(struct weigate_handle *handle, const struct key *key, struct map_bytes value) {
  struct weigate_event event;
  struct weigate_person person;
  struct weigate_text appid, openid;
  int64_t changed_us;
  bool is_known = true;
  if (!codec_read_event(value, &event, &changed_us)) return store_corrupt(handle, "an event");
  if (!event.openid.size) return store_remove(handle, key);
  struct key lead = key_person_event(event.appid, event.openid, event.event_at_us, event.event_id);
  struct key who = key_person(event.appid, event.openid);
  struct map_bytes pair = {who.bytes + 1, who.size - 1};
  if (!key_split(pair, &appid, &openid)) return store_corrupt(handle, "an event");
  int class = store_remove(handle, key);
  if (class == WEIGATE_OK) class = store_remove(handle, &lead);
  if (class == WEIGATE_OK) class = people_get(handle, appid, openid, &is_known, &person, NULL);
  if (class == WEIGATE_OK && !is_known) class = events_remove_days(handle, appid, openid);
  return class;
}
