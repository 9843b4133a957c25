/* SPDX-License-Identifier: Apache-2.0
 * test_session: the session cookie is exactly what was sealed for this account, in time, once, and not revoked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/random.h"
#include "signin/session.h"
#include "signin/state.h"
#include "site.h"

#define HOUR_S     INT64_C(3600)
#define DAY_S      (24 * HOUR_S)
#define SEAL_COUNT 1000000

static struct site here;
static struct browser browser;

static int open_site(void **state) {
  (void)state;
  site_open(&here, &(struct site_options){0});
  browser.count = 0;
  return 0;
}

static int close_site(void **state) {
  (void)state;
  random_fail_next(0);
  site_close(&here);
  return 0;
}

static struct session make_session(const char *openid) {
  struct session session = {.has_userinfo = true, .signed_in_at_s = NOW_S, .sealed_at_s = NOW_S, .profile_at_s = NOW_S};
  assert_int_equal(random_bytes(session.id, sizeof(session.id)), 0);
  assert_int_equal(str_copy(str_of(openid), session.openid, sizeof(session.openid)), 0);
  session_set_nickname(&session, STR("李平"));
  return session;
}

/* Puts the session into the browser as of now_s. */
static void issue(struct session *session, int64_t now_s) {
  response_status(&here.response, 303);
  assert_int_equal(session_set_cookie(&here.account, session, now_s, &here.response), 0);
  browser_take(&browser, &here.response);
}

static enum session_state read_header(const struct site *site, struct str cookie, int64_t now_s, struct session *ret_session,
                                      bool *ret_renew) {
  struct request request = {.cookie = cookie};
  return session_read(&site->account, &request, NULL, now_s, ret_session, ret_renew);
}

static enum session_state read_at(int64_t now_s) {
  struct session session;
  return read_header(&here, browser_send(&browser), now_s, &session, NULL);
}

/* What another header than the browser's own would be. */
static enum session_state read_text(const char *cookie) {
  struct session session;
  return read_header(&here, str_of(cookie), NOW_S, &session, NULL);
}

static void what_was_sealed_is_read(void **unused) {
  (void)unused;
  struct session made = make_session("oABC_def-123"), read;
  bool renew = true;
  str_copy(STR("uXYZ"), made.unionid, sizeof(made.unionid));
  issue(&made, NOW_S);
  assert_int_equal(read_header(&here, browser_send(&browser), NOW_S, &read, &renew), SESSION_GOOD);
  assert_memory_equal(read.id, made.id, sizeof(made.id));
  assert_string_equal(read.openid, "oABC_def-123");
  assert_string_equal(read.unionid, "uXYZ");
  assert_string_equal(read.nickname, "李平");
  assert_string_equal(session_scope(&read), "snsapi_userinfo");
  assert_string_equal(session_appid(&here.account, &read), "wx0123456789abcdef");
  assert_false(renew);
}

static void the_cookie_has_every_protection(void **unused) { /* K12 */
  (void)unused;
  char line[4096];
  struct session made = make_session("oABC");
  issue(&made, NOW_S);
  take_header(&here.response, "Set-Cookie", line, sizeof(line));
  assert_true(str_starts(str_of(line), STR("__Host-weigate=")));
  assert_true(str_ends(str_of(line), STR("; Path=/; Max-Age=172800; HttpOnly; SameSite=Lax; Secure")));
  assert_null(strstr(line, "Domain"));
  assert_true(strlen(line) < 1024);
}

static void on_loopback_it_does_without_what_needs_https(void **unused) { /* K12 */
  (void)unused;
  char line[4096];
  struct session made = make_session("oABC");
  site_close(&here);
  site_open(&here, &(struct site_options){.public_url = "http://127.0.0.1:8080"});
  issue(&made, NOW_S);
  take_header(&here.response, "Set-Cookie", line, sizeof(line));
  assert_true(str_starts(str_of(line), STR("weigate=")));
  assert_true(str_ends(str_of(line), STR("; HttpOnly; SameSite=Lax")));
}

static void every_flipped_bit_is_refused(void **unused) { /* K01 */
  (void)unused;
  struct session made = make_session("oABC");
  issue(&made, NOW_S);
  char *value = browser.cookies[0].value;
  for (size_t bit = 0; bit < 8 * strlen(value); bit++) {
    value[bit / 8] = (char)(value[bit / 8] ^ 1 << bit % 8);
    assert_int_not_equal(read_at(NOW_S), SESSION_GOOD);
    value[bit / 8] = (char)(value[bit / 8] ^ 1 << bit % 8);
  }
  assert_int_equal(read_at(NOW_S), SESSION_GOOD);
}

