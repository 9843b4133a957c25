/* SPDX-License-Identifier: Apache-2.0
 * people: reads a record, merges in memory, writes it back with the keys that lead to it. Storage threads. */
#include <string.h>

#include "check.h"
#include "codec.h"
#include "merge.h"
#include "store.h"

void people_hash(const struct weigate_handle *handle, struct weigate_text appid, struct weigate_text openid,
                 uint8_t ret_hash[32]) {
  struct key key = key_person(appid, openid);
  handle->host->digest(key.bytes + 1, key.size - 1, ret_hash);
}

int people_tombstone(struct weigate_handle *handle, const uint8_t hash[32], bool *ret_is_found, struct weigate_stamp *ret_stamp) {
  struct key key = key_tombstone(hash);
  struct map_bytes value;
  int64_t changed_us;
  int class = store_get(handle, &key, ret_is_found, &value);
  if (class != WEIGATE_OK || !*ret_is_found) return class;
  return codec_read_stamp(value, ret_stamp, &changed_us) ? WEIGATE_OK : store_corrupt(handle, "a tombstone");
}

int people_get(struct weigate_handle *handle, struct weigate_text appid, struct weigate_text openid, bool *ret_is_found,
               struct weigate_person *ret_person, int64_t *ret_changed_us) {
  struct key key = key_person(appid, openid);
  struct map_bytes value;
  int64_t changed_us = 0;
  int class = store_get(handle, &key, ret_is_found, &value);
  if (class != WEIGATE_OK || !*ret_is_found) return class;
  if (!codec_read_person(value, ret_person, &changed_us)) return store_corrupt(handle, "a person");
  ret_person->appid = appid;
  ret_person->openid = openid;
  if (ret_changed_us) *ret_changed_us = changed_us;
  return WEIGATE_OK;
}

/* --- writing --- */

/* The keys that lead to a person, kept apart from the record: its texts go when the map changes. */
struct leads {
  struct key person, seen, unionid;
  bool has_unionid;
};

static struct leads leads_of(const struct weigate_person *p) {
  struct leads leads;
  leads.person = key_person(p->appid, p->openid);
  leads.seen = key_seen(p->last_seen_us, p->appid, p->openid);
  leads.has_unionid = (p->has & WEIGATE_PERSON_UNIONID) != 0;
  leads.unionid = leads.has_unionid ? key_unionid(p->unionid, p->appid, p->openid) : key_of(TABLE_UNIONID);
  return leads;
}

static bool is_same_key(const struct key *a, const struct key *b) {
  return a->size == b->size && memcmp(a->bytes, b->bytes, a->size) == 0;
}

/* Takes the old lead away and puts the new one, where they differ. */
static int move_lead(struct weigate_handle *handle, const struct key *old, const struct key *fresh) {
  struct map_bytes nothing = {NULL, 0};
  int class = WEIGATE_OK;
  if (old && fresh && is_same_key(old, fresh)) return WEIGATE_OK;
  if (old) class = store_remove(handle, old);
  return class == WEIGATE_OK && fresh ? store_put(handle, fresh, nothing) : class;
}

int people_put(struct weigate_handle *handle, const struct weigate_person *old, const struct weigate_person *person) {
  struct leads before, after = leads_of(person);
  if (old) before = leads_of(old);
  struct map_bytes value = codec_write_person(handle->value, person, handle->now_us);
  int class = store_put(handle, &after.person, value);
  if (class == WEIGATE_OK) class = move_lead(handle, old ? &before.seen : NULL, &after.seen);
  if (class == WEIGATE_OK)
    class = move_lead(handle, old && before.has_unionid ? &before.unionid : NULL, after.has_unionid ? &after.unionid : NULL);
  if (!old) handle->people_added++;
  return class;
}

int people_remove(struct weigate_handle *handle, const struct weigate_person *person) {
  struct leads leads = leads_of(person);
  int class = store_remove(handle, &leads.person);
  if (class == WEIGATE_OK) class = store_remove(handle, &leads.seen);
  if (class == WEIGATE_OK && leads.has_unionid) class = store_remove(handle, &leads.unionid);
  handle->people_added--;
  return class;
}

