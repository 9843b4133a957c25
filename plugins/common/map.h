/* SPDX-License-Identifier: Apache-2.0
 * map: what a store must be able to do so that records.h keeps people in it: an ordered map of bytes to bytes with transactions.
 */
#ifndef WEIGATE_COMMON_MAP_H
#define WEIGATE_COMMON_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <weigate/storage.h>

/* The longest key: a letter, unionid, appid and openid with a NUL between; rounded up to eight. */
#define MAP_KEY_MAX 328
/* The longest value: a person with every text at its limit (24,992 bytes), six stamps and two bytes of length for each text. */
#define MAP_VALUE_MAX 26624

struct map_bytes {
  const uint8_t *bytes;
  size_t size;
};

/* Each returns WEIGATE_OK, or a class after saying why with records_fail(). Keys are compared byte by byte, a shorter one comes
 * first. A transaction is of one handle, and sees its own changes. */
struct map_ops {
  /* is_write: waits for its turn, until handle->deadline_ms at most; what others committed before is seen. */
  int (*begin)(struct weigate_handle *handle, bool is_write);
  /* All that was put and removed becomes visible and as durable as the plugin promises, or nothing does; ends the transaction
   * either way. */
  int (*commit)(struct weigate_handle *handle);
  /* Ends a transaction without a trace, of reading too. */
  void (*end)(struct weigate_handle *handle);
  /* The first entry at or behind the key; ret_key->size is 0 where there is none. Valid until the next put, remove, commit or
   * end. */
  int (*seek)(struct weigate_handle *handle, struct map_bytes key, struct map_bytes *ret_key, struct map_bytes *ret_value);
  /* Inserts or replaces. The bytes are the caller's again on return, and never lie in the map. */
  int (*put)(struct weigate_handle *handle, struct map_bytes key, struct map_bytes value);
  /* No error where there is nothing under the key. */
  int (*remove)(struct weigate_handle *handle, struct map_bytes key);
  /* Makes sure that what was removed cannot be read in the store's files; outside of transactions. */
  int (*compact)(struct weigate_handle *handle);
  /* state, size_bytes, free_bytes and text, where there is more to say than "up"; inside a transaction. */
  int (*measure)(struct weigate_handle *handle, struct weigate_health *health);
  /* A bounded store: false when the oldest has to go before more is put; inside a transaction. NULL: the store has no bound. */
  bool (*has_room)(struct weigate_handle *handle);
};

/* A plugin's handle begins with this one. */
struct weigate_handle {
  const struct map_ops *ops;
  const struct weigate_host *host;
  struct weigate_call *call; /* the call in progress, with its deadline by host->mono_ms and its time by host->now_us */
  uint64_t deadline_ms;
  int64_t now_us;
  int64_t people_added; /* by the transaction in progress; negative where people went */
  uint8_t value[MAP_VALUE_MAX];
};

#endif
