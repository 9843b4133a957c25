/* SPDX-License-Identifier: Apache-2.0
 * fuzz_next: a return address that is let through is a path of the own site or begins with a listed origin, as plain ASCII; read
 * again it is judged the same. */
#include <string.h>

#include "fuzz.h"
#include "web/url.h"

static struct url_site site;
static struct origin allowed[1];

static void start_once(void) {
  if (site.allowed) return;
  FUZZ_CHECK(origin_parse(STR("https://good.example"), &site.self, NULL) == 0);
  FUZZ_CHECK(origin_parse(STR("http://127.0.0.1:8080"), &allowed[0], NULL) == 0);
  site.allowed = allowed;
  site.allowed_count = 1;
  site.prefix = STR("/weixin");
}

static bool begins_with(struct str next, struct str origin) {
  if (!str_starts_nocase(next, origin)) return false;
  return next.n == origin.n || memchr("/?#", next.p[origin.n], 3);
}

static void check_let_through(struct str next) {
  for (size_t i = 0; i < next.n; i++) FUZZ_CHECK(next.p[i] > 0x20 && next.p[i] < 0x7f && next.p[i] != '\\');
  bool is_path = next.p[0] == '/' && (next.n == 1 || next.p[1] != '/');
  FUZZ_CHECK(is_path || begins_with(next, STR("https://good.example")) || begins_with(next, STR("https://good.example:443")) ||
             begins_with(next, STR("http://127.0.0.1:8080")));
  FUZZ_CHECK(!str_starts(next, STR("/weixin/login?")) && !str_eq(next, STR("/weixin/login")));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct str next = str_make((const char *)data, size);
  struct origin origin;
  struct buf out, again;
  start_once();
  buf_init(&out, 8192);
  buf_init(&again, 8192);
  if (url_next_judge(&site, next, &out)) {
    check_let_through(buf_str(&out));
    if (out.len <= URL_NEXT_MAX_BYTES)
      FUZZ_CHECK(url_next_judge(&site, buf_str(&out), &again) && str_eq(buf_str(&out), buf_str(&again)));
  } else {
    FUZZ_CHECK(out.len == 0);
  }
  if (origin_parse(next, &origin, NULL) == 0) {
    struct origin same;
    FUZZ_CHECK(origin_parse(str_of(origin.text), &same, NULL) == 0 && strcmp(origin.text, same.text) == 0);
  }
  buf_done(&out);
  buf_done(&again);
  return 0;
}
