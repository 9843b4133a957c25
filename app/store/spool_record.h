/* SPDX-License-Identifier: Apache-2.0
 * spool_record: what a store could not take, as bytes and back. Pure: no file, no key, no clock. */
#ifndef WEIGATE_STORE_SPOOL_RECORD_H
#define WEIGATE_STORE_SPOOL_RECORD_H

#include <weigate/storage.h>

#include "base/buf.h"

enum spool_kind {
  SPOOL_SIGNIN = 1, /* signin and its parts */
  SPOOL_TICKET = 2, /* ticket: inserted or replaced */
  SPOOL_CLAIM = 3,  /* ticket: inserted because it was absent */
  SPOOL_ERASE = 4   /* key, stamp */
};

/* One entry. As written its parts may be anywhere; as read they are members, and texts point into the bytes that were read. Its
 * address must not change while signin is used. */
struct spool_entry {
  enum spool_kind kind;
  struct weigate_signin signin;
  struct weigate_person person;
  struct weigate_event event;
  struct weigate_ticket ticket;
  struct weigate_key key;
  struct weigate_stamp stamp;
};

/* The longest entry: the texts of a person (25,600 bytes), an event and a ticket at their limits, and their sizes. */
#define SPOOL_ENTRY_MAX_BYTES 36864

/* Adds the bytes of one; out->failed where they do not fit. Any thread. */
void spool_record_add(struct buf *out, const struct spool_entry *entry);
/* Takes one off the front. 1: *ret_entry is it; 0: nothing is left; -1: these are no such bytes. Texts beyond the limits of
 * storage.h are refused; bytes behind the last member that this version knows are not. Any thread. */
int spool_record_next(struct str *rest, struct spool_entry *ret_entry);

#endif
