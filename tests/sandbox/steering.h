/* SPDX-License-Identifier: Apache-2.0
 * steering: what the next authorize requests do without showing a page, set by PUT /sandbox/next. */
#ifndef WEIGATE_SANDBOX_STEERING_H
#define WEIGATE_SANDBOX_STEERING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/text.h"

struct cJSON;

/* What a visitor does on the page. */
enum visit_answer {
  ANSWER_ASK, /* show the page */
  ANSWER_AGREE,
  ANSWER_DECLINE,  /* back with the state and no code */
  ANSWER_AUTHDENY, /* back with code=authdeny, as some clients have seen */
  ANSWER_CLOSE,    /* never comes back */
  ANSWER_COUNT,
};

struct steering;

struct steering *steering_new(void);
void steering_free(struct steering *steering);

/* {"person": id, "answer": word, "count": n}; -1 with a sentence. Any thread. */
int steering_set(struct steering *steering, const struct cJSON *object, struct err *err);
void steering_clear(struct steering *steering);
/* Uses one turn up: the person (PERSON_NONE: not said) and the answer (ANSWER_ASK: not said). Any thread. */
void steering_take(struct steering *steering, uint32_t *ret_person, enum visit_answer *ret_answer);
void steering_json(struct steering *steering, struct buf *out);

/* ANSWER_COUNT if there is no such word. */
enum visit_answer steering_answer_find(struct str word);
const char *steering_answer_name(enum visit_answer answer);

#endif
