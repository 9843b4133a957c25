/* SPDX-License-Identifier: Apache-2.0
 * vault: libsodium's guarded allocations; any thread. */
#include "base/vault.h"

#include <sodium.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

char *vault_keep(struct str text) {
  char *secret = sodium_malloc(text.n + 1);
  if (!secret) return NULL;
  memcpy(secret, text.p, text.n);
  secret[text.n] = '\0';
  sodium_mprotect_readonly(secret);
  return secret;
}

void vault_free(void *secret) {
  sodium_free(secret);
}

/* The call itself: sanitizers make mlock() do nothing, and the tests want to know. */
int vault_lock(const void *bytes, size_t n) {
  return (int)syscall(SYS_mlock, bytes, n);
}
