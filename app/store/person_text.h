/* SPDX-License-Identifier: Apache-2.0
 * person_text: a stored person whole, with every stamp, as one JSON object or one CSV row, and back: what people export writes
 * and people import reads. Tokens have no column: they leave the store in no file. */
#ifndef WEIGATE_STORE_PERSON_TEXT_H
#define WEIGATE_STORE_PERSON_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <weigate/storage.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/text.h"

struct cJSON;

/* All texts at their limits, every byte of them escaped to six, and the names. */
#define PERSON_TEXT_MAX_BYTES 131072
/* A stamp's text: the time to the microsecond, a blank, 16 bytes in hex. */
#define PERSON_STAMP_BYTES 64

enum person_kind {
  PERSON_TEXT,
  PERSON_JSON, /* an array or object that is stored as its text */
  PERSON_SEX,
  PERSON_TIME,
  PERSON_STAMP,
  PERSON_HASH,
  PERSON_COUNT, /* given out, not taken in */
  PERSON_COUNT_TIME
};

/* One field of the record; the order of the table is that of the CSV columns. */
struct person_column {
  const char *name;
  enum person_kind kind;
  size_t offset;  /* in struct weigate_person */
  uint32_t group; /* the WEIGATE_PERSON_… it belongs to; 0: always there */
};
extern const struct person_column person_columns[];
extern const size_t person_columns_count;

/* Appends one object without a line end. Every member is there: texts of absent groups are "", stamps and times null. It is valid
 * JSON in valid UTF-8 whatever the store holds. Any thread. */
void person_text_add_json(struct buf *out, const struct weigate_person *person);
/* Appends the field's text as a CSV cell holds it, before quoting; nothing for an absent one. Any thread. */
void person_text_add_plain(struct buf *out, const struct weigate_person *person, const struct person_column *column);

/* A record that was read; the slices of `person` point into the rest, which person_text_done() releases. */
struct person_text {
  struct weigate_person person;
  struct cJSON *object;
  char *line;
};

/* Reads what person_text_add_json() wrote (members in any order; counts may be missing and are not taken in). A group is there
 * when its stamp is. Refused with a sentence that names the member: an unknown or repeated one, a wrong type, a field without its
 * stamp, ids that are none. Any thread. */
int person_text_read(struct str line, struct person_text *ret_text, struct err *err);
void person_text_done(struct person_text *text);
/* True if an object of these names is such a record and not one of another system: it speaks of stamps. Any thread. */
bool person_text_is_stamp(struct str name);

/* "[A-Za-z0-9_-]", 1 to WEIGATE_OPENID_MAX bytes. Any thread. */
bool person_is_openid(struct str openid);

#endif
