/* SPDX-License-Identifier: Apache-2.0
 * cursor: where a scan goes on, as text that survives a restart and that a forger does not hit by chance. Pure. */
#ifndef WEIGATE_COMMON_CURSOR_H
#define WEIGATE_COMMON_CURSOR_H

#include <stdbool.h>
#include <weigate/storage.h>

/* The longest key is a person's: appid, NUL, openid. */
#define CURSOR_KEY_MAX (WEIGATE_APPID_MAX + 1 + WEIGATE_OPENID_MAX)

/* A page begins behind this key of this table. */
struct cursor {
  char table;
  uint8_t key[CURSOR_KEY_MAX];
  size_t key_size;
};

void cursor_set(struct cursor *cursor, char table, const void *key, size_t size);
void cursor_set_person(struct cursor *cursor, char table, struct weigate_text appid, struct weigate_text openid);

void cursor_write(const struct weigate_host *host, const struct cursor *cursor, struct weigate_scan *scan);
/* False for anything that cursor_write() did not make. */
bool cursor_read(const struct weigate_host *host, const struct weigate_scan *scan, struct cursor *ret_cursor);

/* What breaks the rules of a scan, or NULL. */
const char *cursor_check_scan(const struct weigate_scan *scan);

#endif