static void every_cut_and_every_extension_is_refused(void **unused) { /* K02 */
  (void)unused;
  struct session made = make_session("oABC");
  issue(&made, NOW_S);
  struct str whole = browser_send(&browser);
  size_t name_n = strlen("__Host-weigate=");
  for (size_t n = name_n; n < whole.n; n++) { /* in a block of its own, so that a read behind the end is seen */
    struct session session;
    char *cut = malloc(n);
    assert_non_null(cut);
    memcpy(cut, whole.p, n);
    assert_int_equal(read_header(&here, str_make(cut, n), NOW_S, &session, NULL), SESSION_FORGED);
    free(cut);
  }
  char longer[8192];
  for (const char *more = "A-_=.0"; *more; more++) {
    snprintf(longer, sizeof(longer), "%.*s%c", STR_ARG(whole), *more);
    assert_int_equal(read_text(longer), SESSION_FORGED);
  }
  snprintf(longer, sizeof(longer), "%.*s%.*s", STR_ARG(whole), STR_ARG(str_from(whole, name_n)));
  assert_int_equal(read_text(longer), SESSION_FORGED);
}

static void a_cookie_of_a_megabyte_is_refused(void **unused) { /* K03 */
  (void)unused;
  struct session session;
  char *huge = malloc(1 << 20);
  assert_non_null(huge);
  memset(huge, 'A', 1 << 20);
  memcpy(huge, "__Host-weigate=", strlen("__Host-weigate="));
  assert_int_equal(read_header(&here, str_make(huge, 1 << 20), NOW_S, &session, NULL), SESSION_FORGED);
  free(huge);
}

static void another_account_or_deployment_with_the_same_key_refuses_it(void **unused) { /* K05 S23 */
  (void)unused;
  const struct site_options others[] = {
      {.appid = "wxfedcba9876543210"}, {.prefix = "/shop"}, {.public_url = "https://www.example.org"}};
  struct session made = make_session("oABC"), read;
  issue(&made, NOW_S);
  for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
    struct site there;
    site_open(&there, &others[i]);
    assert_int_equal(read_header(&there, browser_send(&browser), NOW_S, &read, NULL), SESSION_FORGED);
    site_close(&there);
  }
}

static void what_was_sealed_for_another_purpose_is_refused(void **unused) { /* K05 */
  (void)unused;
  struct session made = make_session("oABC");
  uint8_t packed[SESSION_PACKED_MAX];
  char text[SEAL_TEXT_BYTES(SESSION_PACKED_MAX)], header[2048];
  size_t n = session_pack(&made, packed);
  for (int purpose = SEAL_SESSION; purpose <= SEAL_CODE; purpose++) {
    assert_int_equal(seal_lock(here.session.keys, (enum seal_purpose)purpose, account_context(&here.account), packed, n, text),
                     0);
    snprintf(header, sizeof(header), "__Host-weigate=%s", text);
    assert_int_equal(read_text(header), purpose == SEAL_SESSION ? SESSION_GOOD : SESSION_FORGED);
  }
}

static void unknown_empty_and_retired_keys_are_refused(void **unused) { /* K06 */
  (void)unused;
  struct session made = make_session("oABC");
  issue(&made, NOW_S);
  struct str whole = browser_send(&browser);
  char other[8192];
  snprintf(other, sizeof(other), "__Host-weigate=AAAAAA%.*s", STR_ARG(str_from(whole, strlen("__Host-weigate=") + 6)));
  assert_int_equal(read_text(other), SESSION_FORGED); /* the id of no key */
  snprintf(other, sizeof(other), "__Host-weigate=%.*s", STR_ARG(str_from(whole, strlen("__Host-weigate=") + 6)));
  assert_int_equal(read_text(other), SESSION_FORGED); /* no id */
  assert_int_equal(read_text("__Host-weigate="), SESSION_FORGED);
  site_rotate(&here, KEY_B);
  assert_int_equal(read_at(NOW_S), SESSION_FORGED);
}

