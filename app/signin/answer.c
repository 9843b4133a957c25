/* SPDX-License-Identifier: Apache-2.0
 * answer: turns an outcome into what the visitor or the program sees, and into one log line. Any thread. */
#include <stdio.h>

#include "base/log.h"
#include "base/random.h"
#include "base/scope.h"
#include "signin/job.h"
#include "signin/login.h"

/* A page that repeats its request by itself does so this many seconds after Retry-After at the latest, so that all those who were
 * turned away in one burst do not come back in one. */
#define RETRY_SPREAD_S 4

static const struct answer_detail no_detail = {0};

/* Puts "sign in again" in place of the callback's address: the address bar keeps neither code nor state, and whoever reloads
 * starts anew with the same destination. WeChat's "full service" button opens the address anew, too. */
static const char forget_address_script[] = "history.replaceState(null,'',document.querySelector('a.button').href);";

/* Tells the window that opened this one, and closes it. The opener learns no more than that it is done: it asks GET /session.
 * Where the window stays, a reload goes on; an address of another origin cannot be put there. */
static const char popup_script[] = "try{history.replaceState(null,'',document.querySelector('a.button').href);}catch(e){}"
                                   "if(window.opener){window.opener.postMessage({weigate:'signed_in'},window.location.origin);"
                                   "window.close();}";

static void log_outcome(const struct job *job, const struct outcome_row *row, const struct answer_detail *detail) {
  const char *stage = detail->stage ? detail->stage : "-";
  const char *why = detail->why ? detail->why : "";
  if (!log_would(row->level)) return;
  if (!detail->wechat || (!detail->wechat->errcode && detail->wechat->upstream == WECHAT_UPSTREAM_FINE)) {
    log_line(row->level, "account %s: %s at %s%s%s", job->account->settings->id, row->word, stage, *why ? ": " : "", why);
    return;
  }
  log_line(row->level, "account %s: %s at %s%s%s: errcode %d (%s) rid %s: %s", job->account->settings->id, row->word, stage,
           *why ? ": " : "", why, detail->wechat->errcode, wechat_action_name(detail->wechat->action),
           detail->wechat->rid[0] ? detail->wechat->rid : "-", detail->wechat->errmsg);
}

static void write_problem(struct job *job, const struct outcome_row *row, const struct answer_detail *detail) {
  int errcode = detail->wechat ? detail->wechat->errcode : 0;
  struct str rid = detail->wechat ? str_of(detail->wechat->rid) : STR_NONE;
  response_problem(&job->response, row->status, row->title_en, row->error, errcode, rid);
}

/* The way on: its words and where it leads. A retry is the page's own address, which a form's answer cannot be asked for again.
 */
static void add_way(struct job *job, const struct outcome_row *row, const struct attempt *attempt, struct page *page,
                    struct buf *link) {
  bool zh = page->is_chinese;
  enum outcome_way way = row->way;
  if (way == OUTCOME_WAY_RETRY && job->request.method != WEB_GET) way = OUTCOME_WAY_HOME;
  switch (way) {
  case OUTCOME_WAY_NONE:
    return;
  case OUTCOME_WAY_AGAIN:
    page->button = zh ? STR("用微信登录") : STR("Sign in with WeChat");
    login_add_again(job->account, attempt, link);
    if (str_ends(job->request.path, STR("/callback")))
      page->script = str_make(forget_address_script, sizeof(forget_address_script) - 1);
    break;
  case OUTCOME_WAY_RETRY:
    page->button = zh ? STR("再试一次") : STR("Try again");
    page->refresh_s = (int)(row->retry_after_s + random_below(RETRY_SPREAD_S + 1));
    break;
  case OUTCOME_WAY_HOME:
    page->button = zh ? STR("返回网站") : STR("Back to the site");
    buf_add_text(link, job->account->settings->default_next);
    break;
  }
  page->button_href = buf_str(link);
}

static void write_page(struct job *job, const struct outcome_row *row, const struct answer_detail *detail) {
  SCOPE_BUF struct buf link, small_print;
  bool zh = job->is_chinese;
  int errcode = detail->wechat ? detail->wechat->errcode : 0;
  const char *rid = detail->wechat ? detail->wechat->rid : "";
  buf_init(&link, LOGIN_AGAIN_MAX_BYTES);
  buf_init(&small_print, 256);
  buf_add_text(&small_print, row->word);
  if (errcode) buf_addf(&small_print, " · %d", errcode);
  if (*rid) buf_addf(&small_print, " · %s", rid);

  struct page page = {
      .status = row->status,
      .is_chinese = zh,
      .icon = row->icon,
      .title = str_of(zh ? row->title_zh : row->title_en),
      .sentence = str_of(zh ? row->sentence_zh : row->sentence_en),
      .detail = buf_str(&small_print),
  };
  add_way(job, row, detail->attempt, &page, &link);
  page_write(&job->response, &page);
}

void answer_outcome(struct job *job, enum outcome outcome, const struct answer_detail *detail) {
  const struct outcome_row *row = outcome_row(outcome);
  if (!detail) detail = &no_detail;
  outcome_count(outcome);
  log_outcome(job, row, detail);
  if (job->is_api && row->error)
    write_problem(job, row, detail);
  else
    write_page(job, row, detail);
  uint32_t retry_after_s = detail->wechat && detail->wechat->retry_after_s ? detail->wechat->retry_after_s : row->retry_after_s;
  if (retry_after_s) response_headerf(&job->response, "Retry-After", "%u", retry_after_s);
}

void answer_redirect(struct job *job, int status, struct str location) {
  response_redirect(&job->response, status, location);
}

struct buf *answer_json(struct job *job) {
  response_status(&job->response, 200);
  response_private(&job->response);
  response_type(&job->response, "application/json");
  return &job->response.body;
}

void answer_empty(struct job *job, int status) {
  response_status(&job->response, status);
  response_private(&job->response);
}

void answer_popup(struct job *job, enum outcome outcome, struct str next) {
  const struct outcome_row *row = outcome_row(outcome);
  bool zh = job->is_chinese;
  page_write(&job->response, &(struct page){
                                 .status = 200,
                                 .is_chinese = zh,
                                 .icon = row->icon,
                                 .title = str_of(zh ? row->title_zh : row->title_en),
                                 .sentence = zh ? STR("可以关闭这个窗口了。") : STR("You can close this window."),
                                 .button = zh ? STR("继续") : STR("Go on"),
                                 .button_href = next,
                                 .script = str_make(popup_script, sizeof(popup_script) - 1),
                             });
}

void answer_add_next(const struct account *account, struct str next, struct buf *out) {
  if (next.n && url_next_judge(&account->site, next, out)) return;
  buf_add_text(out, account->settings->default_next);
}
