/* SPDX-License-Identifier: Apache-2.0
 * test_url: where a visitor may be sent back to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "web/url.h"

static struct origin allowed[2];
static struct url_site site;

static int make_site(void **state) {
  (void)state;
  site = (struct url_site){.allowed = allowed, .allowed_count = 2, .prefix = STR("/weixin")};
  return origin_parse(STR("https://good.example"), &site.self, NULL) |
         origin_parse(STR("https://app.example:8443"), &allowed[0], NULL) |
         origin_parse(STR("http://127.0.0.1:8080"), &allowed[1], NULL);
}

static bool judge(struct str next, char *to, size_t size) {
  struct buf out;
  buf_init(&out, 8192);
  bool is_good = url_next_judge(&site, next, &out);
  assert_int_equal(is_good, out.len > 0);
  assert_int_equal(str_copy(buf_str(&out), to, size), 0);
  buf_done(&out);
  return is_good;
}

static void assert_kept(const char *next, const char *as) {
  char text[8192];
  if (!judge(str_of(next), text, sizeof text)) fail_msg("refused: %s", next);
  assert_string_equal(text, as);
}

static void assert_refused(struct str next) {
  char text[8192];
  if (judge(next, text, sizeof text)) fail_msg("accepted: %.*s", STR_ARG(next));
}

#define REFUSED(literal) assert_refused(STR(literal))

static void path_query_and_fragment_are_kept(void **state) {
  (void)state;
  assert_kept("/", "/");
  assert_kept("/a/b?x=1&y=%2F#/route?z=2", "/a/b?x=1&y=%2F#/route?z=2");
  assert_kept("/a//b/../c", "/a//b/../c");
  assert_kept("/a?x=\\y//z", "/a?x=%5Cy//z");
  assert_kept("/a#@evil.example", "/a#@evil.example");
  assert_kept("/a b'\"\xe4\xbd\xa0", "/a%20b%27%22%E4%BD%A0");
}

static void listed_origins_are_kept(void **state) {
  (void)state;
  assert_kept("https://good.example", "https://good.example");
  assert_kept("https://good.example:443/x", "https://good.example:443/x");
  assert_kept("https://app.example:8443/x?y#z", "https://app.example:8443/x?y#z");
  assert_kept("http://127.0.0.1:8080?x", "http://127.0.0.1:8080?x");
}

static void R01_two_slashes_are_refused(void **state) {
  (void)state;
  REFUSED("//evil.example/");
  REFUSED("///evil.example/");
  REFUSED("//good.example/");
}

static void R02_backslashes_are_refused(void **state) {
  (void)state;
  REFUSED("/\\evil");
  REFUSED("\\/evil");
  REFUSED("\\\\evil");
  REFUSED("/\\/evil");
  REFUSED("/a\\b");
}

static void R03_control_bytes_are_refused(void **state) {
  (void)state;
  REFUSED("/\t/evil");
  REFUSED("/\n/evil");
  REFUSED("/\v/evil");
  REFUSED("/\r/evil");
  REFUSED("/a\x7f");
  REFUSED("/a?b\tc");
}

static void R04_dot_segments_that_end_in_two_slashes_are_refused(void **state) {
  (void)state;
  REFUSED("/./\\evil");
  REFUSED("/..//evil");
  REFUSED("/.//evil");
  REFUSED("/a/..//evil");
  REFUSED("/%2e//evil");
  REFUSED("/%2E%2e//evil");
  REFUSED("/a/b/../.%2e//evil");
}

static void R05_escapes_are_not_decoded_again(void **state) {
  (void)state;
  REFUSED("%2f%2fevil");
  assert_kept("/%2f%2fevil", "/%2f%2fevil");
  assert_kept("/%5cevil", "/%5cevil");
  assert_kept("/%252fevil", "/%252fevil");
}

static void R06_other_ways_to_write_a_scheme_are_refused(void **state) {
  (void)state;
  REFUSED("https://evil.example");
  REFUSED("https:/evil.example");
  REFUSED("https:evil.example");
  REFUSED("HTTPS://evil.example");
  REFUSED("https:///evil.example");
  REFUSED("https:///good.example");
  REFUSED("https:good.example");
}

static void R07_user_info_is_refused(void **state) {
  (void)state;
  REFUSED("https://good.example@evil.example");
  REFUSED("https://good.example:443@evil.example");
  REFUSED("https://good.example\\@evil.example");
  REFUSED("https://evil.example\\.good.example");
  REFUSED("https://user@good.example/");
}

static void R08_only_exact_origins_pass(void **state) {
  (void)state;
  REFUSED("https://evil-good.example");
  REFUSED("https://good.example.evil");
  REFUSED("https://good.example./");
  REFUSED("https://good.example:444/");
  REFUSED("https://good.example:0443/");
  REFUSED("https://good.example:/");
  REFUSED("http://good.example/");
  REFUSED("https://www.good.example/");
  REFUSED("http://127.0.0.1/");
}

static void R09_other_schemes_are_refused(void **state) {
  (void)state;
  REFUSED("javascript:alert(1)");
  REFUSED("java\tscript:alert(1)");
  REFUSED("data:text/html,x");
  REFUSED("blob:https://good.example/x");
  REFUSED("ftp://good.example/");
  REFUSED(" /a");
  REFUSED("a/b");
  REFUSED("?a");
}

static void R12_a_NUL_is_refused_whole(void **state) {
  (void)state;
  REFUSED("/a\0b");
  REFUSED("/\0");
}

static void R13_too_long_is_refused_not_cut(void **state) {
  (void)state;
  char next[URL_NEXT_MAX_BYTES + 1], text[8192];
  memset(next, 'a', sizeof next);
  next[0] = '/';
  assert_false(judge(str_make(next, URL_NEXT_MAX_BYTES + 1), text, sizeof text));
  assert_true(judge(str_make(next, URL_NEXT_MAX_BYTES), text, sizeof text));
}

static void R14_own_sign_in_pages_are_refused_in_every_spelling(void **state) {
  (void)state;
  REFUSED("/weixin/login");
  REFUSED("/weixin/login?next=/a");
  REFUSED("/weixin/callback#x");
  REFUSED("/weixin/logout/");
  REFUSED("/a/../weixin/login");
  REFUSED("/weixin/./login");
  REFUSED("/weixin//login");
  REFUSED("/weixin/%6cogin");
  REFUSED("/weixin%2flogin");
  REFUSED("/x/%2e%2e/weixin/login");
  REFUSED("/x%2f..%2fweixin/login");
  REFUSED("https://good.example/weixin/logout");
  assert_kept("/weixin/loginx", "/weixin/loginx");
  assert_kept("/weixin/session", "/weixin/session");
  assert_kept("https://app.example:8443/weixin/login", "https://app.example:8443/weixin/login");
}

static void R16_an_empty_address_is_refused(void **state) {
  (void)state;
  REFUSED("");
}

static void R20_number_and_IPv6_hosts_are_refused(void **state) {
  (void)state;
  REFUSED("http://[::ffff:1.2.3.4]");
  REFUSED("http://[::ffff:127.0.0.1]:8080/");
  REFUSED("http://0330.072.0326.0316");
  REFUSED("http://1249763844");
  REFUSED("http://0x7f000001:8080/");
  REFUSED("http://127.1:8080/");
  REFUSED("http://127.0.0.1.:8080/");
}

/* Every combination of a scheme, something between, slashes, a separator and an authority. */
static void R21_no_generated_address_leads_to_a_foreign_origin(void **state) {
  static const char *const schemes[] = {
      "", "http:", "https:", "HTTPS:", "hTtP:", "javascript:", "ws:", "https", "\thttps:", "https\t:"};
  static const char *const slashes[] = {"",    "/",    "//",    "///",  "////", "/\\",  "\\/",    "\\\\",  "\\",   "/\t/", "/\n/",
                                        "/./", "/.//", "/..//", "/;//", "/ /",  "/%2f", "%2f%2f", "/%09/", "/%5c", "//%00"};
  static const char *const befores[] = {"",
                                        "good.example@",
                                        "good.example:443@",
                                        "good.example\\@",
                                        "good.example/@",
                                        "good.example%40",
                                        "good.example.",
                                        "good.example#@",
                                        "good.example?@",
                                        "@"};
  static const char *const hosts[] = {"evil.example",     "evil.example:443", "evil.example%2f", "evil.example\\.good.example",
                                      "[::ffff:1.2.3.4]", "1249763844"};
  size_t seen = 0, kept = 0;
  (void)state;
  for (size_t a = 0; a < sizeof schemes / sizeof *schemes; a++)
    for (size_t b = 0; b < sizeof slashes / sizeof *slashes; b++)
      for (size_t c = 0; c < sizeof befores / sizeof *befores; c++)
        for (size_t d = 0; d < sizeof hosts / sizeof *hosts; d++, seen++) {
          char next[256], text[8192];
          snprintf(next, sizeof next, "%s%s%s%s/x", schemes[a], slashes[b], befores[c], hosts[d]);
          if (!judge(str_of(next), text, sizeof text)) continue;
          kept++;
          /* What is let through is a path that no reader takes for an authority, or the own origin with something harmless behind
           * it. */
          bool is_path = text[0] == '/' && text[1] != '/' && text[1] != '\\';
          struct str rest = str_of(text);
          bool is_own =
              str_starts_nocase(rest, STR("https://good.example")) && strchr("/?#", text[sizeof "https://good.example" - 1]);
          if (!is_path && !is_own) fail_msg("foreign: %s", text);
        }
  assert_true(seen >= 5000);
  assert_true(kept > 100);
}

