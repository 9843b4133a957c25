/* SPDX-License-Identifier: Apache-2.0
 * people: person records in and out of their tables. */
#ifndef WEIGATE_FILE_PEOPLE_H
#define WEIGATE_FILE_PEOPLE_H

#include "handle.h"

/* The hash that stands for an erased person. */
void people_hash(const struct weigate_store *store, struct weigate_text appid, struct weigate_text openid, uint8_t ret_hash[32]);
/* The tombstone under a hash. An SQLite code. */
int people_tombstone(struct weigate_handle *handle, const uint8_t hash[32], bool *ret_is_found, struct weigate_stamp *ret_stamp);

/* The tombstone of a key, inside a write transaction. An SQLite code. */
int people_tombstone_of(struct weigate_handle *handle, struct weigate_text appid, struct weigate_text openid, bool *ret_is_found,
                        struct weigate_stamp *ret_stamp);

/* Merges a checked write inside a write transaction. An SQLite code. */
int people_merge_one(struct weigate_handle *handle, const struct weigate_person *write, enum weigate_item *ret_outcome);
/* Writes a whole record in the place of the one that is there. An SQLite code. */
int people_replace(struct weigate_handle *handle, const struct weigate_person *person);

/* Fills the record from the row that PERSON_GET or PERSON_SCAN stands on; texts are valid until it moves on. */
void people_from_row(sqlite3_stmt *row, struct weigate_person *ret_person);
/* Adds what `want` asks for beyond the row: token and counts. Texts are valid until the next call. An SQLite code. */
int people_complete(struct weigate_handle *handle, uint32_t want, struct weigate_person *person);

/* The plugin's call of the same name. */
int people_load(struct weigate_handle *handle, struct weigate_call *call, const struct weigate_keys *keys, uint32_t want,
                weigate_person_sink sink, void *context);

#endif
