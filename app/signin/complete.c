/* SPDX-License-Identifier: Apache-2.0
 * complete: one sign-in, read top to bottom. Runs in a coroutine of the sign-in thread.
 *
 *   claim    the state: a second hit is told what became of the first; the code: it is exchanged by nobody else
 *   token    code to access token, openid, scope
 *   profile  access token to profile, where the scope allows it
 *   record   person, event, sealed tokens and the claim's end: one durable write
 *   session  what the cookie will say
 */
#include "signin/complete.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/metrics.h"
#include "base/random.h"
#include "signin/claim.h"
#include "signin/record.h"

/* token, profile, refresh, profile: the calls that one sign-in makes at most. */
#define UPSTREAM_CALLS_MAX 4
/* How long a second hit waits for the first beyond the budgets of those calls: storage calls and their queue. */
#define CLAIM_PATIENCE_EXTRA_MS 8000
/* A code that came without a state is told its end again for this long only (an app that posts twice); whoever finds it later in
 * a log or a history must not get the session. */
#define CODE_ALONE_SHARED_S 10

static const char *const stage_words[] = {"claim", "token", "profile", "record", "total"};
enum stage { STAGE_CLAIM, STAGE_TOKEN, STAGE_PROFILE, STAGE_RECORD, STAGE_TOTAL, STAGE_COUNT };

static struct metric stage_metric = {
    .name = "signin_stage_seconds",
    .help = "Time spent in each stage of a sign-in that reached it.",
    .type = METRIC_HISTOGRAM,
    .label = "stage",
    .values = stage_words,
    .count = STAGE_COUNT,
};

/* What the steps share. */
struct step {
  struct completion *c;
  const struct account *account;
  struct wechat *wechat;
  const char *appid;
  bool is_website;
  struct claim claim;
  struct claim_end end; /* what the first hit made of it; then what this one does */
  struct wechat_token token;
  struct wechat_profile profile;
  bool has_profile;
  struct record record;
  uint64_t since_us;
};

void complete_register(void) {
  metrics_register(&stage_metric, 1);
}

bool complete_is_code(struct str code) {
  if (!code.n || code.n > COMPLETE_CODE_MAX_BYTES) return false;
  for (size_t i = 0; i < code.n; i++) {
    char c = code.p[i];
    bool is_fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    if (!is_fine) return false;
  }
  return true;
}

static void stage_over(struct step *s, enum stage stage) {
  uint64_t now_us = clock_mono_us();
  metric_observe_us(&stage_metric, stage, now_us - s->since_us);
  s->since_us = now_us;
}

static bool has_flag(const struct step *s, uint8_t flag) {
  return s->c->attempt && (s->c->attempt->flags & flag);
}

/* A comma separated scope list names the word. */
static bool scope_has(const char *scopes, struct str word) {
  struct str rest = str_of(scopes), part;
  while (str_split(&rest, ',', &part))
    if (str_eq(str_trim(part), word)) return true;
  return false;
}

static bool may_pull_profile(const struct step *s) {
  return scope_has(s->token.scope, STR("snsapi_userinfo")) || scope_has(s->token.scope, STR("snsapi_login"));
}

/* Each action class of an answer that is not OK ends a sign-in in one way. */
enum outcome complete_outcome_of(const struct wechat_answer *answer) {
  switch (answer->action) {
  case WECHAT_DENY:
    return OUTCOME_BLOCKED;
  case WECHAT_QUOTA_MINUTE:
  case WECHAT_QUOTA_DAY:
    return OUTCOME_UPSTREAM_QUOTA;
  case WECHAT_CONFIG:
  case WECHAT_OPERATOR:
  case WECHAT_BUG:
    return OUTCOME_ACCOUNT_MISCONFIGURED;
  case WECHAT_OK:
  case WECHAT_RETRY:
    return answer->upstream == WECHAT_UPSTREAM_TIMEOUT ? OUTCOME_UPSTREAM_TIMEOUT : OUTCOME_UPSTREAM_UNAVAILABLE;
  case WECHAT_ESCALATE:
    return OUTCOME_ESCALATED;
  case WECHAT_REFRESH:
  case WECHAT_REAUTHORIZE:
  case WECHAT_RESTART:
  case WECHAT_CODE_USED:
    break;
  }
  return OUTCOME_CODE_REJECTED;
}

