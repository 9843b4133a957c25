/* SPDX-License-Identifier: Apache-2.0
 * host: a struct of pointers, so that a plugin links with nothing of ours. Any thread. */
#include "store/host.h"

#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"

static void log_text(uint32_t level, const char *text) {
  static const enum log_level levels[] = {[WEIGATE_LOG_ERROR] = LOG_LEVEL_ERROR,
                                          [WEIGATE_LOG_WARN] = LOG_LEVEL_WARN,
                                          [WEIGATE_LOG_INFO] = LOG_LEVEL_INFO,
                                          [WEIGATE_LOG_DEBUG] = LOG_LEVEL_DEBUG};
  enum log_level ours = level <= WEIGATE_LOG_DEBUG ? levels[level] : LOG_LEVEL_DEBUG;
  if (log_would(ours)) log_line(ours, "%s", text);
}

static int fill_random(void *bytes, size_t size) {
  return random_bytes(bytes, size);
}

static void wipe(void *bytes, size_t size) {
  sodium_memzero(bytes, size);
}

static void digest(const void *bytes, size_t size, uint8_t ret_hash[32]) {
  crypto_generichash(ret_hash, 32, bytes, size, NULL, 0);
}

/* What databases keep of an application's name (NAMEDATALEN - 1). */
static char process[64] = "weigate";

void host_name_process(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(process, sizeof(process), format, arguments);
  va_end(arguments);
}

const struct weigate_host host_services = {
    .magic = WEIGATE_STORAGE_MAGIC,
    .struct_size = sizeof(struct weigate_host),
    .abi_major = WEIGATE_STORAGE_ABI_MAJOR,
    .abi_minor = WEIGATE_STORAGE_ABI_MINOR,
    .log = log_text,
    .now_us = clock_wall_us,
    .mono_ms = clock_mono_ms,
    .random = fill_random,
    .wipe = wipe,
    .digest = digest,
    .process = process,
};
