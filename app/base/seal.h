/* SPDX-License-Identifier: Apache-2.0
 * seal: authenticated encryption and MACs under a list of keys: the first seals, all open (libsodium). */
#ifndef WEIGATE_BASE_SEAL_H
#define WEIGATE_BASE_SEAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"

/* Keys in one file: one seals, one before it still opens, and a margin for hosts that rotate at different times. */
#define SEAL_KEYS_MAX  8
#define SEAL_KEY_BYTES 32
#define SEAL_MAC_BYTES 16
/* Sealed form: base64url of key id (4 bytes), nonce (24), ciphertext and tag (n + 16). */
#define SEAL_OVERHEAD_BYTES 44
/* Where the ciphertext begins in a raw seal: plain bytes that stand there already are sealed in place. */
#define SEAL_PLAIN_OFFSET 28
/* Room for the sealed text of n plain bytes, NUL included. */
#define SEAL_TEXT_BYTES(n) (((n) + SEAL_OVERHEAD_BYTES + 2) / 3 * 4 + 1)

struct seal_keys; /* read-only after creation: any thread */

/* Call once per process before any other function here (sodium_init). Before threads start. */
int seal_start(struct err *err);

/* Reads a keys file's text: one key a line, 64 hex digits; '#' comments and empty lines allowed. Refuses a short, odd, all-zero
 * or repeated key, more than SEAL_KEYS_MAX, or none; the sentence names the line. Owned by the caller. */
int seal_keys_parse(struct str text, struct seal_keys **ret_keys, struct err *err);
void seal_keys_free(struct seal_keys *keys); /* wipes them */
size_t seal_keys_count(const struct seal_keys *keys);
/* Keeps them out of the swap, in this process: vault_lock(). Any thread. */
int seal_keys_lock(const struct seal_keys *keys);
/* A new random key as 64 hex digits and NUL; -1 without random bytes. */
int seal_key_new(char to[65]);

/* What a seal is for; bound to it as associated data, with `context` (account id and site), so that nothing sealed for one
 * purpose, account or site opens for another. A purpose also selects a subkey derived from each key. */
enum seal_purpose { SEAL_SESSION, SEAL_LOGIN, SEAL_TICKET, SEAL_TOKEN, SEAL_STATE, SEAL_SPOOL, SEAL_CODE };

/* Longest sealed text for n plain bytes, without NUL. */
size_t seal_text_length(size_t n);
/* Seals into a base64url text (seal_text_length(n) + 1 bytes with NUL). -1 without random bytes. Any thread. */
int seal_lock(const struct seal_keys *keys, enum seal_purpose purpose, struct str context, const void *plain, size_t n,
              char *ret_text);
/* Opens a text; at most cap bytes. -1 for anything that is not exactly what seal_lock() made with one of the keys. *ret_newest
 * (may be NULL) tells whether the first key sealed it. No allocation for n <= 1 KiB. Any thread. */
int seal_open(const struct seal_keys *keys, enum seal_purpose purpose, struct str context, struct str text, void *plain,
              size_t cap, size_t *ret_n, bool *ret_newest);
/* The same as raw bytes (n + SEAL_OVERHEAD_BYTES), for what a store keeps. */
int seal_lock_raw(const struct seal_keys *keys, enum seal_purpose purpose, struct str context, const void *plain, size_t n,
                  uint8_t *ret_bytes);
int seal_open_raw(const struct seal_keys *keys, enum seal_purpose purpose, struct str context, const uint8_t *bytes, size_t n,
                  void *plain, size_t cap, size_t *ret_n);

/* A MAC of data under the first key, and its check under all keys in constant time. */
void seal_mac(const struct seal_keys *keys, enum seal_purpose purpose, struct str context, struct str data,
              uint8_t ret_mac[SEAL_MAC_BYTES]);
bool seal_mac_ok(const struct seal_keys *keys, enum seal_purpose purpose, struct str context, struct str data,
                 const uint8_t mac[SEAL_MAC_BYTES]);
/* A fingerprint that is the same for every process and key: for ticket keys made of codes (BLAKE2b-128 of purpose, context,
 * data). */
void seal_fingerprint(enum seal_purpose purpose, struct str context, struct str data, uint8_t ret_print[16]);

#endif
