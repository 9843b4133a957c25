/* SPDX-License-Identifier: Apache-2.0
 * refresh_run: pages of stale people, a coroutine for each, and what WeChat's answer means for the person and for the run; the
 * program's only thread. The store is asked between two turns of the loop: nobody else waits for them. */
#include "ctl/refresh_run.h"

#include <string.h>

#include "base/clock.h"
#include "base/scope.h"
#include "signin/refresh.h"
#include "wechat/errcode.h"

/* WeChat answers within 0.2 s or so: enough for hundreds a second. */
#define IN_FLIGHT_MAX 64
/* People looked at in one call of the store, and the time that may take. */
#define PAGE_COUNT  256
#define PAGE_MAX_MS 30000
/* A look at one person. */
#define LOOK_MAX_MS 5000
/* The loop looks for a signal this often. */
#define TURN_MAX_MS 200

struct stale {
  char openid[WEIGATE_OPENID_MAX + 1];
  bool is_askable;
};

struct stale_page {
  struct weigate_scan scan;
  int64_t stale_before_us, now_us;
  struct stale people[PAGE_COUNT];
  size_t count;
};

/* A person whose turn it is; on the heap of the run's page. */
struct turn {
  struct refresh_run *run;
  const struct stale *stale;
};

/* What the store says of the person now. */
struct known {
  struct refresh *refresh;
  int64_t stale_before_us;
  int64_t first_seen_us, last_seen_us;
  bool is_stale, is_open;
};

/* --- who is stale ------------------------------------------------------------------------------------------------------------
 */

/* Somebody who agreed to show a profile, or has shown one. */
static bool is_stale(const struct weigate_person *person, int64_t before_us) {
  struct str scope = str_make(person->scope.bytes, person->scope.size);
  if (person->has & WEIGATE_PERSON_PROFILE) return person->profile_stamp.at_us < before_us;
  return str_contains_nocase(scope, STR("snsapi_userinfo")) || str_contains_nocase(scope, STR("snsapi_login"));
}

static int keep_stale(void *context, size_t index, const struct weigate_person *person) {
  struct stale_page *page = context;
  struct stale *stale = &page->people[page->count];
  (void)index;
  if (!is_stale(person, page->stale_before_us)) return 0;
  if (str_copy(str_make(person->openid.bytes, person->openid.size), stale->openid, sizeof stale->openid) != 0) return 0;
  stale->is_askable =
      (person->has & WEIGATE_PERSON_TOKEN) && person->token_sealed.size > 0 && person->token_refresh_expires_us > page->now_us;
  page->count++;
  return 0;
}

static void begin_pages(const struct refresh_run *run, const struct refresh_target *target, struct stale_page *page) {
  *page = (struct stale_page){
      .scan = {.struct_size = sizeof page->scan,
               .want = WEIGATE_WANT_TOKEN,
               .appid = {target->appid, strlen(target->appid)},
               .limit = PAGE_COUNT},
      .stale_before_us = run->stale_before_us,
      .now_us = clock_wall_us(),
  };
}

static int read_page(const struct people *people, struct stale_page *page, struct err *err) {
  struct weigate_call call = plugin_call(PAGE_MAX_MS);
  page->count = 0;
  int class = people->plugin.desc->scan_people(people->handle, &call, &page->scan, keep_stale, page);
  return class == WEIGATE_OK ? 0 : people_refuse(people, "cannot read people", class, &call, err);
}

int refresh_run_count(const struct refresh_run *run, struct refresh_target *target, struct err *err) {
  SCOPE_FREE struct stale_page *page = malloc(sizeof *page);
  if (!page) return err_set(err, "out of memory");
  begin_pages(run, target, page);
  do {
    if (read_page(run->people, page, err) != 0) return -1;
    for (size_t i = 0; i < page->count; i++) target->askable += page->people[i].is_askable;
    target->stale += page->count;
  } while (page->scan.cursor_size > 0 && !progress_is_interrupted());
  return 0;
}

