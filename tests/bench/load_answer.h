/* SPDX-License-Identifier: Apache-2.0
 * load_answer: reads one HTTP/1.1 answer as far as a visitor needs it. */
#ifndef WEIGATE_BENCH_LOAD_ANSWER_H
#define WEIGATE_BENCH_LOAD_ANSWER_H

#include <stdbool.h>

#include "base/text.h"

/* weigate deletes up to five login cookies and sets one. */
#define ANSWER_COOKIES_MAX 8

struct answer {
  int status;
  struct str location;                    /* of the bytes that were read, as all texts here */
  struct str cookies[ANSWER_COOKIES_MAX]; /* name=value, without attributes; deleted ones left out */
  size_t cookies_count;
  bool is_last; /* the peer closes the connection */
};

enum answer_verdict { ANSWER_MORE, ANSWER_WHOLE, ANSWER_BROKEN };

/* Looks at everything that came since the request was sent. Any thread. */
enum answer_verdict answer_read(struct str bytes, struct answer *ret_answer);

#endif