/* --- claim ------------------------------------------------------------------------------------------------------------------ */

static bool is_session_outcome(enum outcome outcome) {
  return outcome == OUTCOME_SIGNED_IN || outcome == OUTCOME_SIGNED_IN_GUEST;
}

/* What the first made of it, for the second. */
static enum outcome take_over(struct step *s, const struct claim_end *end) {
  struct completion *c = s->c;
  c->why = "the same sign-in was completed before";
  c->wechat.errcode = end->errcode;
  if (!c->attempt && is_session_outcome(end->outcome) && clock_wall_s() - end->session.signed_in_at_s > CODE_ALONE_SHARED_S)
    return OUTCOME_CODE_REJECTED;
  c->session = end->session;
  return end->outcome;
}

/* True if this sign-in is ours to complete; otherwise *ret_outcome says what its holder made of it. */
static bool claim_signin_wait(struct step *s, enum outcome *ret_outcome) {
  uint64_t patience_ms = UPSTREAM_CALLS_MAX * s->account->settings->request_timeout_ms + CLAIM_PATIENCE_EXTRA_MS;
  s->c->stage = "claim";
  if (s->c->attempt)
    claim_of_state(&s->claim, s->account, s->c->attempt->made_at_s, s->c->attempt->nonce);
  else
    claim_of_code(&s->claim, s->account, s->c->code);

  switch (claim_take_wait(&s->claim, s->c->job->store, patience_ms, &s->end)) {
  case CLAIM_MINE:
    return true;
  case CLAIM_SETTLED:
    *ret_outcome = take_over(s, &s->end);
    return false;
  case CLAIM_ABANDONED:
    s->c->why = "whoever began this sign-in never ended it";
    *ret_outcome = OUTCOME_CODE_REJECTED;
    return false;
  case CLAIM_NO_STORE:
    break;
  }
  *ret_outcome = OUTCOME_STORAGE_UNAVAILABLE;
  return false;
}

/* The state is ours; a code that another state brought already is never exchanged again. Not inlined: what it holds would stay on
 * the stack for the whole sign-in. */
static __attribute__((noinline)) bool claim_code_wait(struct step *s, enum outcome *ret_outcome) {
  struct claim code_claim;
  if (!s->c->attempt) return true; /* it is what was claimed */
  claim_of_code(&code_claim, s->account, s->c->code);
  switch (claim_take_wait(&code_claim, s->c->job->store, 0, &s->end)) {
  case CLAIM_MINE:
    return true;
  case CLAIM_NO_STORE:
    *ret_outcome = OUTCOME_STORAGE_UNAVAILABLE;
    return false;
  default:
    s->c->why = "another sign-in brought the same code";
    *ret_outcome = OUTCOME_CODE_REJECTED;
    return false;
  }
}

/* --- token ----------------------------------------------------------------------------------------------------------------- */

static bool token_wait(struct step *s, enum outcome *ret_outcome) {
  struct completion *c = s->c;
  c->stage = "token";
  wechat_token_wait(s->wechat, c->code, &s->token, &c->wechat);
  if (c->wechat.action != WECHAT_OK) {
    *ret_outcome = complete_outcome_of(&c->wechat);
    return false;
  }
  if (!s->token.is_snapshot) return true;

  switch (s->account->settings->snapshot) {
  case SIGNIN_SNAPSHOT_GUEST:
    *ret_outcome = OUTCOME_SIGNED_IN_GUEST;
    break;
  case SIGNIN_SNAPSHOT_REFUSE:
    *ret_outcome = OUTCOME_SNAPSHOT_REFUSED;
    break;
  case SIGNIN_SNAPSHOT_PAGE:
    *ret_outcome = OUTCOME_SNAPSHOT_USER;
    break;
  }
  return false;
}

/* --- profile --------------------------------------------------------------------------------------------------------------- */

static struct str profile_lang(const struct step *s) {
  switch (s->c->attempt ? s->c->attempt->lang : ATTEMPT_LANG_ACCOUNT) {
  case ATTEMPT_LANG_ZH_CN:
    return STR("zh_CN");
  case ATTEMPT_LANG_ZH_TW:
    return STR("zh_TW");
  case ATTEMPT_LANG_EN:
    return STR("en");
  default:
    return str_of(s->account->settings->lang);
  }
}

