/* SPDX-License-Identifier: Apache-2.0
 * outcome: every way a request can end is one row of one table: status, sentence for the person, word for programs, log level,
 * counter. */
#ifndef WEIGATE_SIGNIN_OUTCOME_H
#define WEIGATE_SIGNIN_OUTCOME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log.h"
#include "base/metrics.h"
#include "web/page.h"

enum outcome {
  OUTCOME_SIGNED_IN,
  OUTCOME_SIGNED_IN_GUEST,
  OUTCOME_SIGNED_OUT,
  OUTCOME_SIGN_OUT_UNFINISHED,
  OUTCOME_HANDED_OVER,
  OUTCOME_ESCALATED,
  OUTCOME_REDIRECTED,
  OUTCOME_QR_SHOWN,
  OUTCOME_RESTARTED,
  OUTCOME_NOT_SIGNED_IN,
  OUTCOME_STATE_MISSING,
  OUTCOME_STATE_MISMATCH,
  OUTCOME_STATE_EXPIRED,
  OUTCOME_QR_EXPIRED,
  OUTCOME_CODE_REJECTED,
  OUTCOME_DENIED,
  OUTCOME_BLOCKED,
  OUTCOME_SNAPSHOT_USER,
  OUTCOME_SNAPSHOT_REFUSED,
  OUTCOME_UPSTREAM_UNAVAILABLE,
  OUTCOME_UPSTREAM_TIMEOUT,
  OUTCOME_UPSTREAM_QUOTA,
  OUTCOME_ACCOUNT_MISCONFIGURED,
  OUTCOME_STORAGE_UNAVAILABLE,
  OUTCOME_OVERLOADED,
  OUTCOME_BAD_REQUEST,
  OUTCOME_FOREIGN_ORIGIN,
  OUTCOME_PAYLOAD_TOO_LARGE,
  OUTCOME_UNSUPPORTED_MEDIA_TYPE,
  OUTCOME_METHOD_NOT_ALLOWED,
  OUTCOME_NOT_FOUND,
  OUTCOME_NO_RANDOM,
  OUTCOME_COUNT
};

/* What the page offers as the way on: nothing; the sign-in anew; the same request once more, by itself after retry_after_s; the
 * site.
 */
enum outcome_way { OUTCOME_WAY_NONE, OUTCOME_WAY_AGAIN, OUTCOME_WAY_RETRY, OUTCOME_WAY_HOME };

struct outcome_row {
  const char *word;  /* in events, metrics and logs */
  const char *error; /* the stable word for API clients; NULL where it is no error */
  int status;
  enum log_level level;
  enum page_icon icon;
  enum outcome_way way;
  uint32_t retry_after_s; /* Retry-After, unless WeChat named another time; 0: none */
  const char *title_zh, *title_en;
  const char *sentence_zh, *sentence_en;
};

const struct outcome_row *outcome_row(enum outcome outcome);
/* The row with that word. Any thread. */
bool outcome_find(struct str word, enum outcome *ret_outcome);
/* Counts it. Any thread. */
void outcome_count(enum outcome outcome);
/* Registers the counters. Before metrics_start(). */
void outcome_register(void);

#endif