/* --- one person in the store -------------------------------------------------------------------------------------------------
 */

/* The first reason to stop is the one that is told. */
static void stop(struct refresh_run *run, enum refresh_stop why) {
  if (run->stop == REFRESH_GOES_ON) run->stop = why;
}

static enum refresh_end stop_for_store(struct refresh_run *run, const char *what, int class, const struct weigate_call *call) {
  if (run->stop == REFRESH_GOES_ON) people_refuse(run->people, what, class, call, &run->why);
  stop(run, REFRESH_STOP_STORE);
  return REFRESH_LEFT;
}

static struct weigate_tickets list_one(const struct weigate_ticket *ticket) {
  return (struct weigate_tickets){
      .struct_size = sizeof(struct weigate_tickets), .stride = sizeof *ticket, .count = 1, .items = ticket};
}

/* REFRESH_DONE: it is ours. A store without tickets cannot tell. */
static enum refresh_end claim_person(struct refresh_run *run, const struct weigate_ticket *ticket) {
  const struct weigate_tickets_v1 *tickets = run->people->plugin.tickets;
  struct weigate_tickets batch = list_one(ticket);
  struct weigate_result result = {.struct_size = sizeof result};
  struct weigate_call call = plugin_call(LOOK_MAX_MS);
  if (!tickets) return REFRESH_DONE;
  int class = tickets->claim(run->people->handle, &call, &batch, &result, NULL, NULL);
  if (class != WEIGATE_OK) return stop_for_store(run, "cannot claim a person's refresh", class, &call);
  return result.outcome == WEIGATE_ITEM_TAKEN ? REFRESH_ELSEWHERE : REFRESH_DONE;
}

static int drop_ticket(void *context, size_t index, const struct weigate_ticket *found) {
  (void)context, (void)index, (void)found;
  return 0;
}

/* So that a second run need not wait for the end of the claim. */
static void release_person(struct refresh_run *run, const struct weigate_ticket *ticket) {
  const struct weigate_tickets_v1 *tickets = run->people->plugin.tickets;
  struct weigate_tickets batch = list_one(ticket);
  struct weigate_call call = plugin_call(LOOK_MAX_MS);
  if (tickets) tickets->take(run->people->handle, &call, &batch, drop_ticket, NULL);
}

static int note_known(void *context, size_t index, const struct weigate_person *person) {
  struct known *known = context;
  (void)index;
  if (!person) return 0;
  known->is_stale = is_stale(person, known->stale_before_us);
  known->is_open = refresh_open(known->refresh, person) == 0;
  known->first_seen_us = person->first_seen_us;
  known->last_seen_us = person->last_seen_us;
  return 0;
}

/* As the store has the person now, behind the claim. REFRESH_DONE: there is something to do. */
static enum refresh_end look_at_person(struct refresh_run *run, const char *openid, struct known *known) {
  const char *appid = run->target->appid;
  struct weigate_key key = {.struct_size = sizeof key, .appid = {appid, strlen(appid)}, .openid = {openid, strlen(openid)}};
  struct weigate_keys keys = {.struct_size = sizeof keys, .stride = sizeof key, .count = 1, .items = &key};
  struct weigate_call call = plugin_call(LOOK_MAX_MS);
  int class = run->people->plugin.desc->load_people(run->people->handle, &call, &keys, WEIGATE_WANT_TOKEN, note_known, known);
  if (class != WEIGATE_OK) return stop_for_store(run, "cannot read a person", class, &call);
  if (!known->is_stale) return REFRESH_ELSEWHERE;
  return known->is_open ? REFRESH_DONE : REFRESH_AGAIN;
}

static int store_in(const struct people *people, const struct weigate_person *person, struct err *err) {
  struct weigate_people batch = {.struct_size = sizeof batch, .stride = sizeof *person, .count = 1, .items = person};
  struct weigate_result result;
  if (people_merge(people, &batch, &result, err) != 0) return -1;
  if (result.outcome != WEIGATE_ITEM_REJECTED) return 0;
  return err_set(err, "the store refused %s of a profile", result.field ? result.field : "a field");
}

