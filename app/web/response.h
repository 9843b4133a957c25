/* SPDX-License-Identifier: Apache-2.0
 * response: the one way bytes leave: a header block that no data can split, and a body. */
#ifndef WEIGATE_WEB_RESPONSE_H
#define WEIGATE_WEB_RESPONSE_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/text.h"
#include "fcgi/reactor.h"

/* nginx's default fastcgi_buffer_size is 4 KiB and a block above it is answered 502; its own record header and status line need
 * room. */
#define RESPONSE_HEAD_MAX_BYTES 3584

struct response {
  struct buf head;
  struct buf body;
  int status;
  bool
      refused; /* a header value had a byte below 0x20 or 0x7f, or the block grew too long: response_send() answers 500 instead */
};

/* Nothing yet: response_status() begins an answer. One response can serve many requests one after the other and keeps its memory.
 */
void response_init(struct response *response);
void response_done(struct response *response);
/* Starts over with this status. */
void response_status(struct response *response, int status);
/* "Name: value". The name is a literal of ours. */
void response_header(struct response *response, const char *name, struct str value);
void response_headerf(struct response *response, const char *name, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Cache-Control: no-store, Referrer-Policy: no-referrer, X-Content-Type-Options: nosniff: what every answer of ours has. */
void response_private(struct response *response);
/* status (302, 303) with Location; the address must be one that url_next_judge() or our own code made. */
void response_redirect(struct response *response, int status, struct str location);
/* Content-Type; the body is appended to response->body by the caller. */
void response_type(struct response *response, const char *content_type);
/* application/problem+json (RFC 9457) with type about:blank, title, status, error; errcode when not 0 and rid when not empty. */
void response_problem(struct response *response, int status, const char *title, const char *error, int errcode, struct str rid);

/* Sends it and ends the exchange. The body is left out for HEAD, 204 and 304. The response stays the caller's. Any thread. */
void response_send(struct response *response, struct fcgi_exchange *exchange, bool is_head);

#endif
