/* SPDX-License-Identifier: Apache-2.0
 * refresh_run: finds the people whose profile is stale, and refreshes them, some at once, in a loop of weigatectl's own. */
#ifndef WEIGATE_CTL_REFRESH_RUN_H
#define WEIGATE_CTL_REFRESH_RUN_H

#include "base/coro.h"
#include "ctl/people.h"
#include "ctl/progress.h"
#include "signin/account.h"

/* What became of one person. */
enum refresh_end {
  REFRESH_DONE,
  REFRESH_AGAIN,     /* no token that WeChat would take: the person has to sign in again */
  REFRESH_BLOCKED,   /* WeChat has frozen or blocked the person */
  REFRESH_ELSEWHERE, /* somebody else refreshes or has refreshed the person, or the person is gone */
  REFRESH_FAILED,
  REFRESH_LEFT /* the run was stopped: as if not begun */
};
#define REFRESH_END_COUNT 6

/* Why a run ends before everybody had their turn. */
enum refresh_stop {
  REFRESH_GOES_ON,
  REFRESH_STOP_MINUTE,  /* quota of the minute */
  REFRESH_STOP_DAY,     /* quota of the day */
  REFRESH_STOP_REFUSED, /* wrong appid, banned account and the like */
  REFRESH_STOP_AWAY,    /* WeChat does not answer */
  REFRESH_STOP_STORE,
  REFRESH_STOP_SIGNAL
};

/* One appid: an account, or its website app. */
struct refresh_target {
  const struct account_settings *settings;
  const char *appid;
  bool is_website;
  uint64_t stale;   /* profiles that are too old */
  uint64_t askable; /* of these with a token that is not over yet */
  uint64_t ends[REFRESH_END_COUNT];
};

struct refresh_run {
  const struct people *people;
  const struct people *mirror; /* NULL without storage.mirror; gets what the store gets */
  int64_t stale_before_us;     /* profiles seen earlier are stale */
  uint64_t rate;               /* people a second */
  uint64_t left;               /* how many may still be asked about */
  struct progress progress;
  enum refresh_stop stop;
  struct err why; /* the sentence for the stop, or for the last person that failed */
  /* private */
  struct loop *loop;
  struct coro_pool *coros;
  size_t in_flight;
  uint64_t next_us; /* when the next person may begin */
  struct account account;
  struct refresh_target *target;
};

/* Counts stale and askable people of the target. */
int refresh_run_count(const struct refresh_run *run, struct refresh_target *target, struct err *err);
/* Makes loop and coroutines. */
int refresh_run_start(struct refresh_run *run, struct err *err);
void refresh_run_end(struct refresh_run *run);
/* Refreshes the target's stale people until all had their turn, the limit is reached, or run->stop. -1 where it could not even
 * begin, or the store failed. */
int refresh_run_target(struct refresh_run *run, struct refresh_target *target, struct err *err);

#endif