/* Nobody was seen: first and last seen stay. The mirror comes first: where it fails the person is still stale in the store, and
 * has another turn. */
static int store_news(struct refresh_run *run, const struct refresh *refresh, const struct known *known) {
  struct record record;
  struct err err = {""};
  int stored = refresh_record(refresh, &record) == 0 ? 0 : err_set(&err, "the kernel gives no random bytes: %m");
  record.person.first_seen_us = known->first_seen_us;
  record.person.last_seen_us = known->last_seen_us;
  if (stored == 0 && run->mirror) stored = store_in(run->mirror, &record.person, &err);
  if (stored == 0) stored = store_in(run->people, &record.person, &err);
  if (stored != 0 && run->stop == REFRESH_GOES_ON) run->why = err;
  if (stored != 0) stop(run, REFRESH_STOP_STORE);
  return stored;
}

/* --- what WeChat said --------------------------------------------------------------------------------------------------------
 */

static enum refresh_end stop_for_wechat(struct refresh_run *run, enum refresh_stop why, const struct wechat_answer *answer) {
  const char *id = run->target->settings->id;
  const struct wechat_errcode *row = wechat_errcode_find(answer->errcode, WECHAT_CALL_REFRESH);
  if (run->stop == REFRESH_GOES_ON && answer->errcode)
    err_set(&run->why, "WeChat refuses account %s: %s (errcode %d)", id, row ? row->meaning : answer->errmsg, answer->errcode);
  else if (run->stop == REFRESH_GOES_ON)
    err_set(&run->why, "WeChat does not answer account %s: %s", id, answer->errmsg);
  stop(run, why);
  return REFRESH_LEFT;
}

static enum refresh_end judge(struct refresh_run *run, const struct refresh *refresh) {
  const struct wechat_answer *answer = &refresh->answer;
  switch (answer->action) {
  case WECHAT_OK:
    return REFRESH_DONE;
  case WECHAT_REFRESH:
  case WECHAT_REAUTHORIZE:
  case WECHAT_ESCALATE:
  case WECHAT_RESTART:
  case WECHAT_CODE_USED:
    return REFRESH_AGAIN;
  case WECHAT_DENY:
    return REFRESH_BLOCKED;
  case WECHAT_QUOTA_MINUTE:
    return stop_for_wechat(run, REFRESH_STOP_MINUTE, answer);
  case WECHAT_QUOTA_DAY:
    return stop_for_wechat(run, REFRESH_STOP_DAY, answer);
  case WECHAT_CONFIG:
  case WECHAT_OPERATOR:
    return stop_for_wechat(run, REFRESH_STOP_REFUSED, answer);
  case WECHAT_RETRY:
  case WECHAT_BUG:
    break;
  }
  if (answer->upstream == WECHAT_UPSTREAM_BREAKER) return stop_for_wechat(run, REFRESH_STOP_AWAY, answer);
  if (run->stop == REFRESH_GOES_ON) err_set(&run->why, "WeChat's last answer to the %s call: %s", refresh->stage, answer->errmsg);
  return REFRESH_FAILED;
}

/* --- one person's turn -------------------------------------------------------------------------------------------------------
 */

static enum refresh_end refresh_claimed_wait(struct refresh_run *run, const char *openid, struct refresh *refresh) {
  struct known known = {.refresh = refresh, .stale_before_us = run->stale_before_us};
  enum refresh_end end = look_at_person(run, openid, &known);
  if (end != REFRESH_DONE) return end;
  refresh_profile_wait(refresh);
  end = judge(run, refresh);
  if (refresh_has_news(refresh) && store_news(run, refresh, &known) != 0) return REFRESH_FAILED;
  return end;
}