int people_merge_one(struct weigate_handle *handle, const struct weigate_person *write, enum weigate_item *ret_outcome) {
  struct weigate_person fresh = *write, stored, merged;
  struct weigate_stamp tombstone;
  uint8_t hash[32];
  bool is_erased, is_found;
  merge_drop_unknown(&fresh);
  fresh.has &= ~WEIGATE_PERSON_COUNTS;
  people_hash(handle, fresh.appid, fresh.openid, hash);
  int class = people_tombstone(handle, hash, &is_erased, &tombstone);
  if (class != WEIGATE_OK) return class;
  *ret_outcome = WEIGATE_ITEM_ERASED;
  if (is_erased && !merge_erase(&fresh, &tombstone)) return WEIGATE_OK;
  class = people_get(handle, fresh.appid, fresh.openid, &is_found, &stored, NULL);
  if (class != WEIGATE_OK) return class;
  *ret_outcome = WEIGATE_ITEM_NEW;
  if (!is_found) return people_put(handle, NULL, &fresh);
  merged = stored;
  struct merge_change change = merge_person(&merged, &fresh);
  *ret_outcome = change.outcome;
  return change.is_changed ? people_put(handle, &stored, &merged) : WEIGATE_OK;
}

/* --- reading --- */

int people_complete(struct weigate_handle *handle, uint32_t want, struct weigate_person *person) {
  struct weigate_text nothing = {NULL, 0};
  if (!(want & WEIGATE_WANT_TOKEN)) {
    person->has &= ~WEIGATE_PERSON_TOKEN;
    person->token_sealed = nothing;
    person->token_access_expires_us = person->token_refresh_expires_us = 0;
    memset(&person->token_stamp, 0, sizeof(person->token_stamp));
  }
  return want & WEIGATE_WANT_COUNTS ? events_count(handle, person) : WEIGATE_OK;
}

static struct weigate_key key_at(const struct weigate_keys *keys, size_t index) {
  return check_copy_key((const void *)((const char *)keys->items + index * keys->stride));
}

static int load_one(struct weigate_handle *handle, const struct weigate_key *key, uint32_t want, size_t index,
                    weigate_person_sink sink, void *context, bool *ret_is_enough) {
  struct weigate_person person;
  bool is_found;
  int class = people_get(handle, key->appid, key->openid, &is_found, &person, NULL);
  if (class == WEIGATE_OK && is_found) class = people_complete(handle, want, &person);
  if (class == WEIGATE_OK) *ret_is_enough = sink(context, index, is_found ? &person : NULL) != 0;
  return class;
}

int records_load_people(struct weigate_handle *handle, struct weigate_call *call, const struct weigate_keys *keys, uint32_t want,
                        weigate_person_sink sink, void *context) {
  bool is_enough = false;
  int class = store_enter(handle, call);
  if (class != WEIGATE_OK) return class;
  if (!check_shape(keys->stride, keys->count, sizeof(struct weigate_key)))
    return store_invalid(handle, "load_people: count or stride");
  if (want & ~STORE_WANT_ALL) return store_invalid(handle, "load_people: unknown bits in want");
  for (size_t i = 0; i < keys->count; i++) {
    struct weigate_key key = key_at(keys, i);
    if (check_key(&key)) return store_invalid(handle, "load_people: a key breaks a limit");
  }
  class = handle->ops->begin(handle, false);
  if (class != WEIGATE_OK) return class;
  for (size_t i = 0; i < keys->count && class == WEIGATE_OK && !is_enough; i++) {
    struct weigate_key key = key_at(keys, i);
    class = store_check_time(handle);
    if (class == WEIGATE_OK) class = load_one(handle, &key, want, i, sink, context, &is_enough);
  }
  handle->ops->end(handle);
  return class;
}
