/* SPDX-License-Identifier: Apache-2.0
 * events: the record of each sign-in's end, and the counts that follow from it. */
#ifndef WEIGATE_FILE_EVENTS_H
#define WEIGATE_FILE_EVENTS_H

#include "handle.h"

/* Inserts a checked event and counts it if it is new, inside a write transaction. An SQLite code. */
int events_insert(struct weigate_handle *handle, const struct weigate_event *event, enum weigate_item *ret_outcome);
/* Fills the event from the row of EVENT_SCAN; texts are valid until it moves on. */
void events_from_row(sqlite3_stmt *row, struct weigate_event *ret_event);

#endif
