/* SPDX-License-Identifier: Apache-2.0
 * fuzz_state: a state has one spelling, and no input is a state that we did not sign. */
#include "base/random.h"
#include "fuzz.h"
#include "signin/state.h"

static const struct seal_keys *make_keys(void) {
  static struct seal_keys *keys;
  char text[65];
  struct err err;
  if (keys) return keys;
  FUZZ_CHECK(seal_start(&err) == 0 && seal_key_new(text) == 0);
  FUZZ_CHECK(seal_keys_parse(str_of(text), &keys, &err) == 0);
  return keys;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const uint8_t secret[STATE_SECRET_BYTES];
  struct str text = str_make((const char *)data, size);
  struct state state;
  char again[STATE_TEXT_BYTES];
  if (state_parse(text, &state) != 0) return 0;
  state_format(&state, again);
  FUZZ_CHECK(str_eq(str_of(again), text));
  FUZZ_CHECK(!state_is_signed(&state, make_keys(), STR("site"), secret));
  int64_t made_at_s = state.made_at_s;
  FUZZ_CHECK(state_is_timely(&state, made_at_s) && !state_is_timely(&state, made_at_s + STATE_LIFETIME_S + 1));
  FUZZ_CHECK(!state_is_timely(&state, made_at_s - STATE_SKEW_S - 1));

  state_sign(&state, make_keys(), STR("site"), secret);
  FUZZ_CHECK(state_is_signed(&state, make_keys(), STR("site"), secret));
  FUZZ_CHECK(!state_is_signed(&state, make_keys(), STR("sitf"), secret));
  return 0;
}
