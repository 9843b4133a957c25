/* SPDX-License-Identifier: Apache-2.0
 * test_nginx_text: nginx's configuration as a flat list, and what is no configuration at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "ctl/nginx_text.h"

static struct nginx_text parsed;

static int forget(void **state) {
  (void)state;
  nginx_text_done(&parsed);
  return 0;
}

static void parse(const char *text) {
  nginx_text_done(&parsed);
  assert_int_equal(nginx_text_parse(str_of(text), &parsed), 0);
}

static void assert_directive(size_t place, const char *text, size_t parent) {
  assert_true(place < parsed.count);
  if (!str_eq(parsed.all[place].text, str_of(text))) fail_msg("\"%.*s\" is not \"%s\"", STR_ARG(parsed.all[place].text), text);
  assert_int_equal(parsed.all[place].parent, parent);
}

static void directives_know_their_block(void **state) {
  (void)state;
  parse("user  www-data ;\nhttp {\n  server {\n\tlisten 80;\n location =  /a { internal; } } include x; }\nworker_processes 1;");
  assert_int_equal(parsed.count, 8);
  assert_directive(0, "user www-data", NGINX_TOP);
  assert_directive(1, "http", NGINX_TOP);
  assert_directive(2, "server", 1);
  assert_directive(3, "listen 80", 2);
  assert_directive(4, "location = /a", 2);
  assert_directive(5, "internal", 4);
  assert_directive(6, "include x", 1);
  assert_directive(7, "worker_processes 1", NGINX_TOP);
  assert_true(parsed.all[4].is_block && !parsed.all[5].is_block);
}

static void comments_quotes_and_names_in_braces_are_one_piece_each(void **state) {
  (void)state;
  parse("# user root;\nreturn 200 \"a; {b} # c\"; set $x '\\'}'; add_header X ${y}z; rewrite a\\;b c; path /a#b;");
  assert_int_equal(parsed.count, 5);
  assert_directive(0, "return 200 \"a; {b} # c\"", NGINX_TOP);
  assert_directive(1, "set $x '\\'}'", NGINX_TOP);
  assert_directive(2, "add_header X ${y}z", NGINX_TOP);
  assert_directive(3, "rewrite a\\;b c", NGINX_TOP);
  assert_directive(4, "path /a#b", NGINX_TOP);
}

static void blocks_and_names_are_found_from_a_place_on(void **state) {
  (void)state;
  parse("upstream w { server a; server b; servers c; } upstream v { server d; }");
  size_t block = nginx_text_block(&parsed, STR("upstream w"), 0);
  assert_int_equal(block, 0);
  assert_int_equal(nginx_text_named(&parsed, block, STR("server"), 0), 1);
  assert_int_equal(nginx_text_named(&parsed, block, STR("server"), 2), 2);
  assert_int_equal(nginx_text_named(&parsed, block, STR("server"), 3), NGINX_TOP);
  assert_int_equal(nginx_text_named(&parsed, NGINX_TOP, STR("server"), 3), 5);
  assert_true(nginx_text_has(&parsed, block, STR("server b")) && !nginx_text_has(&parsed, block, STR("server d")));
  assert_int_equal(nginx_text_block(&parsed, STR("upstream w"), 1), NGINX_TOP);
}

static void what_is_no_configuration_ends_calmly(void **state) {
  static const char *const odd[] = {"", "}}}}}", "{{{{{", "\"", "'a", "\\", "${", "a", "a {", "; ; ;", "{;}", "\"\\"};
  (void)state;
  for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) parse(odd[i]);
  char *deep = malloc(200001);
  assert_non_null(deep);
  memset(deep, '{', 100000);
  memset(deep + 100000, 'x', 100000);
  deep[200000] = '\0';
  parse(deep);
  assert_int_equal(parsed.count, 100000);
  free(deep);
}

static void random_bytes_end_calmly(void **state) {
  static const char marks[] = "{};\"'\\#$ \n\tab/=";
  unsigned seed = 1;
  char text[400];
  (void)state;
  for (int round = 0; round < 2000; round++) {
    for (size_t i = 0; i < sizeof text - 1; i++) {
      seed = seed * 1103515245 + 12345;
      text[i] = marks[(seed >> 16) % (sizeof marks - 1)];
    }
    text[sizeof text - 1] = '\0';
    parse(text);
    for (size_t i = 0; i < parsed.count; i++) assert_true(parsed.all[i].parent == NGINX_TOP || parsed.all[i].parent < i);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(directives_know_their_block, forget),
      cmocka_unit_test_teardown(comments_quotes_and_names_in_braces_are_one_piece_each, forget),
      cmocka_unit_test_teardown(blocks_and_names_are_found_from_a_place_on, forget),
      cmocka_unit_test_teardown(what_is_no_configuration_ends_calmly, forget),
      cmocka_unit_test_teardown(random_bytes_end_calmly, forget),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
