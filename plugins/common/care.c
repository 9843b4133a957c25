/* SPDX-License-Identifier: Apache-2.0
 * care: health, and what is past its time. Storage threads. */
#include <stdio.h>
#include <string.h>

#include "codec.h"
#include "store.h"

/* Longer than any queue, copy or backup that may still bring an erased person's old writes: 90 days. */
#define TOMBSTONE_KEEP_US (INT64_C(90) * 86400 * 1000000)
/* Entries that one transaction takes out: some milliseconds during which sign-ins wait. */
#define BITE_COUNT 128
/* Entries that one read looks at: a long read keeps the pages of its moment from being used again. */
#define LOOK_COUNT 4096

int records_health(struct weigate_handle *handle, struct weigate_call *call, struct weigate_health *ret_health) {
  struct weigate_health health;
  memset(&health, 0, sizeof(health));
  health.state = WEIGATE_UP;
  health.schema_version = RECORDS_SCHEMA;
  snprintf(health.text, sizeof(health.text), "up");
  int class = store_enter(handle, call);
  if (class == WEIGATE_OK) class = handle->ops->begin(handle, false);
  if (class != WEIGATE_OK) return class;
  class = store_get_meta(handle, META_PEOPLE, &health.people_estimate);
  if (class == WEIGATE_OK) class = handle->ops->measure(handle, &health);
  uint64_t evicted = 0;
  if (class == WEIGATE_OK) class = store_get_meta(handle, META_EVICTED, &evicted);
  handle->ops->end(handle);
  if (class != WEIGATE_OK) return class;
  if (evicted && health.state == WEIGATE_UP)
    snprintf(health.text, sizeof(health.text), "up; %llu who were unseen longest had to make room", (unsigned long long)evicted);
  uint32_t size = ret_health->struct_size < sizeof(health) ? ret_health->struct_size : (uint32_t)sizeof(health);
  health.struct_size = ret_health->struct_size;
  memcpy(ret_health, &health, size);
  return WEIGATE_OK;
}

/* --- what is past its time --- */

/* One table: who is due, and how one goes. `text` of a due entry may lie in the map. */
struct expiry {
  enum table table;
  bool (*is_due)(struct map_bytes value, int64_t now_us);
  int (*drop)(struct weigate_handle *handle, const struct key *key, struct map_bytes value);
};

static bool is_ticket_due(struct map_bytes value, int64_t now_us) {
  struct weigate_ticket ticket;
  uint64_t number;
  return codec_read_ticket(value, &ticket, &number) && ticket.expires_at_us <= now_us;
}

static int drop_ticket(struct weigate_handle *handle, const struct key *key, struct map_bytes value) {
  struct weigate_ticket ticket;
  struct weigate_text kind, rest;
  struct map_bytes pair = {key->bytes + 1, key->size - 1};
  uint64_t number;
  if (!key_split(pair, &kind, &rest) || !codec_read_ticket(value, &ticket, &number)) return store_corrupt(handle, "a ticket");
  struct key lead = key_number(kind, number);
  int class = store_remove(handle, &lead);
  return class == WEIGATE_OK ? store_remove(handle, key) : class;
}

static bool is_token_due(struct map_bytes value, int64_t now_us) {
  struct weigate_person person;
  int64_t changed_us;
  return codec_read_person(value, &person, &changed_us) && person.has & WEIGATE_PERSON_TOKEN &&
         person.token_refresh_expires_us > 0 && person.token_refresh_expires_us <= now_us;
}

static int drop_token(struct weigate_handle *handle, const struct key *key, struct map_bytes value) {
  struct weigate_person person;
  int64_t changed_us;
  if (!codec_read_person(value, &person, &changed_us)) return store_corrupt(handle, "a person");
  person.has &= ~WEIGATE_PERSON_TOKEN;
  return store_put(handle, key, codec_write_person(handle->value, &person, changed_us));
}

static bool is_tombstone_due(struct map_bytes value, int64_t now_us) {
  struct weigate_stamp stamp;
  int64_t changed_us;
  return codec_read_stamp(value, &stamp, &changed_us) && changed_us <= now_us - TOMBSTONE_KEEP_US;
}

static int drop_entry(struct weigate_handle *handle, const struct key *key, struct map_bytes value) {
  (void)value;
  return store_remove(handle, key);
}

static const struct expiry expiries[] = {
    {TABLE_TICKET, is_ticket_due, drop_ticket},
    {TABLE_PERSON, is_token_due, drop_token},
    {TABLE_TOMBSTONE, is_tombstone_due, drop_entry},
};

/* What one look found. */
struct bite {
  const struct expiry *expiry;
  struct key at; /* how far the table was looked at */
  bool is_end;
  size_t count;
  struct key keys[BITE_COUNT];
};

/* A read: looks on from where the last one ended, until the bite is full. */
static int look(struct weigate_handle *handle, struct bite *bite) {
  struct key prefix = key_of(bite->expiry->table);
  struct map_bytes value;
  int class = handle->ops->begin(handle, false);
  if (class != WEIGATE_OK) return class;
  bite->count = 0;
  for (size_t i = 0; i < LOOK_COUNT && bite->count < BITE_COUNT && class == WEIGATE_OK; i++) {
    bool is_found;
    class = store_next(handle, &prefix, &bite->at, true, &is_found, &bite->at, &value);
    bite->is_end = class == WEIGATE_OK && !is_found;
    if (class != WEIGATE_OK || bite->is_end) break;
    if (bite->expiry->is_due(value, handle->now_us)) bite->keys[bite->count++] = bite->at;
  }
  handle->ops->end(handle);
  return class;
}

/* A write: what is still due goes. */
static int drop(struct weigate_handle *handle, void *context) {
  const struct bite *bite = context;
  int class = WEIGATE_OK;
  for (size_t i = 0; i < bite->count && class == WEIGATE_OK; i++) {
    struct map_bytes value;
    bool is_found;
    class = store_get(handle, &bite->keys[i], &is_found, &value);
    if (class == WEIGATE_OK && is_found && bite->expiry->is_due(value, handle->now_us))
      class = bite->expiry->drop(handle, &bite->keys[i], value);
  }
  return class;
}

static int expire_table(struct weigate_handle *handle, struct bite *bite, const struct expiry *expiry) {
  int class = WEIGATE_OK;
  bite->expiry = expiry;
  bite->at = key_of(expiry->table);
  bite->is_end = false;
  while (class == WEIGATE_OK && !bite->is_end && handle->host->mono_ms() < handle->deadline_ms) {
    class = look(handle, bite);
    if (class == WEIGATE_OK && bite->count) class = store_write(handle, drop, bite, false);
  }
  return class;
}

int records_maintain(struct weigate_handle *handle, struct weigate_call *call, uint32_t work) {
  struct bite bite;
  int class = store_enter(handle, call);
  if (class != WEIGATE_OK) return class;
  if (work & ~(WEIGATE_MAINTAIN_EXPIRE | WEIGATE_MAINTAIN_COMPACT)) return store_invalid(handle, "maintain: unknown work");
  for (size_t i = 0; i < sizeof(expiries) / sizeof(expiries[0]) && work & WEIGATE_MAINTAIN_EXPIRE && class == WEIGATE_OK; i++)
    class = expire_table(handle, &bite, &expiries[i]);
  return class == WEIGATE_OK && work & WEIGATE_MAINTAIN_COMPACT ? handle->ops->compact(handle) : class;
}
