/* SPDX-License-Identifier: Apache-2.0
 * grants: the codes and tokens that were given out, in two rings; what fell out of a ring is unknown, as at WeChat after a while.
 */
#ifndef WEIGATE_SANDBOX_GRANTS_H
#define WEIGATE_SANDBOX_GRANTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

/* A code is 32 letters and digits as WeChat's are; a token 89 characters (they ask for room for 512). */
#define CODE_LENGTH  32
#define CODE_BYTES   (CODE_LENGTH + 1)
#define TOKEN_LENGTH 89
#define TOKEN_BYTES  (TOKEN_LENGTH + 1)

/* Lifetimes as documented. */
#define CODE_LIFETIME_S    300
#define CODE_QR_LIFETIME_S 600
#define ACCESS_LIFETIME_S  7200
#define REFRESH_LIFETIME_S (30 * 86400)

enum grant_scope { SCOPE_BASE, SCOPE_USERINFO, SCOPE_LOGIN };

/* Who allowed what to whom. */
struct grant {
  uint32_t person;
  uint8_t account; /* index into options.accounts */
  uint8_t scope;   /* enum grant_scope */
  bool snapshot;
};

struct tokens {
  char access[TOKEN_BYTES], refresh[TOKEN_BYTES];
};

enum grant_verdict { GRANT_OK, GRANT_MALFORMED, GRANT_UNKNOWN, GRANT_USED, GRANT_EXPIRED, GRANT_VOID };

struct grants;

/* Rings for so many codes and so many pairs of tokens; NULL without memory. Codes follow from the seed. */
struct grants *grants_new(size_t ring_count, uint64_t seed);
void grants_free(struct grants *grants);

/* Any thread, all of these. */
void grants_mint_code(struct grants *grants, struct grant grant, int64_t expires_s, char ret_code[CODE_BYTES]);
/* Uses the code up if it is good for this account. */
enum grant_verdict grants_take_code(struct grants *grants, uint8_t account, struct str code, int64_t now_s,
                                    struct grant *ret_grant);
/* Whose code this is, used or not, for the ledger and for faults per person. */
enum grant_verdict grants_see_code(struct grants *grants, struct str code, struct grant *ret_grant);
void grants_issue(struct grants *grants, struct grant grant, int64_t now_s, struct tokens *ret_tokens);
/* A valid access token is prolonged, an expired one replaced; the refresh token stays and keeps its end. */
enum grant_verdict grants_refresh(struct grants *grants, uint8_t account, struct str refresh, int64_t now_s,
                                  struct grant *ret_grant, struct tokens *ret_tokens);
enum grant_verdict grants_see_refresh(struct grants *grants, struct str refresh, struct grant *ret_grant);
enum grant_verdict grants_see_access(struct grants *grants, struct str access, int64_t now_s, struct grant *ret_grant);
/* Both tokens end (the person changed the password). */
void grants_void(struct grants *grants, struct str refresh);
/* Forgets everything. */
void grants_clear(struct grants *grants);

#endif
