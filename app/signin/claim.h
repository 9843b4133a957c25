/* SPDX-License-Identifier: Apache-2.0
 * claim: the ticket that makes a sign-in happen once: who holds it goes on, all others wait for what became of it. */
#ifndef WEIGATE_SIGNIN_CLAIM_H
#define WEIGATE_SIGNIN_CLAIM_H

#include "signin/attempt.h"
#include "signin/job.h"
#include "signin/session.h"

/* "state" tickets are named after the state's time and nonce, in this order so that those of one moment lie side by side in the
 * store; "code" tickets after the code's fingerprint in hex. */
#define CLAIM_KEY_BYTES 33
/* version, errcode, sizes of word and session, the outcome's word, session, return address */
#define CLAIM_PLAIN_MAX (1 + 4 + 1 + 2 + WEIGATE_WORD_MAX + SESSION_PACKED_MAX + URL_NEXT_MAX_BYTES)
/* How long a claim is kept: as long as the state may come again, and the skew of clocks. */
#define CLAIM_LIFETIME_S (STATE_LIFETIME_S + 2 * STATE_SKEW_S)

struct claim {
  const struct account *account;
  const char *kind;
  char key[CLAIM_KEY_BYTES];
  uint8_t value[CLAIM_PLAIN_MAX + SEAL_OVERHEAD_BYTES]; /* sealed, for the ticket */
};

enum claim_result { CLAIM_MINE, CLAIM_SETTLED, CLAIM_ABANDONED, CLAIM_NO_STORE };

/* What became of the first: *ret_session is filled where the outcome is a session. */
struct claim_end {
  enum outcome outcome;
  int errcode;
  struct session session;
  char next[URL_NEXT_MAX_BYTES + 1];
};

void claim_of_state(struct claim *claim, const struct account *account, uint32_t made_at_s,
                    const uint8_t nonce[STATE_NONCE_BYTES]);
void claim_of_code(struct claim *claim, const struct account *account, struct str code);

/* Claims it. SETTLED: somebody was first and *ret_end says how it ended; waits for that up to patience_ms, then ABANDONED (its
 * holder died, or is slower than any deadline). Coroutine; may suspend. */
enum claim_result claim_take_wait(struct claim *claim, struct store *store, uint64_t patience_ms, struct claim_end *ret_end);
/* Looks without claiming: SETTLED, or ABANDONED where nothing is there yet. Coroutine; may suspend. */
enum claim_result claim_look_wait(struct claim *claim, struct store *store, struct claim_end *ret_end);
/* The ticket that tells everybody the end (NULL: that it is not there yet); points into the claim. -1 without random bytes. Any
 * thread. */
int claim_settle(struct claim *claim, const struct claim_end *end, struct weigate_ticket *ret_ticket);
/* Reads such a ticket's value. -1 while there is no end yet, and for a value that is not ours or names an outcome that this
 * version does not know. Any thread. */
int claim_read(const struct claim *claim, struct str value, struct claim_end *ret_end);

#endif
