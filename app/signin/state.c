/* SPDX-License-Identifier: Apache-2.0
 * state: packs time, nonce and MAC into base62. */
#include "signin/state.h"

#include <string.h>

#include "base/bytes.h"

#define SIGNED_BYTES (4 + 1 + STATE_NONCE_BYTES)

static void pack(const struct state *state, uint8_t to[STATE_BYTES]) {
  bytes_put_u32(to, state->made_at_s);
  to[4] = state->restarts;
  memcpy(to + 5, state->nonce, STATE_NONCE_BYTES);
  memcpy(to + SIGNED_BYTES, state->mac, SEAL_MAC_BYTES);
}

/* What the MAC covers: the packed fields, then the secret. */
static void pack_signed(const struct state *state, const uint8_t secret[STATE_SECRET_BYTES],
                        uint8_t to[SIGNED_BYTES + STATE_SECRET_BYTES]) {
  uint8_t packed[STATE_BYTES];
  pack(state, packed);
  memcpy(to, packed, SIGNED_BYTES);
  memcpy(to + SIGNED_BYTES, secret, STATE_SECRET_BYTES);
}

void state_sign(struct state *state, const struct seal_keys *keys, struct str context, const uint8_t secret[STATE_SECRET_BYTES]) {
  uint8_t data[SIGNED_BYTES + STATE_SECRET_BYTES];
  pack_signed(state, secret, data);
  seal_mac(keys, SEAL_STATE, context, str_make((const char *)data, sizeof(data)), state->mac);
}

bool state_is_signed(const struct state *state, const struct seal_keys *keys, struct str context,
                     const uint8_t secret[STATE_SECRET_BYTES]) {
  uint8_t data[SIGNED_BYTES + STATE_SECRET_BYTES];
  pack_signed(state, secret, data);
  return seal_mac_ok(keys, SEAL_STATE, context, str_make((const char *)data, sizeof(data)), state->mac);
}

void state_format(const struct state *state, char to[STATE_TEXT_BYTES]) {
  uint8_t packed[STATE_BYTES];
  pack(state, packed);
  text_base62_encode(to, packed, sizeof(packed));
}

int state_parse(struct str text, struct state *ret_state) {
  uint8_t packed[STATE_BYTES];
  if (text_base62_decode(packed, sizeof(packed), text) < 0) return -1;
  ret_state->made_at_s = bytes_get_u32(packed);
  ret_state->restarts = packed[4];
  memcpy(ret_state->nonce, packed + 5, STATE_NONCE_BYTES);
  memcpy(ret_state->mac, packed + SIGNED_BYTES, SEAL_MAC_BYTES);
  return 0;
}

bool state_is_timely(const struct state *state, int64_t now_s) {
  return now_s <= (int64_t)state->made_at_s + STATE_LIFETIME_S && (int64_t)state->made_at_s <= now_s + STATE_SKEW_S;
}
