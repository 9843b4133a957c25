/* SPDX-License-Identifier: Apache-2.0
 * text: a growing buffer and the few spellings in which values travel: JSON, hex, ISO times. */
#ifndef WEIGATE_POSTGRES_TEXT_H
#define WEIGATE_POSTGRES_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <weigate/storage.h>

/* Terminated whenever it is not failed; failed stays set until text_clear(). */
struct text {
  char *bytes;
  size_t size, room;
  bool failed; /* out of memory */
};

void text_clear(struct text *text);
void text_free(struct text *text);
void text_add(struct text *text, const char *bytes, size_t size);
/* Wipes what was written, for it holds personal data. */
void text_wipe(struct text *text, const struct weigate_host *host);

/* An array of objects: json_open(), per item json_item() and members, json_close(). Keys are literals. */
void json_open(struct text *text);
void json_item(struct text *text, size_t index);
void json_item_end(struct text *text);
void json_close(struct text *text);
void json_text(struct text *text, const char *key, struct weigate_text value);
void json_number(struct text *text, const char *key, int64_t value);
void json_bool(struct text *text, const char *key, bool value);
void json_bytes(struct text *text, const char *key, const void *bytes, size_t size); /* as bytea reads them */
void json_uuid(struct text *text, const char *key, const uint8_t id[16]);
void json_time(struct text *text, const char *key, int64_t at_us);

/* Reading results. */
int64_t text_number(const char *value);
/* Hex digits, with or without a leading \x and dashes, into at most `room` bytes; returns how many. `to` may be `from`. */
size_t text_unhex(const char *from, void *to, size_t room);

#endif
