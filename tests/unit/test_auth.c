/* SPDX-License-Identifier: Apache-2.0
 * test_auth: yes to a good session only, with headers that no name can break. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "signin/auth.h"
#include "site.h"

static struct site here;

static int open_site(void **state) {
  (void)state;
  clock_hold(NOW_S, 1000);
  site_open(&here, &(struct site_options){0});
  site_ask(&here, "/auth", "");
  here.job.session_state = SESSION_GOOD;
  here.job.renew_session = false;
  here.job.session = (struct session){.has_userinfo = true, .signed_in_at_s = NOW_S, .sealed_at_s = NOW_S, .openid = "oABC"};
  return 0;
}

static int close_site(void **state) {
  (void)state;
  clock_release();
  site_close(&here);
  return 0;
}

static bool says(const char *line) {
  return has_line(&here.job.response, line);
}

static void a_good_session_is_a_204_that_says_who(void **unused) {
  (void)unused;
  session_set_nickname(&here.job.session, STR("李 a"));
  str_copy(STR("uXYZ"), here.job.session.unionid, sizeof(here.job.session.unionid));
  auth_run(&here.job);
  assert_true(says("Status: 204 No Content"));
  assert_true(says("Cache-Control: no-store")); /* K25 */
  assert_true(says("X-Weigate-Appid: wx0123456789abcdef"));
  assert_true(says("X-Weigate-Openid: oABC"));
  assert_true(says("X-Weigate-Unionid: uXYZ"));
  assert_true(says("X-Weigate-Nickname: %E6%9D%8E%20a"));
  assert_true(says("X-Weigate-Scope: snsapi_userinfo"));
  assert_true(says("X-Weigate-Expires: 1795512780")); /* two idle days from now */
  assert_false(says("Set-Cookie:"));
  assert_false(says("X-Weigate-Snapshot:"));
  assert_int_equal(here.job.response.body.len, 0);
}

static void every_other_state_is_a_401_that_says_nothing(void **unused) { /* K01 K07 K24 */
  (void)unused;
  for (int state = SESSION_GOOD + 1; state <= SESSION_REVOKED; state++) {
    here.job.session_state = (enum session_state)state;
    auth_run(&here.job);
    assert_true(says("Status: 401 Unauthorized"));
    assert_true(says("Cache-Control: no-store"));
    assert_false(says("X-Weigate-Openid:"));
    assert_false(says("X-Weigate-Appid:"));
  }
}

static void no_byte_of_a_name_breaks_a_header(void **unused) { /* F29 Z04 */
  (void)unused;
  for (int c = 1; c < 256; c++) {
    char name[] = {'x', (char)c, 'y'};
    here.job.session.nickname[0] = '\0';
    memcpy(here.job.session.nickname, name, sizeof(name));
    auth_run(&here.job);
    assert_false(here.job.response.refused);
    assert_true(says("Status: 204 No Content"));
    char header[64];
    take_header(&here.job.response, "X-Weigate-Nickname", header, sizeof(header));
    assert_int_equal(strspn(header, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~%"), strlen(header));
  }
}

static void a_session_past_half_its_life_is_renewed_on_the_way(void **unused) {
  (void)unused;
  here.job.renew_session = true;
  clock_advance_ms(INT64_C(30) * 3600 * 1000);
  auth_run(&here.job);
  assert_true(says("Set-Cookie:"));
  assert_true(says("X-Weigate-Expires: 1795620780"));
}

static void a_guest_is_told_apart_and_refused_where_a_person_is_wanted(void **unused) {
  (void)unused;
  here.job.session.is_guest = true;
  auth_run(&here.job);
  assert_true(says("Status: 204 No Content"));
  assert_true(says("X-Weigate-Snapshot: 1"));
  here.job.request.require = STR("person");
  auth_run(&here.job);
  assert_true(says("Status: 403 Forbidden"));
  assert_false(says("X-Weigate-Openid:"));
  here.job.session.is_guest = false;
  auth_run(&here.job);
  assert_true(says("Status: 204 No Content"));
}

static void the_longest_answer_fits_what_nginx_takes(void **unused) { /* F30 K12 */
  (void)unused;
  struct session *session = &here.job.session;
  here.job.renew_session = true;
  session->is_website = true;
  memset(session->openid, 'o', WECHAT_ID_MAX_BYTES);
  memset(session->unionid, 'u', WECHAT_ID_MAX_BYTES);
  memset(session->website_appid, 'w', WECHAT_ID_MAX_BYTES);
  memset(session->nickname, 0xe6, SESSION_NICKNAME_BYTES);
  auth_run(&here.job);
  assert_false(here.job.response.refused || here.job.response.head.failed);
  assert_true(here.job.response.head.len < 2048);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_site, close_site)
  const struct CMUnitTest tests[] = {
      TEST(a_good_session_is_a_204_that_says_who),
      TEST(every_other_state_is_a_401_that_says_nothing),
      TEST(no_byte_of_a_name_breaks_a_header),
      TEST(a_session_past_half_its_life_is_renewed_on_the_way),
      TEST(a_guest_is_told_apart_and_refused_where_a_person_is_wanted),
      TEST(the_longest_answer_fits_what_nginx_takes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
