/* SPDX-License-Identifier: Apache-2.0
 * test_answer: the same end is a page for a person and problem+json for a program, and neither says what it must not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "signin/attempt.h"
#include "signin/job.h"
#include "site.h"

static struct site here;
static const struct attempt attempt = {.flags = ATTEMPT_USERINFO, .next = "/private/?x=<script>&y=\"1\""};

static int open_site(void **state) {
  (void)state;
  site_open(&here, &(struct site_options){0});
  site_ask(&here, "/callback", "code=021secretcode&state=secretstate");
  return 0;
}

static int close_site(void **state) {
  (void)state;
  site_close(&here);
  return 0;
}

static struct wechat_answer refused(void) {
  struct wechat_answer answer = {.action = WECHAT_RESTART, .errcode = 40029};
  str_copy(STR("5f7d6e8c-12345678-9abcdef0"), answer.rid, sizeof(answer.rid));
  str_copy(STR("<b>invalid code</b>"), answer.errmsg, sizeof(answer.errmsg));
  return answer;
}

static void a_program_reads_a_problem(void **unused) { /* J01 J30 */
  (void)unused;
  struct wechat_answer wechat = refused();
  here.job.is_api = true;
  answer_outcome(&here.job, OUTCOME_CODE_REJECTED, &(struct answer_detail){.wechat = &wechat, .stage = "token"});
  assert_true(has_line(&here.job.response, "Status: 400 Bad Request"));
  assert_true(has_line(&here.job.response, "Content-Type: application/problem+json"));
  assert_string_equal(buf_text(&here.job.response.body),
                      "{\"type\":\"about:blank\",\"title\":\"Please sign in again\",\"status\":400,\"error\":\"code_rejected\","
                      "\"errcode\":40029,\"rid\":\"5f7d6e8c-12345678-9abcdef0\"}\n");
}

static void a_person_reads_a_page_in_their_language(void **unused) {
  (void)unused;
  struct wechat_answer wechat = refused();
  struct answer_detail detail = {.wechat = &wechat, .stage = "token", .attempt = &attempt};
  answer_outcome(&here.job, OUTCOME_CODE_REJECTED, &detail);
  assert_true(has_text(&here.job.response, "Please sign in again"));
  assert_true(has_text(&here.job.response, "code_rejected · 40029 · 5f7d6e8c-12345678-9abcdef0"));
  here.job.is_chinese = true;
  answer_outcome(&here.job, OUTCOME_CODE_REJECTED, &detail);
  assert_true(has_text(&here.job.response, "请重新登录"));
  assert_true(has_text(&here.job.response, "用微信登录"));
}

static void wechats_message_code_and_state_are_on_no_page(void **unused) { /* J30 K29 */
  (void)unused;
  struct wechat_answer wechat = refused();
  for (size_t i = 0; i < OUTCOME_COUNT; i++) {
    for (int is_api = 0; is_api < 2; is_api++) {
      if (outcome_row((enum outcome)i)->status == 302 || i == OUTCOME_QR_SHOWN) continue; /* never answered so */
      here.job.is_api = is_api;
      answer_outcome(&here.job, (enum outcome)i,
                     &(struct answer_detail){.wechat = &wechat, .attempt = &attempt, .why = "why <it> happened"});
      const char *const never[] = {"invalid code", "secretcode", "secretstate", "<script>&", "why <it>", "why &lt;it"};
      for (size_t n = 0; n < sizeof(never) / sizeof(never[0]); n++) assert_false(has_text(&here.job.response, never[n]));
      assert_true(has_line(&here.job.response, "Cache-Control: no-store"));
      assert_true(has_line(&here.job.response, "Referrer-Policy: no-referrer"));
      assert_true(has_line(&here.job.response, "X-Content-Type-Options: nosniff"));
      assert_true(is_api || has_line(&here.job.response, "Content-Security-Policy:"));
      assert_false(here.job.response.refused);
    }
  }
}

static void again_keeps_the_destination(void **unused) {
  (void)unused;
  answer_outcome(&here.job, OUTCOME_DENIED, &(struct answer_detail){.attempt = &attempt});
  assert_true(has_line(&here.job.response, "Status: 403 Forbidden"));
  assert_true(has_text(&here.job.response, "href=\"/weixin/login?next=%2Fprivate%2F%3Fx%3D%3Cscript%3E%26y%3D%221%22\""));
}

