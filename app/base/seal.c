/* SPDX-License-Identifier: Apache-2.0
 * seal: XChaCha20-Poly1305 and keyed BLAKE2b under a list of keys; the keys are read-only after they were parsed, any thread. */
#include "base/seal.h"

#include <sodium.h>
#include <stdlib.h>

#include "base/random.h"
#include "base/vault.h"

#define KEY_ID_BYTES  4
#define NONCE_BYTES   crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG_BYTES     crypto_aead_xchacha20poly1305_ietf_ABYTES
#define SUBKEY_BYTES  32
#define PURPOSE_COUNT (SEAL_CODE + 1)
/* The longest raw seal that seal_open() decodes on the stack: 1 KiB of plain bytes, as the header promises. */
#define STACK_SEAL_BYTES (1024 + SEAL_OVERHEAD_BYTES)
/* An account's context holds its id (32), app id (at most 64 as stored) and origin; a ticket's adds a hash of its key. Hashing it
 * would cost 0.5 us for each cookie. */
#define CONTEXT_PLAIN_MAX 255

_Static_assert(SEAL_OVERHEAD_BYTES == KEY_ID_BYTES + NONCE_BYTES + TAG_BYTES, "the header's sum");
_Static_assert(SEAL_PLAIN_OFFSET == KEY_ID_BYTES + NONCE_BYTES, "what stands in front of the ciphertext");
_Static_assert(SUBKEY_BYTES == crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "subkeys fit the cipher");

struct seal_key {
  uint8_t master[SEAL_KEY_BYTES];
  uint8_t id[KEY_ID_BYTES];
  uint8_t cipher[PURPOSE_COUNT][SUBKEY_BYTES];
  uint8_t mac[PURPOSE_COUNT][SUBKEY_BYTES];
};

/* Lives in guarded memory that is left out of core dumps, kept across fork and read-only once filled; seal_keys_lock() keeps it
 * out of the swap. */
struct seal_keys {
  size_t count;
  struct seal_key keys[SEAL_KEYS_MAX];
};

/* Derives n bytes from the master key for one use; the label separates the uses. */
static void derive(const struct seal_key *key, const char *label, int purpose, uint8_t *to, size_t n) {
  crypto_generichash_state hash;
  uint8_t full[SUBKEY_BYTES];
  uint8_t purpose_byte = (uint8_t)purpose;
  crypto_generichash_init(&hash, key->master, sizeof key->master, sizeof full);
  crypto_generichash_update(&hash, (const uint8_t *)label, strlen(label));
  crypto_generichash_update(&hash, &purpose_byte, 1);
  crypto_generichash_final(&hash, full, sizeof full);
  memcpy(to, full, n);
  sodium_memzero(full, sizeof full);
  sodium_memzero(&hash, sizeof hash);
}

static void derive_all(struct seal_key *key) {
  derive(key, "weigate key id", 0, key->id, sizeof key->id);
  for (int purpose = 0; purpose < PURPOSE_COUNT; purpose++) {
    derive(key, "weigate cipher", purpose, key->cipher[purpose], SUBKEY_BYTES);
    derive(key, "weigate mac", purpose, key->mac[purpose], SUBKEY_BYTES);
  }
}

/* What is bound to a seal: the purpose and the context, or the context's hash where it is long. The first byte tells which. */
struct bound {
  size_t n;
  uint8_t bytes[1 + CONTEXT_PLAIN_MAX];
};

static void bind_context(enum seal_purpose purpose, struct str context, struct bound *ret_bound) {
  ret_bound->bytes[0] = (uint8_t)purpose;
  if (context.n <= CONTEXT_PLAIN_MAX) {
    if (context.n > 0) memcpy(ret_bound->bytes + 1, context.p, context.n);
    ret_bound->n = 1 + context.n;
    return;
  }
  ret_bound->bytes[0] |= 0x80;
  crypto_generichash(ret_bound->bytes + 1, 32, (const uint8_t *)context.p, context.n, NULL, 0);
  ret_bound->n = 1 + 32;
}