static void the_same_name_twice_is_ambiguous(void **unused) { /* K07 */
  (void)unused;
  char a[4096], b[4096], both[16384];
  struct session first = make_session("oFirst"), second = make_session("oSecond");
  issue(&first, NOW_S);
  str_copy(browser_send(&browser), a, sizeof(a));
  issue(&second, NOW_S);
  str_copy(browser_send(&browser), b, sizeof(b));
  const char *const pairs[][2] = {{a, b}, {b, a}, {a, "__Host-weigate=junk"}, {"__Host-weigate=junk", a}, {a, "__Host-weigate="}};
  for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
    struct session session;
    snprintf(both, sizeof(both), "%s; %s", pairs[i][0], pairs[i][1]);
    assert_int_equal(read_text(both), SESSION_AMBIGUOUS);
    struct request request = {.cookie = str_of(pairs[i][0]), .cookie_second = str_of(pairs[i][1])};
    assert_int_equal(session_read(&here.account, &request, NULL, NOW_S, &session, NULL), SESSION_AMBIGUOUS);
  }
}

static void only_the_exact_name_and_a_bare_value_count(void **unused) { /* K09 */
  (void)unused;
  char other[8192];
  struct session made = make_session("oABC");
  issue(&made, NOW_S);
  const char *value = browser.cookies[0].value;
  const char *const forms[] = {"=__Host-weigate=%s", "__host-weigate=%s",      "__Host-weigate =%s", "\"__Host-weigate\"=%s",
                               "weigate=%s",         "__Host-weigate-shop=%s", "x__Host-weigate=%s"};
  for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
    const char *gap = strstr(forms[i], "%s");
    snprintf(other, sizeof(other), "%.*s%s", (int)(gap - forms[i]), forms[i], value);
    assert_int_equal(read_text(other), SESSION_NONE);
  }
  snprintf(other, sizeof(other), "__Host-weigate=\"%s\"", value);
  assert_int_not_equal(read_text(other), SESSION_GOOD);
}

static void headers_of_separators_hold_no_session(void **unused) { /* K10 */
  (void)unused;
  char pairs[2048] = "";
  for (int i = 0; i < 500; i++) memcpy(pairs + 2 * i, "=;", 3);
  const char *const headers[] = {"", ";", ",", " ", ";;;;;;;;", "   ;  ; ;", "\t", "=", "==;==", pairs};
  for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) assert_int_equal(read_text(headers[i]), SESSION_NONE);
}

static void a_long_nickname_does_not_lengthen_the_cookie(void **unused) { /* K13 */
  (void)unused;
  char emojis[4 * 200 + 1] = "";
  struct session plain = make_session("oABC"), proud = make_session("oABC");
  for (int i = 0; i < 200; i++) memcpy(emojis + 4 * i, "\xF0\x9F\x98\x80", 5);
  session_set_nickname(&plain, STR_NONE);
  session_set_nickname(&proud, str_of(emojis));
  assert_int_equal(strlen(proud.nickname), SESSION_NICKNAME_BYTES);
  issue(&plain, NOW_S);
  size_t plain_n = strlen(browser.cookies[0].value);
  issue(&proud, NOW_S);
  assert_int_equal(strlen(browser.cookies[0].value), plain_n);
  assert_int_equal(read_at(NOW_S), SESSION_GOOD);
}

static void a_nickname_is_cut_between_characters(void **unused) { /* Z03 */
  (void)unused;
  struct session session = {0};
  char text[SESSION_NICKNAME_BYTES + 4];
  for (size_t before = 0; before < 4; before++) {
    memset(text, 'x', sizeof(text));
    memcpy(text + SESSION_NICKNAME_BYTES - before, "\xF0\x9F\x98\x80", 4);
    session_set_nickname(&session, str_make(text, SESSION_NICKNAME_BYTES - before + 4));
    assert_int_equal(strlen(session.nickname), SESSION_NICKNAME_BYTES - before);
  }
}

static void it_ends_with_its_idle_time(void **unused) { /* K14 */
  (void)unused;
  struct session made = make_session("oABC");
  issue(&made, NOW_S);
  assert_int_equal(read_at(NOW_S + 2 * DAY_S - 1), SESSION_GOOD);
  assert_int_equal(read_at(NOW_S + 2 * DAY_S), SESSION_EXPIRED);
  assert_int_equal(read_at(NOW_S + 2 * DAY_S + 1), SESSION_EXPIRED);
}

static void it_ends_with_its_lifetime_however_often_it_is_renewed(void **unused) { /* K14 */
  (void)unused;
  struct session made = make_session("oABC");
  for (int day = 0; day < 7; day++) {
    issue(&made, NOW_S + day * DAY_S);
    assert_int_equal(read_at(NOW_S + day * DAY_S), SESSION_GOOD);
  }
  assert_int_equal(session_expires_at_s(&here.session, &made), NOW_S + 7 * DAY_S);
  assert_int_equal(read_at(NOW_S + 7 * DAY_S - 1), SESSION_GOOD);
  assert_int_equal(read_at(NOW_S + 7 * DAY_S), SESSION_EXPIRED);
}

