/* SPDX-License-Identifier: Apache-2.0
 * test_account: names and addresses that follow from an account's settings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "signin/session_api.h"
#include "site.h"

static struct site here;

static void names_follow_from_id_and_scheme(void **unused) { /* K12 */
  (void)unused;
  static const struct {
    struct site_options options;
    const char *session, *login, *callback;
  } cases[] = {
      {{0}, "__Host-weigate", "__Host-weigate-login-", "https://www.example.com/weixin/callback"},
      {{.id = "shop", .prefix = "/shop/wx"},
       "__Host-weigate-shop",
       "__Host-weigate-shop-login-",
       "https://www.example.com/shop/wx/callback"},
      {{.public_url = "http://127.0.0.1:8080"}, "weigate", "weigate-login-", "http://127.0.0.1:8080/weixin/callback"},
  };
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    site_open(&here, &cases[i].options);
    assert_string_equal(here.account.session_cookie, cases[i].session);
    assert_string_equal(here.account.login_cookie, cases[i].login);
    assert_string_equal(here.account.callback_uri, cases[i].callback);
    site_close(&here);
  }
}

static void a_name_that_could_collide_with_a_cookie_is_refused(void **unused) {
  (void)unused;
  struct err err;
  site_open(&here, &(struct site_options){0});
  const char *const ids[] = {"login", "login-x", "a-login-b", "shop-login"};
  for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
    struct account account;
    struct account_settings settings = here.settings;
    str_copy(str_of(ids[i]), settings.id, sizeof(settings.id));
    assert_int_equal(account_init(&account, &settings, &here.session, &err), -1);
    assert_non_null(strstr(err.text, ids[i]));
  }
  site_close(&here);
}

static void only_our_own_pages_may_sign_out_and_confirm(void **unused) { /* K16 */
  (void)unused;
  static const struct {
    const char *origin, *fetch_site, *referer;
    bool is_ours;
  } cases[] = {
      {NULL, NULL, NULL, true}, /* a program, which carries nobody's cookies */
      {"https://www.example.com", "same-origin", NULL, true},
      {"https://www.example.com", NULL, "https://evil.example/", true},
      {"https://shop.example.com", "same-site", NULL, true}, /* listed */
      {"https://evil.example", "cross-site", NULL, false},
      {"https://evil.example", "same-origin", NULL, false},
      {"https://www.example.com.evil.example", NULL, NULL, false},
      {"http://www.example.com", NULL, NULL, false},
      {"null", NULL, NULL, false},
      {"null", "same-origin", NULL, true}, /* a form on a page of ours, which sends no referrer */
      {"null", "cross-site", NULL, false},
      {NULL, "same-origin", NULL, true},
      {NULL, "none", NULL, true},
      {NULL, "same-site", NULL, false},
      {NULL, "cross-site", NULL, false},
      {NULL, NULL, "https://www.example.com/private/?x", true},
      {NULL, NULL, "https://www.example.com", true},
      {NULL, NULL, "https://evil.example/https://www.example.com/", false},
      {NULL, NULL, "https://www.example.com@evil.example/", false},
  };
  site_open(&here, &(struct site_options){0});
  struct err err;
  assert_int_equal(origin_parse(STR("https://shop.example.com"), &here.settings.allowed_origins[0], &err), 0);
  here.account.site.allowed_count = 1;
  for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
    site_ask(&here, "/logout", "");
    here.job.request.origin = str_of(cases[i].origin);
    here.job.request.fetch_site = str_of(cases[i].fetch_site);
    here.job.request.referer = str_of(cases[i].referer);
    if (request_is_same_site(&here.job) != cases[i].is_ours) fail_msg("case %zu", i);
  }
  site_close(&here);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(names_follow_from_id_and_scheme),
      cmocka_unit_test(a_name_that_could_collide_with_a_cookie_is_refused),
      cmocka_unit_test(only_our_own_pages_may_sign_out_and_confirm),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
