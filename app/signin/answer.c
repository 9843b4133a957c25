/* SPDX-License-Identifier: Apache-2.0
 * answer: turns an outcome into what the visitor or the program sees, and into one log line. */
#include <stdio.h>

#include "base/log.h"
#include "base/scope.h"
#include "signin/job.h"

/* Longest link: prefix, "/login?next=" and a percent-encoded address of URL_NEXT_MAX_BYTES. */
#define LINK_MAX_BYTES (256 + 3 * URL_NEXT_MAX_BYTES)

static const struct answer_detail no_detail = {0};

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

static void write_page(struct job *job, const struct outcome_row *row, const struct answer_detail *detail) {
  SCOPE_BUF struct buf link;
  char small_print[160];
  buf_init(&link, LINK_MAX_BYTES);
  if (row->way == OUTCOME_WAY_AGAIN)
    answer_add_own_link(job, &link, "/login", detail->next);
  else
    answer_add_next(job->account, detail->next, &link);

  int errcode = detail->wechat ? detail->wechat->errcode : 0;
  const char *rid = detail->wechat ? detail->wechat->rid : "";
  int n = snprintf(small_print, sizeof(small_print), "%s", row->word);
  if (errcode) n += snprintf(small_print + n, sizeof(small_print) - (size_t)n, " · %d", errcode);
  if (*rid) snprintf(small_print + n, sizeof(small_print) - (size_t)n, " · %s", rid);

  bool zh = job->is_chinese, again = row->way == OUTCOME_WAY_AGAIN;
  const char *button = again ? (zh ? "用微信登录" : "Sign in with WeChat") : (zh ? "返回网站" : "Back to the site");
  page_write(&job->response, &(struct page){
                                 .status = row->status,
                                 .is_chinese = zh,
                                 .icon = row->icon,
                                 .title = str_of(zh ? row->title_zh : row->title_en),
                                 .sentence = str_of(zh ? row->sentence_zh : row->sentence_en),
                                 .button = row->way == OUTCOME_WAY_NONE ? STR_NONE : str_of(button),
                                 .button_href = buf_str(&link),
                                 .detail = str_of(small_print),
                             });
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
  if (detail->retry_after_s) response_headerf(&job->response, "Retry-After", "%u", detail->retry_after_s);
}

void answer_redirect(struct job *job, int status, struct str location) {
  response_redirect(&job->response, status, location);
}

void answer_add_own_link(struct job *job, struct buf *out, const char *path, struct str next) {
  buf_add_text(out, job->account->settings->prefix);
  buf_add_text(out, path);
  if (!next.n) return;
  buf_add_text(out, "?next=");
  text_percent_encode(out, next);
}

void answer_add_next(const struct account *account, struct str next, struct buf *out) {
  if (next.n && url_next_judge(&account->site, next, out)) return;
  buf_add_text(out, account->settings->default_next);
}