static void a_clock_that_steps_back_is_believed_within_the_skew(void **unused) { /* K14 X18 */
  (void)unused;
  struct session made = make_session("oABC");
  issue(&made, NOW_S);
  assert_int_equal(read_at(NOW_S - STATE_SKEW_S), SESSION_GOOD);
  assert_int_equal(read_at(NOW_S - STATE_SKEW_S - 1), SESSION_EXPIRED);
  assert_int_equal(read_at(NOW_S - HOUR_S), SESSION_EXPIRED); /* no revocation of that hour would reach it */
  assert_int_equal(read_at(NOW_S), SESSION_GOOD);
}

static void far_years_are_years_like_others(void **unused) { /* K14 */
  (void)unused;
  const int64_t years[] = {INT64_C(2147483646), INT64_C(4102444800), INT64_C(253402300799) - 8 * DAY_S};
  for (size_t i = 0; i < sizeof(years) / sizeof(years[0]); i++) {
    struct session made = make_session("oABC");
    made.signed_in_at_s = years[i];
    issue(&made, years[i]);
    assert_int_equal(read_at(years[i] + 2 * DAY_S - 1), SESSION_GOOD);
    assert_int_equal(read_at(years[i] + 2 * DAY_S), SESSION_EXPIRED);
    assert_int_equal(read_at(NOW_S), SESSION_EXPIRED);
  }
}

static void past_half_its_idle_time_it_is_to_be_renewed(void **unused) {
  (void)unused;
  struct session made = make_session("oABC"), read;
  bool renew;
  issue(&made, NOW_S);
  assert_int_equal(read_header(&here, browser_send(&browser), NOW_S + DAY_S - 1, &read, &renew), SESSION_GOOD);
  assert_false(renew);
  assert_int_equal(read_header(&here, browser_send(&browser), NOW_S + DAY_S, &read, &renew), SESSION_GOOD);
  assert_true(renew);
}

static void older_keys_open_and_are_sealed_anew_and_nobody_is_signed_out(void **unused) { /* K18 */
  (void)unused;
  struct session made = make_session("oABC"), read;
  bool renew = false;
  issue(&made, NOW_S);
  const char *const lists[] = {KEY_B "\n" KEY_A, KEY_C "\n" KEY_B "\n" KEY_A, KEY_C "\n" KEY_B};
  for (int i = 0; i < 10000; i++) {
    if (i % 3000 == 1000) site_rotate(&here, lists[i / 3000 % 3]);
    assert_int_equal(read_header(&here, browser_send(&browser), NOW_S, &read, &renew), SESSION_GOOD);
    assert_int_equal(renew, i % 3000 == 1000 && i / 3000 < 2);
    if (renew) issue(&read, NOW_S);
  }
  site_rotate(&here, KEY_A);
  assert_int_equal(read_at(NOW_S), SESSION_FORGED);
}

static int compare_nonces(const void *a, const void *b) {
  return memcmp(a, b, 24);
}

static void nonces_do_not_repeat(void **unused) { /* K27; across fork: test_seal */
  (void)unused;
  struct session made = make_session("oABC");
  uint8_t packed[SESSION_PACKED_MAX], sealed[SESSION_PACKED_MAX + SEAL_OVERHEAD_BYTES];
  uint8_t(*nonces)[24] = malloc(SEAL_COUNT * sizeof(*nonces));
  assert_non_null(nonces);
  size_t n = session_pack(&made, packed);
  for (size_t i = 0; i < SEAL_COUNT; i++) {
    assert_int_equal(seal_lock_raw(here.session.keys, SEAL_SESSION, STR("x"), packed, n > 16 ? 16 : n, sealed), 0);
    memcpy(nonces[i], sealed + 4, 24); /* behind the key's id */
  }
  qsort(nonces, SEAL_COUNT, sizeof(*nonces), compare_nonces);
  for (size_t i = 1; i < SEAL_COUNT; i++) assert_int_not_equal(compare_nonces(nonces[i - 1], nonces[i]), 0);
  free(nonces);
}

static void without_random_bytes_no_cookie_is_set(void **unused) { /* S22 */
  (void)unused;
  struct session made = make_session("oABC");
  random_fail_next(-1);
  assert_int_equal(session_set_cookie(&here.account, &made, NOW_S, &here.response), -1);
  assert_false(has_line(&here.response, "Set-Cookie:"));
}