/* 16 bytes over purpose, context and data; the length between them keeps ("ab", "c") and ("a", "bc") apart. */
static void hash_data(const uint8_t *key, enum seal_purpose purpose, struct str context, struct str data, uint8_t ret_hash[16]) {
  crypto_generichash_state hash;
  uint8_t head[9] = {(uint8_t)purpose};
  for (int i = 0; i < 8; i++) head[1 + i] = (uint8_t)((uint64_t)context.n >> (8 * i));
  crypto_generichash_init(&hash, key, key ? SUBKEY_BYTES : 0, 16);
  crypto_generichash_update(&hash, head, sizeof head);
  crypto_generichash_update(&hash, (const uint8_t *)context.p, context.n);
  crypto_generichash_update(&hash, (const uint8_t *)data.p, data.n);
  crypto_generichash_final(&hash, ret_hash, 16);
}

static int open_with(const struct seal_key *key, enum seal_purpose purpose, const struct bound *bound, const uint8_t *bytes,
                     size_t n, void *plain) {
  const uint8_t *nonce = bytes + KEY_ID_BYTES, *sealed = nonce + NONCE_BYTES;
  return crypto_aead_xchacha20poly1305_ietf_decrypt(plain, NULL, NULL, sealed, n - KEY_ID_BYTES - NONCE_BYTES, bound->bytes,
                                                    bound->n, nonce, key->cipher[purpose]);
}

/* Opens with the key whose id stands in front; *ret_index tells which. */
static int open_bytes(const struct seal_keys *keys, enum seal_purpose purpose, struct str context, const uint8_t *bytes, size_t n,
                      void *plain, size_t cap, size_t *ret_n, size_t *ret_index) {
  if (n < SEAL_OVERHEAD_BYTES || n - SEAL_OVERHEAD_BYTES > cap) return -1;
  struct bound bound;
  bind_context(purpose, context, &bound);
  for (size_t i = 0; i < keys->count; i++) {
    if (sodium_memcmp(keys->keys[i].id, bytes, KEY_ID_BYTES) != 0) continue;
    if (open_with(&keys->keys[i], purpose, &bound, bytes, n, plain) != 0) continue;
    *ret_n = n - SEAL_OVERHEAD_BYTES;
    *ret_index = i;
    return 0;
  }
  return -1;
}

/* One line of a keys file without its end; empty lines and comments add nothing. */
static int parse_line(struct seal_keys *keys, unsigned lines[SEAL_KEYS_MAX], struct str line, unsigned number, struct err *err) {
  if (str_ends(line, STR("\r"))) line.n--;
  line = str_trim(line);
  if (line.n == 0 || line.p[0] == '#') return 0;
  if (keys->count == SEAL_KEYS_MAX)
    return err_set(err, "line %u: more than %d keys; remove the oldest ones at the end", number, SEAL_KEYS_MAX);
  struct seal_key *key = &keys->keys[keys->count];
  if (text_hex_decode(key->master, sizeof key->master, line) != 0)
    return err_set(err, "line %u: a key is exactly %d hex digits, this line has %zu characters; weigatectl keys new makes one",
                   number, 2 * SEAL_KEY_BYTES, line.n);
  if (sodium_is_zero(key->master, sizeof key->master))
    return err_set(err, "line %u: the key is all zeros; weigatectl keys new makes a random one", number);
  for (size_t i = 0; i < keys->count; i++)
    if (sodium_memcmp(keys->keys[i].master, key->master, sizeof key->master) == 0)
      return err_set(err, "line %u: the same key as in line %u; remove one of them", number, lines[i]);
  derive_all(key);
  lines[keys->count++] = number;
  return 0;
}

int seal_start(struct err *err) {
  if (sodium_init() < 0) return err_set(err, "libsodium cannot be initialised: no random numbers from the kernel");
  return 0;
}

int seal_keys_parse(struct str text, struct seal_keys **ret_keys, struct err *err) {
  struct seal_keys *keys = sodium_malloc(sizeof *keys);
  if (!keys) return err_set(err, "out of memory for keys");
  sodium_memzero(keys, sizeof *keys);
  unsigned lines[SEAL_KEYS_MAX] = {0}, number = 0;
  struct str line;
  while (str_split(&text, '\n', &line)) {
    if (parse_line(keys, lines, line, ++number, err) != 0) {
      sodium_free(keys);
      return -1;
    }
  }
  if (keys->count == 0) {
    sodium_free(keys);
    return err_set(err, "no key in it; weigatectl keys new makes one");
  }
  sodium_mprotect_readonly(keys);
  *ret_keys = keys;
  return 0;
}

void seal_keys_free(struct seal_keys *keys) {
  sodium_free(keys);
}

