/* SPDX-License-Identifier: Apache-2.0
 * fuzz_cookie: a value that is taken from a Cookie header stands there under exactly that name and can be set again. */
#include <string.h>

#include "fuzz.h"
#include "web/cookie.h"

#define NAME "__Host-weigate"

static void check_visit(struct str name, struct str value, void *arg) {
  struct response response;
  FUZZ_CHECK(str_starts(name, STR("__Host-")));
  response_init(&response);
  response_status(&response, 200);
  if (value.n < 2000 && name.n < 1000) cookie_set(&response, name, value, 1, true);
  FUZZ_CHECK(!response.refused);
  response_done(&response);
  FUZZ_CHECK(++*(int *)arg <= 64);
}

static void check_found(struct str header, struct str value) {
  FUZZ_CHECK(value.p - header.p >= (ptrdiff_t)sizeof NAME);
  FUZZ_CHECK(memcmp(value.p - sizeof NAME, NAME "=", sizeof NAME) == 0);
  FUZZ_CHECK(value.p + value.n == header.p + header.n || value.p[value.n] == ';');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const char *newline = size ? memchr(data, '\n', size) : NULL; /* a second header stands behind it */
  struct str whole = str_make((const char *)data, size);
  size_t first = newline ? (size_t)(newline - whole.p) : size;
  struct request request = {.cookie = str_make(whole.p, first), .cookie_second = str_from(whole, first + 1)};
  struct str value = STR_NONE;
  int visits = 0;
  enum web_value found = cookie_value(&request, STR(NAME), &value);
  FUZZ_CHECK((found == WEB_VALUE_ONE) == (value.p != NULL));
  if (found == WEB_VALUE_ONE) check_found(value.p < whole.p + first + 1 ? request.cookie : request.cookie_second, value);
  cookie_each(&request, STR("__Host-"), check_visit, &visits);
  FUZZ_CHECK(found != WEB_VALUE_ONE || visits >= 1);
  return 0;
}