static void at_the_callback_the_page_forgets_its_address(void **unused) { /* C11 */
  (void)unused;
  answer_outcome(&here.job, OUTCOME_DENIED, &(struct answer_detail){.attempt = &attempt});
  assert_true(has_text(&here.job.response, "history.replaceState"));
  site_ask(&here, "/login", "");
  answer_outcome(&here.job, OUTCOME_NO_RANDOM, NULL);
  assert_false(has_text(&here.job.response, "history.replaceState"));
}

static void a_phone_that_scanned_a_code_tries_that_again(void **unused) {
  (void)unused;
  const struct attempt scanned = {.flags = ATTEMPT_USERINFO | ATTEMPT_HANDOVER, .next = "StateOfTheComputer"};
  answer_outcome(&here.job, OUTCOME_UPSTREAM_TIMEOUT, &(struct answer_detail){.attempt = &scanned});
  assert_true(has_text(&here.job.response, "href=\"/weixin/login?handover=StateOfTheComputer\""));
}

static void an_overloaded_page_asks_again_by_itself(void **unused) { /* C14 */
  (void)unused;
  answer_outcome(&here.job, OUTCOME_OVERLOADED, NULL);
  assert_true(has_line(&here.job.response, "Status: 503 Service Unavailable"));
  assert_true(has_line(&here.job.response, "Retry-After: 2"));
  assert_true(has_text(&here.job.response, "http-equiv=\"refresh\""));
  assert_true(has_text(&here.job.response, "href=\"\">Try again<"));
  assert_false(has_text(&here.job.response, "history.replaceState")); /* code and state are still good */

  here.job.request.method = WEB_POST; /* a form's address says nothing when it is asked for by GET */
  answer_outcome(&here.job, OUTCOME_OVERLOADED, NULL);
  assert_false(has_text(&here.job.response, "http-equiv=\"refresh\""));
  assert_true(has_text(&here.job.response, "href=\"/\">Back to the site<"));
}

static void the_time_that_wechat_names_wins(void **unused) { /* T13 */
  (void)unused;
  struct wechat_answer wechat = {.action = WECHAT_QUOTA_MINUTE, .errcode = 45011, .retry_after_s = 17};
  answer_outcome(&here.job, OUTCOME_UPSTREAM_QUOTA, &(struct answer_detail){.wechat = &wechat});
  assert_true(has_line(&here.job.response, "Retry-After: 17"));
  wechat.retry_after_s = 0;
  answer_outcome(&here.job, OUTCOME_UPSTREAM_QUOTA, &(struct answer_detail){.wechat = &wechat});
  assert_true(has_line(&here.job.response, "Retry-After: 60"));
}

static void the_way_home_is_the_default_page(void **unused) {
  (void)unused;
  here.settings.default_next = "/start";
  answer_outcome(&here.job, OUTCOME_BLOCKED, &(struct answer_detail){.attempt = &attempt});
  assert_true(has_text(&here.job.response, "href=\"/start\""));
  assert_false(has_text(&here.job.response, "private"));
}

static void a_window_of_its_own_tells_its_opener_only_that_it_is_done(void **unused) {
  (void)unused;
  answer_popup(&here.job, OUTCOME_SIGNED_IN, STR("/private/"));
  assert_true(has_text(&here.job.response, "postMessage({weigate:'signed_in'},window.location.origin)"));
  assert_true(has_text(&here.job.response, "href=\"/private/\""));
}

static void a_stored_address_is_judged_again(void **unused) { /* R01 */
  (void)unused;
  struct buf next;
  buf_init(&next, 4096);
  answer_add_next(&here.account, STR("//evil.example/"), &next);
  assert_string_equal(buf_text(&next), "/");
  buf_clear(&next);
  answer_add_next(&here.account, STR("/private/"), &next);
  assert_string_equal(buf_text(&next), "/private/");
  buf_done(&next);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_site, close_site)
  const struct CMUnitTest tests[] = {
      TEST(a_program_reads_a_problem),
      TEST(a_person_reads_a_page_in_their_language),
      TEST(wechats_message_code_and_state_are_on_no_page),
      TEST(again_keeps_the_destination),
      TEST(at_the_callback_the_page_forgets_its_address),
      TEST(a_phone_that_scanned_a_code_tries_that_again),
      TEST(an_overloaded_page_asks_again_by_itself),
      TEST(the_time_that_wechat_names_wins),
      TEST(the_way_home_is_the_default_page),
      TEST(a_window_of_its_own_tells_its_opener_only_that_it_is_done),
      TEST(a_stored_address_is_judged_again),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