int seal_keys_lock(const struct seal_keys *keys) {
  return vault_lock(keys, sizeof *keys);
}

size_t seal_keys_count(const struct seal_keys *keys) {
  return keys->count;
}

int seal_key_new(char to[65]) {
  uint8_t key[SEAL_KEY_BYTES];
  if (random_bytes(key, sizeof key) != 0) return -1;
  text_hex_encode(to, key, sizeof key);
  sodium_memzero(key, sizeof key);
  return 0;
}

size_t seal_text_length(size_t n) {
  return text_base64url_length(n + SEAL_OVERHEAD_BYTES);
}

int seal_lock_raw(const struct seal_keys *keys, enum seal_purpose purpose, struct str context, const void *plain, size_t n,
                  uint8_t *ret_bytes) {
  const struct seal_key *key = &keys->keys[0];
  struct bound bound;
  uint8_t nonce[NONCE_BYTES];
  if (random_bytes(nonce, sizeof nonce) != 0) return -1;
  bind_context(purpose, context, &bound);
  memcpy(ret_bytes, key->id, KEY_ID_BYTES);
  memcpy(ret_bytes + KEY_ID_BYTES, nonce, NONCE_BYTES);
  return crypto_aead_xchacha20poly1305_ietf_encrypt(ret_bytes + KEY_ID_BYTES + NONCE_BYTES, NULL, plain, n, bound.bytes, bound.n,
                                                    NULL, nonce, key->cipher[purpose]);
}

int seal_open_raw(const struct seal_keys *keys, enum seal_purpose purpose, struct str context, const uint8_t *bytes, size_t n,
                  void *plain, size_t cap, size_t *ret_n) {
  size_t index;
  return open_bytes(keys, purpose, context, bytes, n, plain, cap, ret_n, &index);
}

int seal_lock(const struct seal_keys *keys, enum seal_purpose purpose, struct str context, const void *plain, size_t n,
              char *ret_text) {
  /* The raw seal is made at the end of the text's own room and encoded towards its start: the encoder has read each group of
   * three bytes before it writes over them, because it starts at least one byte per group in front of them. */
  size_t raw_bytes = n + SEAL_OVERHEAD_BYTES;
  uint8_t *raw = (uint8_t *)ret_text + seal_text_length(n) - raw_bytes;
  if (seal_lock_raw(keys, purpose, context, plain, n, raw) != 0) return -1;
  text_base64url_encode(ret_text, raw, raw_bytes);
  return 0;
}

int seal_open(const struct seal_keys *keys, enum seal_purpose purpose, struct str context, struct str text, void *plain,
              size_t cap, size_t *ret_n, bool *ret_newest) {
  uint8_t small[STACK_SEAL_BYTES];
  size_t room = text.n / 4 * 3 + 2, raw_bytes, index;
  if (room > cap + SEAL_OVERHEAD_BYTES + 2 + 2) return -1;
  uint8_t *raw = room <= sizeof small ? small : malloc(room);
  if (!raw) return -1;
  int result = text_base64url_decode(raw, room, text, &raw_bytes);
  if (result == 0) result = open_bytes(keys, purpose, context, raw, raw_bytes, plain, cap, ret_n, &index);
  if (result == 0 && ret_newest) *ret_newest = index == 0;
  if (raw != small) free(raw);
  return result;
}

void seal_mac(const struct seal_keys *keys, enum seal_purpose purpose, struct str context, struct str data,
              uint8_t ret_mac[SEAL_MAC_BYTES]) {
  hash_data(keys->keys[0].mac[purpose], purpose, context, data, ret_mac);
}

bool seal_mac_ok(const struct seal_keys *keys, enum seal_purpose purpose, struct str context, struct str data,
                 const uint8_t mac[SEAL_MAC_BYTES]) {
  int right = 0;
  for (size_t i = 0; i < keys->count; i++) { /* every key, so that the time tells nothing about which one it was */
    uint8_t expected[SEAL_MAC_BYTES];
    hash_data(keys->keys[i].mac[purpose], purpose, context, data, expected);
    right |= sodium_memcmp(expected, mac, SEAL_MAC_BYTES) == 0;
  }
  return right != 0;
}

void seal_fingerprint(enum seal_purpose purpose, struct str context, struct str data, uint8_t ret_print[16]) {
  hash_data(NULL, purpose, context, data, ret_print);
}
