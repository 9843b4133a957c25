/* SPDX-License-Identifier: Apache-2.0
 * rows: what one end holds as a stream of keys with digests, in key order, so that two streams can be laid side by side. */
#ifndef WEIGATE_MOVE_ROWS_H
#define WEIGATE_MOVE_ROWS_H

#include "move/digest.h"
#include "move/page.h"

/* A letter, appid, NUL, openid; a ticket's letter, kind, NUL, key is shorter. */
#define ROW_KEY_MAX (1 + WEIGATE_APPID_MAX + 1 + WEIGATE_OPENID_MAX)

/* What a key begins with; the rows of a part come in this order. */
#define ROW_EVENT     'e' /* time in network order, id */
#define ROW_PERSON    'p' /* appid, NUL, openid */
#define ROW_TICKET    'q' /* kind, NUL, key */
#define ROW_TOMBSTONE 't' /* hash */

struct row {
  uint16_t key_size;
  uint8_t key[ROW_KEY_MAX];
  struct digest digest;
};

struct rows;

/* The rows of one part, those changed at or after since_us (people, events; 0: all). Tickets are read at once, and those that end
 * before `alive_until_us` left out. NULL with the sentence. */
struct rows *rows_open(const struct end *end, enum part part, int64_t since_us, int64_t alive_until_us, struct err *err);
void rows_close(struct rows *rows); /* accepts NULL */
/* *ret_row: valid until the next call; NULL at the end. */
int rows_next(struct rows *rows, const struct row **ret_row, struct err *err);
/* Bytewise, a shorter key first. */
int row_compare(const struct row *a, const struct row *b);

#endif