static void signing_in_as_somebody_else_leaves_nothing_of_the_first(void **unused) { /* S19 S21 */
  (void)unused;
  struct session first = make_session("oFirst"), second = make_session("oSecond"), read;
  str_copy(STR("uFirst"), first.unionid, sizeof(first.unionid));
  browser.cookies[browser.count++] = (struct browser_cookie){"__Host-weigate", "planted"};
  issue(&first, NOW_S);
  issue(&second, NOW_S);
  assert_int_equal(browser.count, 1);
  assert_int_equal(read_header(&here, browser_send(&browser), NOW_S, &read, NULL), SESSION_GOOD);
  assert_string_equal(read.openid, "oSecond");
  assert_string_equal(read.unionid, "");
  assert_memory_not_equal(read.id, first.id, sizeof(read.id));
}

static void a_session_of_the_website_app_names_it_and_ends_with_it(void **unused) { /* K05 */
  (void)unused;
  struct session made = make_session("oABC"), read;
  made.is_website = true;
  str_copy(STR("wxwebsite0000001"), made.website_appid, sizeof(made.website_appid));
  here.settings.qrconnect_appid = "wxwebsite0000001";
  issue(&made, NOW_S);
  assert_int_equal(read_header(&here, browser_send(&browser), NOW_S, &read, NULL), SESSION_GOOD);
  assert_string_equal(session_appid(&here.account, &read), "wxwebsite0000001");
  assert_string_equal(session_scope(&read), "snsapi_login");
  here.settings.qrconnect_appid = "wxwebsite0000002"; /* its openids are other people's */
  assert_int_equal(read_at(NOW_S), SESSION_FORGED);
  here.settings.qrconnect_appid = NULL;
  assert_int_equal(read_at(NOW_S), SESSION_FORGED);
}

static void a_cleared_cookie_is_gone(void **unused) {
  (void)unused;
  struct session made = make_session("oABC");
  issue(&made, NOW_S);
  response_status(&here.response, 303);
  session_clear_cookie(&here.account, &here.response);
  browser_take(&browser, &here.response);
  assert_int_equal(read_at(NOW_S), SESSION_NONE);
}

static void packing_has_one_form(void **unused) {
  (void)unused;
  struct session made = make_session("oABC"), read;
  uint8_t packed[SESSION_PACKED_MAX], again[SESSION_PACKED_MAX];
  size_t n = session_pack(&made, packed);
  for (size_t cut = 0; cut < n; cut++) assert_int_equal(session_unpack(packed, cut, &read), -1);
  for (size_t bit = 0; bit < 8 * n; bit++) {
    packed[bit / 8] = (uint8_t)(packed[bit / 8] ^ 1 << bit % 8);
    if (session_unpack(packed, n, &read) == 0) {
      assert_int_equal(session_pack(&read, again), n);
      assert_memory_equal(again, packed, n);
    }
    packed[bit / 8] = (uint8_t)(packed[bit / 8] ^ 1 << bit % 8);
  }
  assert_int_equal(session_unpack(packed, n, &read), 0);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_site, close_site)
  const struct CMUnitTest tests[] = {
      TEST(what_was_sealed_is_read),
      TEST(the_cookie_has_every_protection),
      TEST(on_loopback_it_does_without_what_needs_https),
      TEST(every_flipped_bit_is_refused),
      TEST(every_cut_and_every_extension_is_refused),
      TEST(a_cookie_of_a_megabyte_is_refused),
      TEST(another_account_or_deployment_with_the_same_key_refuses_it),
      TEST(what_was_sealed_for_another_purpose_is_refused),
      TEST(unknown_empty_and_retired_keys_are_refused),
      TEST(the_same_name_twice_is_ambiguous),
      TEST(only_the_exact_name_and_a_bare_value_count),
      TEST(headers_of_separators_hold_no_session),
      TEST(a_long_nickname_does_not_lengthen_the_cookie),
      TEST(a_nickname_is_cut_between_characters),
      TEST(it_ends_with_its_idle_time),
      TEST(it_ends_with_its_lifetime_however_often_it_is_renewed),
      TEST(a_clock_that_steps_back_is_believed_within_the_skew),
      TEST(far_years_are_years_like_others),
      TEST(past_half_its_idle_time_it_is_to_be_renewed),
      TEST(older_keys_open_and_are_sealed_anew_and_nobody_is_signed_out),
      TEST(nonces_do_not_repeat),
      TEST(without_random_bytes_no_cookie_is_set),
      TEST(signing_in_as_somebody_else_leaves_nothing_of_the_first),
      TEST(a_session_of_the_website_app_names_it_and_ends_with_it),
      TEST(a_cleared_cookie_is_gone),
      TEST(packing_has_one_form),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
