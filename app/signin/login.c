/* SPDX-License-Identifier: Apache-2.0
 * login: GET /login. Runs on the reactor's thread: it only computes. */
#include "signin/login.h"

#include <string.h>

#include "base/clock.h"
#include "base/scope.h"
#include "signin/handover.h"
#include "wechat/authorize_url.h"

static const char *const lang_words[] = {"", "zh_CN", "zh_TW", "en"};

/* --- what was asked for ---------------------------------------------------------------------------------------------------- */

/* A bare '/' in `next` shows that it was put in without encoding: whatever follows may be a part of that address. */
struct str login_own_query(struct str query) {
  struct str rest = query, part;
  while (str_split(&rest, '&', &part))
    if (str_starts(part, STR("next=")) && str_has(part, '/')) return str_make(query.p, (size_t)(part.p - query.p));
  return query;
}

/* True where nginx came here by error_page: the original address is then another one. */
static bool is_error_page(const struct request *request) {
  struct str path = request->original_uri, rest = request->original_uri;
  return str_split(&rest, '?', &path) && path.n && !str_eq(path, request->path);
}

/* Appends the judged return address; false for a `next` that is there twice or broken. */
static bool add_next(struct job *job, struct buf *out) {
  SCOPE_BUF struct buf asked;
  buf_init(&asked, FCGI_REQUEST_MAX_BYTES);
  if (is_error_page(&job->request)) {
    answer_add_next(job->account, job->request.original_uri, out);
    return true;
  }
  switch (query_value(job->request.query, "next", &asked)) {
  case WEB_VALUE_MANY:
    return false;
  case WEB_VALUE_ONE:
    answer_add_next(job->account, buf_str(&asked), out);
    return true;
  default:
    answer_add_next(job->account, STR_NONE, out);
    return true;
  }
}

static bool read_word(struct str query, const char *name, struct buf *word) {
  buf_clear(word);
  return query_value(query, name, word) == WEB_VALUE_ONE;
}

void login_read_wishes(const struct job *job, struct login_start *start) {
  SCOPE_BUF struct buf word;
  struct str query = login_own_query(job->request.query);
  buf_init(&word, 128);
  if (read_word(query, "scope", &word)) {
    if (str_eq(buf_str(&word), STR("snsapi_base"))) start->scope = SIGNIN_SCOPE_BASE;
    if (str_eq(buf_str(&word), STR("snsapi_userinfo"))) start->scope = SIGNIN_SCOPE_USERINFO;
    if (str_eq(buf_str(&word), STR("auto"))) start->scope = SIGNIN_SCOPE_AUTO;
  }
  if (read_word(query, "lang", &word))
    for (uint8_t i = ATTEMPT_LANG_ZH_CN; i <= ATTEMPT_LANG_EN; i++)
      if (str_eq(buf_str(&word), str_of(lang_words[i]))) start->lang = i;
  if (read_word(query, "popup", &word) && str_eq(buf_str(&word), STR("1"))) start->flags |= ATTEMPT_POPUP;
}

/* --- the ways to answer ---------------------------------------------------------------------------------------------------- */

static void answer_outside_wechat(struct job *job, struct login_start *start) {
  switch (job->account->settings->outside_wechat) {
  case SIGNIN_OUTSIDE_QR:
    handover_show_qr(job, start);
    return;
  case SIGNIN_OUTSIDE_QRCONNECT:
    start->flags |= ATTEMPT_WEBSITE;
    break;
  case SIGNIN_OUTSIDE_AUTHORIZE:
    break;
  }
  login_redirect(job, start, OUTCOME_REDIRECTED);
}

/* A virtual visitor has a session and comes here all the same: from a location that wants a person. Another sign-in in snapshot
 * mode would end in the same place. */
static bool is_guest_turned_away(const struct job *job) {
  return job->session_state == SESSION_GOOD && job->session.is_guest && is_error_page(&job->request);
}

static void answer_guest(struct job *job, const struct login_start *start) {
  struct attempt attempt;
  if (login_begin(start, &attempt) < 0) return answer_outcome(job, OUTCOME_NO_RANDOM, NULL);
  answer_outcome(job, OUTCOME_SNAPSHOT_USER, &(struct answer_detail){.stage = "gate", .attempt = &attempt});
}

static void start_asked(struct job *job) {
  SCOPE_BUF struct buf next;
  buf_init(&next, 2 * URL_NEXT_MAX_BYTES);
  if (!add_next(job, &next))
    return answer_outcome(job, OUTCOME_BAD_REQUEST, &(struct answer_detail){.why = "next is there twice"});

  struct login_start start = {.next = buf_str(&next), .scope = job->account->settings->scope};
  login_read_wishes(job, &start);
  if (is_guest_turned_away(job)) return answer_guest(job, &start);
  if (handover_is_asked(job)) return handover_begin(job, &start);
  if (!request_is_wechat(&job->request)) return answer_outside_wechat(job, &start);
  login_redirect(job, &start, OUTCOME_REDIRECTED);
}

/* A session cookie that is no good any more goes away here, so that nobody carries it along. */
static bool has_dead_session(const struct job *job) {
  return job->session_state != SESSION_GOOD && job->session_state != SESSION_NONE;
}