/* What the session shows of a person that is stored already. False if there is no profile, or it is older than max_age (0: any
 * age). */
static bool known_profile_wait(struct step *s, uint64_t max_age_ms) {
  struct store_person known;
  struct store_answer answer;
  store_load_wait(s->c->job->store, str_of(s->appid), str_of(s->token.openid), 0, &known, &answer);
  bool is_known = store_is_done(&answer) && known.is_found && (known.person.has & WEIGATE_PERSON_PROFILE);
  if (is_known && max_age_ms) is_known = known.person.profile_stamp.at_us + (int64_t)max_age_ms * 1000 > clock_wall_us();
  if (is_known) {
    session_set_nickname(&s->c->session, str_make(known.person.nickname.bytes, known.person.nickname.size));
    s->c->session.profile_at_s = known.person.profile_stamp.at_us / 1000000;
    if (!s->token.unionid[0])
      str_copy(str_make(known.person.unionid.bytes, known.person.unionid.size), s->token.unionid, sizeof(s->token.unionid));
  }
  store_person_done(&known);
  return is_known;
}

/* Userinfo, with one refresh where the fresh token is called void (WeChat does that now and then). */
static void pull_profile_wait(struct step *s) {
  struct wechat_answer *answer = &s->c->wechat;
  wechat_profile_wait(s->wechat, &s->token, profile_lang(s), &s->profile, answer);
  if (answer->action == WECHAT_REFRESH) {
    wechat_refresh_wait(s->wechat, &s->token, answer);
    if (answer->action == WECHAT_OK) wechat_profile_wait(s->wechat, &s->token, profile_lang(s), &s->profile, answer);
  }
  s->has_profile = answer->action == WECHAT_OK;
}

static bool profile_wait(struct step *s, enum outcome *ret_outcome) {
  struct completion *c = s->c;
  c->stage = "profile";
  if (!may_pull_profile(s)) {
    bool is_silent_try = has_flag(s, ATTEMPT_AUTO) && !has_flag(s, ATTEMPT_ESCALATED);
    if (!is_silent_try || known_profile_wait(s, s->account->settings->profile_max_age_ms)) return true;
    if (has_flag(s, ATTEMPT_SPA)) return true; /* the app asks for the profile itself, if it wants one */
    *ret_outcome = OUTCOME_ESCALATED;
    return false;
  }

  pull_profile_wait(s);
  if (s->has_profile) {
    session_set_nickname(&c->session, s->profile.nickname);
    c->session.profile_at_s = clock_wall_s();
    if (s->profile.unionid[0]) memcpy(s->token.unionid, s->profile.unionid, sizeof(s->token.unionid));
    return true;
  }
  *ret_outcome = complete_outcome_of(&c->wechat);
  /* Someone whose profile is stored is not turned away because WeChat cannot show it again right now. */
  bool is_passing = *ret_outcome == OUTCOME_UPSTREAM_UNAVAILABLE || *ret_outcome == OUTCOME_UPSTREAM_TIMEOUT ||
                    *ret_outcome == OUTCOME_UPSTREAM_QUOTA;
  if (is_passing && known_profile_wait(s, 0)) return true;
  if (*ret_outcome == OUTCOME_ESCALATED && has_flag(s, ATTEMPT_ESCALATED)) *ret_outcome = OUTCOME_ACCOUNT_MISCONFIGURED;
  return false;
}

/* --- session and record ---------------------------------------------------------------------------------------------------- */

static int make_session(struct step *s, bool is_guest) {
  struct session *session = &s->c->session;
  session->is_guest = is_guest;
  session->is_website = s->is_website;
  session->has_userinfo = scope_has(s->token.scope, STR("snsapi_userinfo"));
  session->signed_in_at_s = session->sealed_at_s = clock_wall_s();
  memcpy(session->openid, s->token.openid, sizeof(session->openid));
  memcpy(session->unionid, s->token.unionid, sizeof(session->unionid));
  if (s->is_website && str_copy(str_of(s->appid), session->website_appid, sizeof(session->website_appid)) < 0) return -1;
  return random_bytes(session->id, sizeof(session->id));
}

