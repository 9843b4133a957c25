/* SPDX-License-Identifier: Apache-2.0
 * texts: the members of a record that point to bytes, so that copying and measuring name each of them in one place only. */
#ifndef WEIGATE_STORE_TEXTS_H
#define WEIGATE_STORE_TEXTS_H

#include <stddef.h>

#include <weigate/storage.h>

/* The longest list, a person's, with its NULL. */
#define TEXTS_MAX 14

/* Pointers to the texts inside the record, ended by NULL. Any thread. */
void texts_of_person(struct weigate_person *person, struct weigate_text *texts[TEXTS_MAX]);
void texts_of_event(struct weigate_event *event, struct weigate_text *texts[TEXTS_MAX]);
void texts_of_ticket(struct weigate_ticket *ticket, struct weigate_text *texts[TEXTS_MAX]);

/* How many bytes they have together. */
size_t texts_measure(struct weigate_text *const *texts);
/* Copies them one after the other to `to`, points each to its copy, and returns the end. */
char *texts_move(struct weigate_text *const *texts, char *to);

#endif
