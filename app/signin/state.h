/* SPDX-License-Identifier: Apache-2.0
 * state: the `state` parameter of OAuth 2.0 (RFC 6749, 10.12), in the letters and digits that WeChat permits. Pure. */
#ifndef WEIGATE_SIGNIN_STATE_H
#define WEIGATE_SIGNIN_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/seal.h"
#include "base/text.h"

/* Ten minutes: twice the life of WeChat's code, so that a slow reader of the consent page is still let in. */
#define STATE_LIFETIME_S 600
/* How far hosts' clocks may differ. */
#define STATE_SKEW_S 60

#define STATE_NONCE_BYTES  8
#define STATE_SECRET_BYTES 16
/* time, restarts, nonce, MAC */
#define STATE_BYTES (4 + 1 + STATE_NONCE_BYTES + SEAL_MAC_BYTES)
/* text_base62_length(29) is 39; WeChat's limit is 128. */
#define STATE_TEXT_BYTES 48

struct state {
  uint32_t made_at_s;
  uint8_t restarts; /* silent restarts before this one; readable without the login cookie, as that may be what was lost */
  uint8_t nonce[STATE_NONCE_BYTES]; /* names the login cookie and the ticket */
  uint8_t mac[SEAL_MAC_BYTES];      /* over all of the above, the account, and the login cookie's secret */
};

/* Fills the MAC under the newest key. */
void state_sign(struct state *state, const struct seal_keys *keys, struct str context, const uint8_t secret[STATE_SECRET_BYTES]);
/* True if one of the keys made the MAC with this secret for this account. Constant time. */
bool state_is_signed(const struct state *state, const struct seal_keys *keys, struct str context,
                     const uint8_t secret[STATE_SECRET_BYTES]);
/* Writes the one spelling, with NUL. */
void state_format(const struct state *state, char to[STATE_TEXT_BYTES]);
/* Reads that spelling and no other; says nothing about the MAC. */
int state_parse(struct str text, struct state *ret_state);
/* False when it is older than its lifetime, or from a future beyond the skew. */
bool state_is_timely(const struct state *state, int64_t now_s);

#endif
