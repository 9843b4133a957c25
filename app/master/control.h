/* SPDX-License-Identifier: Apache-2.0
 * control: the Unix socket that weigatectl talks to; one line of JSON asks, one line of JSON answers. */
#ifndef WEIGATE_MASTER_CONTROL_H
#define WEIGATE_MASTER_CONTROL_H

#include "base/buf.h"
#include "base/err.h"

struct control;
struct master;

/* Longest question: {"command":"audit","version":"…","text":"…"}, a line of the log escaped; the others are under 100 bytes. */
#define CONTROL_REQUEST_MAX_BYTES 4096
/* Longest answer: the status of 256 workers. */
#define CONTROL_REPLY_MAX_BYTES (32u << 20)

/* Listens at the path with mode 0600. A socket that nobody answers at is replaced, one that somebody does is refused. */
int control_open(struct master *master, const char *path, struct control **ret_control, struct err *err);
/* Removes the socket and cuts its clients off. Accepts NULL. */
void control_close(struct control *control);
/* In a forked child: closes descriptors and removes nothing. Accepts NULL. */
void control_forget(const struct control *control);

/* The reload with that number has ended: tells those who wait for it or an earlier one. Accepts NULL. */
void control_reloaded(struct control *control, unsigned number);
/* Tells those who wait for the status. Accepts NULL. */
void control_status(struct control *control, struct str reply);

#endif
