/* SPDX-License-Identifier: Apache-2.0
 * cursor: where the next page of a scan begins, in a form that is refused when it was cut or changed. */
#ifndef WEIGATE_POSTGRES_CURSOR_H
#define WEIGATE_POSTGRES_CURSOR_H

#include <stdbool.h>
#include <weigate/storage.h>

/* The longest key is a person's: appid, NUL, openid. */
#define CURSOR_KEY_MAX (WEIGATE_APPID_MAX + 1 + WEIGATE_OPENID_MAX)

enum cursor_table { CURSOR_PEOPLE = 'p', CURSOR_TOMBSTONES = 't', CURSOR_EVENTS = 'e' };

/* Behind this key of this table. */
struct cursor {
  enum cursor_table table;
  uint8_t key[CURSOR_KEY_MAX];
  size_t key_size;
};

void cursor_set(struct cursor *cursor, enum cursor_table table, const void *key, size_t size);
void cursor_write(const struct cursor *cursor, const struct weigate_host *host, struct weigate_scan *scan);
/* False for anything that cursor_write() did not make. */
bool cursor_read(const struct weigate_scan *scan, const struct weigate_host *host, struct cursor *ret_cursor);

#endif