static enum refresh_end refresh_person_wait(struct refresh_run *run, const char *openid) {
  struct refresh refresh;
  struct refresh_claim claim;
  struct weigate_ticket ticket;
  refresh_begin(&refresh, &run->account, run->target->appid, run->target->is_website);
  if (refresh_claim(&refresh, str_of(openid), &claim, &ticket) != 0) return REFRESH_FAILED;
  enum refresh_end end = claim_person(run, &ticket);
  if (end != REFRESH_DONE) return end;
  end = refresh_claimed_wait(run, openid, &refresh);
  if (end != REFRESH_DONE) release_person(run, &ticket);
  refresh_done(&refresh);
  return end;
}

static void take_turn(void *arg) {
  struct turn turn = *(struct turn *)arg;
  struct refresh_run *run = turn.run;
  run->in_flight++;
  enum refresh_end end = refresh_person_wait(run, turn.stale->openid);
  run->target->ends[end]++;
  run->in_flight--;
  progress_add(&run->progress, 1);
}

/* --- everybody's -------------------------------------------------------------------------------------------------------------
 */

static bool goes_on(struct refresh_run *run) {
  if (progress_is_interrupted()) stop(run, REFRESH_STOP_SIGNAL);
  return run->stop == REFRESH_GOES_ON && run->left > 0;
}

/* Until there is room for one more and the rate permits it. */
static void wait_for_room(struct refresh_run *run) {
  for (uint64_t now_us; goes_on(run);) {
    now_us = clock_mono_us();
    bool is_early = now_us < run->next_us;
    if (!is_early && run->in_flight < IN_FLIGHT_MAX) break;
    uint64_t wait_ms = is_early ? (run->next_us - now_us) / 1000 + 1 : TURN_MAX_MS;
    loop_turn(run->loop, (int)(wait_ms < TURN_MAX_MS ? wait_ms : TURN_MAX_MS));
  }
  uint64_t now_us = clock_mono_us();
  run->next_us = (run->next_us + 1000000 > now_us ? run->next_us : now_us) + 1000000 / run->rate;
}

static void drain(struct refresh_run *run) {
  while (run->in_flight > 0) loop_turn(run->loop, TURN_MAX_MS);
}

static void refresh_page(struct refresh_run *run, const struct stale_page *page) {
  for (size_t i = 0; i < page->count; i++) {
    struct turn turn = {.run = run, .stale = &page->people[i]};
    if (!turn.stale->is_askable) {
      run->target->ends[REFRESH_AGAIN]++;
      continue;
    }
    wait_for_room(run);
    if (!goes_on(run)) break;
    run->left--;
    if (coro_start(run->coros, take_turn, &turn) != 0) run->target->ends[REFRESH_FAILED]++; /* no memory for its stack */
  }
  drain(run); /* before the page is another */
}

static int refresh_pages(struct refresh_run *run, struct err *err) {
  SCOPE_FREE struct stale_page *page = malloc(sizeof *page);
  if (!page) return err_set(err, "out of memory");
  begin_pages(run, run->target, page);
  do {
    if (read_page(run->people, page, err) != 0) return -1;
    refresh_page(run, page);
  } while (page->scan.cursor_size > 0 && goes_on(run));
  return 0;
}

int refresh_run_start(struct refresh_run *run, struct err *err) {
  run->next_us = clock_mono_us();
  if (loop_new(&run->loop, err) != 0) return -1;
  if (coro_pool_new(run->loop, IN_FLIGHT_MAX, &run->coros, err) == 0) return 0;
  loop_free(run->loop);
  return -1;
}

void refresh_run_end(struct refresh_run *run) {
  coro_pool_free(run->coros);
  loop_free(run->loop);
}

int refresh_run_target(struct refresh_run *run, struct refresh_target *target, struct err *err) {
  int result = -1;
  run->target = target;
  if (account_init(&run->account, target->settings, &run->people->conf->session, err) != 0) return -1;
  if (account_connect(&run->account, run->loop, IN_FLIGHT_MAX, err) == 0) result = refresh_pages(run, err);
  account_disconnect(&run->account);
  return result;
}
