/* SPDX-License-Identifier: Apache-2.0
 * answer: one JSON object in the making, as WeChat writes it: member by member, and where a fault asks for it, wrongly. */
#ifndef WEIGATE_SANDBOX_ANSWER_H
#define WEIGATE_SANDBOX_ANSWER_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "faults.h"

/* userinfo has 10 members, a fault adds at most FAULT_PAIRS_MAX and errcode and errmsg. */
#define ANSWER_MEMBERS_MAX 32

struct member {
  const char *name;
  size_t at, length; /* raw JSON in `text` */
};

struct answer {
  struct buf text;
  struct member members[ANSWER_MEMBERS_MAX];
  size_t count;
};

void answer_init(struct answer *answer);
void answer_done(struct answer *answer);
/* Adds or replaces a member. Names must outlive the answer. */
void answer_add_raw(struct answer *answer, const char *name, struct str json);
void answer_add_number(struct answer *answer, const char *name, int64_t number);
/* The text must need no escapes: an id, a token, a word. */
void answer_add_word(struct answer *answer, const char *name, const char *word);
/* With every slash as \/, as WeChat does. */
void answer_add_url(struct answer *answer, const char *name, struct str url);
void answer_remove(struct answer *answer, const char *name);
/* Puts errcode and errmsg in front; errcode is raw JSON. */
void answer_add_error(struct answer *answer, struct str errcode, struct str errmsg);
/* Appends the object, changed as the fault says (NULL: not at all). */
void answer_write(struct answer *answer, const struct fault *fault, struct buf *out);

/* WeChat's sentence for an errcode, without the rid tail. */
const char *answer_errmsg(int64_t errcode);

#endif
