/* SPDX-License-Identifier: Apache-2.0
 * fuzz_utf8: the text cleaner yields valid text without hidden characters, changes clean text no further and keeps its limit. */
#include "base/buf.h"
#include "base/text.h"
#include "base/utf8.h"
#include "fuzz.h"

static void check_clean(struct str text) {
  FUZZ_CHECK(utf8_is_valid(text));
  while (text.n > 0) {
    uint32_t code_point;
    size_t bad, used = utf8_decode(text.p, text.n, &code_point, &bad);
    FUZZ_CHECK(used > 0 && !utf8_is_hidden(code_point));
    text = str_from(text, used);
  }
}

static void check_cuts(struct str clean) {
  for (size_t max = 0; max <= clean.n && max < 64; max++) {
    size_t n = utf8_cut(clean, max);
    FUZZ_CHECK(n <= max && max - n < 4);
    FUZZ_CHECK(utf8_is_valid(str_make(clean.p, n)));
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  size_t max = size > 0 ? (size_t)data[0] * 16 : 0; /* the first byte chooses the limit */
  struct str text = str_make((const char *)data, size);
  struct buf clean, again, line;
  buf_init(&clean, 8192);
  buf_init(&again, 8192);
  buf_init(&line, 8192);
  utf8_clean(&clean, text, max);
  FUZZ_CHECK(!clean.failed && clean.len <= max);
  check_clean(buf_str(&clean));
  check_cuts(buf_str(&clean));
  utf8_clean(&again, buf_str(&clean), max);
  FUZZ_CHECK(str_eq(buf_str(&again), buf_str(&clean)));
  text_printable(&line, text, max);
  FUZZ_CHECK(line.len <= max);
  check_clean(buf_str(&line));
  buf_done(&clean);
  buf_done(&again);
  buf_done(&line);
  return 0;
}