/* A silent sign-in's token cannot pull a profile: it is kept only where the account never asks for more. */
static bool keeps_token(const struct step *s) {
  return may_pull_profile(s) || s->account->settings->scope == SIGNIN_SCOPE_BASE;
}

static int fill_person(struct step *s) {
  record_person(&s->record, s->appid, &s->token);
  if (s->has_profile) record_profile(&s->record, &s->profile);
  return keeps_token(s) ? record_token(&s->record, s->account, &s->token) : 0;
}

/* Writes how it ended, with the claim's end in the same commit. `outcome` as it would be; returns what it is. */
static enum outcome record_wait(struct step *s, enum outcome outcome) {
  struct completion *c = s->c;
  struct store_answer answer;
  bool is_person = outcome == OUTCOME_SIGNED_IN;
  s->end = (struct claim_end){.outcome = outcome, .errcode = c->wechat.errcode, .session = c->session};
  if (c->attempt) memcpy(s->end.next, c->attempt->next, sizeof(s->end.next));
  if (record_begin(&s->record) < 0 || claim_settle(&s->claim, &s->end, &s->record.ticket) < 0) return OUTCOME_NO_RANDOM;
  s->record.ticket.flags = is_person ? WEIGATE_TICKET_DURABLE : 0;
  s->record.signin.ticket = &s->record.ticket;
  if (is_person && fill_person(s) < 0) return OUTCOME_NO_RANDOM;
  record_event(&s->record, c->job, s->appid, is_person ? s->token.openid : "", outcome, is_person ? "done" : c->stage,
               s->token.scope, c->channel, c->wechat.errcode);
  if (s->token.is_snapshot) s->record.event.flags |= WEIGATE_EVENT_SNAPSHOT;

  store_record_wait(c->job->store, &s->record.signin, &answer);
  bool is_stored = store_is_done(&answer) && answer.item != WEIGATE_ITEM_REJECTED && answer.item != WEIGATE_ITEM_ERASED;
  if (is_stored || (outcome_row(outcome)->error && !is_person))
    return outcome; /* a failure is told even if it could not be noted */
  c->stage = "record";
  c->why = store_is_done(&answer) ? "the store refused the record" : "the store did not take the record";
  return OUTCOME_STORAGE_UNAVAILABLE;
}

/* --- the whole ------------------------------------------------------------------------------------------------------------- */

/* From the code to what will be recorded. */
static enum outcome exchange_wait(struct step *s) {
  enum outcome outcome = OUTCOME_CODE_REJECTED;
  bool goes_on = claim_code_wait(s, &outcome);
  stage_over(s, STAGE_CLAIM);
  if (!goes_on) return outcome;

  goes_on = token_wait(s, &outcome);
  stage_over(s, STAGE_TOKEN);
  if (!goes_on) return outcome;

  goes_on = profile_wait(s, &outcome);
  stage_over(s, STAGE_PROFILE);
  return goes_on ? OUTCOME_SIGNED_IN : outcome;
}

enum outcome complete_wait(struct completion *completion) {
  const struct account *account = completion->job->account;
  struct step s = {.c = completion, .account = account, .since_us = clock_mono_us()};
  uint64_t began_us = s.since_us;
  s.is_website = has_flag(&s, ATTEMPT_WEBSITE);
  s.wechat = s.is_website ? account->website : account->wechat;
  s.appid = account_appid(account, s.is_website);

  enum outcome outcome = OUTCOME_ACCOUNT_MISCONFIGURED;
  if (!s.wechat) return outcome; /* begun through a website app that is configured no more */
  if (!claim_signin_wait(&s, &outcome)) return outcome;

  outcome = exchange_wait(&s);
  if (is_session_outcome(outcome) && make_session(&s, outcome == OUTCOME_SIGNED_IN_GUEST) < 0) outcome = OUTCOME_NO_RANDOM;
  outcome = record_wait(&s, outcome);
  stage_over(&s, STAGE_RECORD);

  if (s.has_profile) wechat_profile_done(&s.profile);
  explicit_bzero(&s.token, sizeof(s.token));
  metric_observe_us(&stage_metric, STAGE_TOTAL, clock_mono_us() - began_us);
  return outcome;
}