static void origins_have_one_spelling(void **state) {
  struct origin origin;
  (void)state;
  assert_int_equal(origin_parse(STR("HTTPS://Good.Example:443/"), &origin, NULL), 0);
  assert_string_equal(origin.text, "https://good.example");
  assert_true(origin.is_https);
  assert_false(origin.is_loopback);
  assert_int_equal(origin_parse(STR("http://[0:0::1]:8080"), &origin, NULL), 0);
  assert_string_equal(origin.text, "http://[::1]:8080");
  assert_true(origin.is_loopback);
  assert_int_equal(origin_parse(STR("http://127.8.9.1"), &origin, NULL), 0);
  assert_true(origin.is_loopback);
  assert_int_equal(origin_parse(STR("http://127.0.0.1.nip.io"), &origin, NULL), 0);
  assert_false(origin.is_loopback);
  assert_int_equal(origin_parse(STR("http://localhost:80"), &origin, NULL), 0);
  assert_string_equal(origin.text, "http://localhost");
  assert_true(origin.is_loopback);
}

static void odd_origins_are_refused(void **state) {
  static const char *const odd[] = {"",
                                    "https://",
                                    "good.example",
                                    "ftp://good.example",
                                    "https://*.example",
                                    "https://good.example/path",
                                    "https://good.example//",
                                    "https://good.example?x",
                                    "https://a@good.example",
                                    "https://good.example.",
                                    "https://.good.example",
                                    "https://good..example",
                                    "https://-good.example",
                                    "https://good.example:0",
                                    "https://good.example:65536",
                                    "https://good.example:44x",
                                    "https://[::1",
                                    "https://::1",
                                    "https://[fe80::1%eth0]",
                                    "https://1.2.3",
                                    "https://1.2.3.04",
                                    "https://0x1",
                                    "https://a b",
                                    "https://\xe4\xbd\xa0"};
  (void)state;
  for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
    struct origin origin;
    struct err err;
    if (origin_parse(str_of(odd[i]), &origin, &err) == 0) fail_msg("accepted: %s", odd[i]);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(path_query_and_fragment_are_kept),
      cmocka_unit_test(listed_origins_are_kept),
      cmocka_unit_test(R01_two_slashes_are_refused),
      cmocka_unit_test(R02_backslashes_are_refused),
      cmocka_unit_test(R03_control_bytes_are_refused),
      cmocka_unit_test(R04_dot_segments_that_end_in_two_slashes_are_refused),
      cmocka_unit_test(R05_escapes_are_not_decoded_again),
      cmocka_unit_test(R06_other_ways_to_write_a_scheme_are_refused),
      cmocka_unit_test(R07_user_info_is_refused),
      cmocka_unit_test(R08_only_exact_origins_pass),
      cmocka_unit_test(R09_other_schemes_are_refused),
      cmocka_unit_test(R12_a_NUL_is_refused_whole),
      cmocka_unit_test(R13_too_long_is_refused_not_cut),
      cmocka_unit_test(R14_own_sign_in_pages_are_refused_in_every_spelling),
      cmocka_unit_test(R16_an_empty_address_is_refused),
      cmocka_unit_test(R20_number_and_IPv6_hosts_are_refused),
      cmocka_unit_test(R21_no_generated_address_leads_to_a_foreign_origin),
      cmocka_unit_test(origins_have_one_spelling),
      cmocka_unit_test(odd_origins_are_refused),
  };
  return cmocka_run_group_tests(tests, make_site, NULL);
}