void login_run(struct job *job) {
  /* A prefetch must not spend an attempt; an error status keeps the browser from showing what it prefetched. */
  if (request_is_prefetch(&job->request)) return answer_empty(job, 503);
  /* HEAD consumes nothing and sets nothing; of a page behind the gate it does not say that all is well. */
  if (job->request.method == WEB_HEAD) return answer_empty(job, is_error_page(&job->request) ? 401 : 200);
  if (job->is_api)
    answer_outcome(job, is_guest_turned_away(job) ? OUTCOME_SNAPSHOT_USER : OUTCOME_NOT_SIGNED_IN, NULL);
  else
    start_asked(job);
  if (has_dead_session(job)) session_clear_cookie(job->account, &job->response);
}

/* --- starting --------------------------------------------------------------------------------------------------------------- */

int login_begin(const struct login_start *start, struct attempt *ret_attempt) {
  if (attempt_begin(ret_attempt, clock_wall_s()) < 0) return -1;
  ret_attempt->flags = start->flags;
  ret_attempt->restarts = start->restarts;
  ret_attempt->lang = start->lang;
  if (start->scope == SIGNIN_SCOPE_USERINFO) ret_attempt->flags |= ATTEMPT_USERINFO;
  if (start->scope == SIGNIN_SCOPE_AUTO) ret_attempt->flags |= ATTEMPT_AUTO;
  return str_copy(start->next, ret_attempt->next, sizeof(ret_attempt->next));
}

void login_add_link(const struct account *account, const struct attempt *attempt, struct str redirect_uri, struct buf *out) {
  char state[STATE_TEXT_BYTES];
  bool is_website = attempt->flags & ATTEMPT_WEBSITE;
  attempt_format_state(account, attempt, state);
  const char *scope = is_website ? "snsapi_login" : attempt->flags & ATTEMPT_USERINFO ? "snsapi_userinfo" : "snsapi_base";
  authorize_url_add(out, &(struct authorize_link){
                             .base = str_of(is_website ? account->settings->qrconnect_url : account->settings->authorize_url),
                             .appid = str_of(account_appid(account, is_website)),
                             .redirect_uri = redirect_uri,
                             .scope = str_of(scope),
                             .state = str_of(state),
                             .lang = is_website ? (attempt->lang == ATTEMPT_LANG_EN ? STR("en") : STR("cn")) : STR_NONE,
                         });
}

void login_redirect(struct job *job, const struct login_start *start, enum outcome outcome) {
  struct attempt attempt;
  SCOPE_BUF struct buf link;
  buf_init(&link, LOGIN_LINK_MAX_BYTES);
  if (login_begin(start, &attempt) < 0) return answer_outcome(job, OUTCOME_NO_RANDOM, NULL);
  login_add_link(job->account, &attempt, str_of(job->account->callback_uri), &link);
  if (link.failed)
    return answer_outcome(job, OUTCOME_ACCOUNT_MISCONFIGURED, &(struct answer_detail){.why = "the authorize link is too long"});

  answer_redirect(job, 302, buf_str(&link));
  if (attempt_set_cookie(job->account, &job->request, &attempt, clock_wall_s(), &job->response) < 0)
    return answer_outcome(job, OUTCOME_NO_RANDOM, NULL);
  outcome_count(outcome);
}

static void add_wish(struct buf *out, const char *name, const char *word) {
  if (*word) buf_addf(out, "%s=%s&", name, word);
}

/* The scope in the words of login_read_wishes(), "" where it is the account's own. */
static const char *scope_word(const struct account *account, const struct attempt *attempt) {
  static const char *const words[] = {
      [SIGNIN_SCOPE_BASE] = "snsapi_base", [SIGNIN_SCOPE_USERINFO] = "snsapi_userinfo", [SIGNIN_SCOPE_AUTO] = "auto"};
  enum signin_scope scope = attempt->flags & ATTEMPT_USERINFO ? SIGNIN_SCOPE_USERINFO : SIGNIN_SCOPE_BASE;
  if (attempt->flags & (ATTEMPT_AUTO | ATTEMPT_ESCALATED)) scope = SIGNIN_SCOPE_AUTO;
  return scope == account->settings->scope ? "" : words[scope];
}

void login_add_wishes(const struct account *account, const struct attempt *attempt, struct buf *out) {
  add_wish(out, "scope", scope_word(account, attempt));
  add_wish(out, "lang", lang_words[attempt->lang]);
}

void login_add_again(const struct account *account, const struct attempt *attempt, struct buf *out) {
  buf_addf(out, "%s/login", account->settings->prefix);
  if (!attempt) return;
  buf_add_char(out, '?');
  if (attempt->flags & ATTEMPT_POPUP) add_wish(out, "popup", "1");
  login_add_wishes(account, attempt, out);
  buf_add_text(out, attempt->flags & ATTEMPT_HANDOVER ? "handover=" : "next=");
  text_percent_encode(out, str_of(attempt->next));
}

void login_restart(struct job *job, const struct attempt *attempt, enum outcome outcome) {
  struct login_start start = {
      .next = str_of(attempt->next),
      .flags = attempt->flags & (uint8_t) ~(ATTEMPT_USERINFO | ATTEMPT_AUTO),
      .restarts = (uint8_t)(attempt->restarts + (outcome == OUTCOME_RESTARTED)),
      .lang = attempt->lang,
      .scope = SIGNIN_SCOPE_BASE,
  };
  if (attempt->flags & ATTEMPT_AUTO) start.scope = SIGNIN_SCOPE_AUTO;
  if (attempt->flags & (ATTEMPT_USERINFO | ATTEMPT_ESCALATED)) start.scope = SIGNIN_SCOPE_USERINFO;
  login_redirect(job, &start, outcome);
}
