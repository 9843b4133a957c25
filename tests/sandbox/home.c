/* SPDX-License-Identifier: Apache-2.0
 * home: the sandbox's own page, compiled in from home.html; server threads. */
#include "home.h"

static const char page[] =
#include "tests/sandbox/home_html.h"
    ;

void home_serve(struct exchange *exchange) {
  reply_set(exchange, 200, "text/html; charset=utf-8");
  reply_header(exchange, "Cache-Control", STR("no-store"));
  reply_header(exchange, "Content-Security-Policy",
               STR("default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
                   "connect-src 'self'; frame-ancestors 'none'"));
  buf_add(&exchange->reply.body, page, sizeof page - 1);
}

void home_redirect(struct exchange *exchange) {
  reply_set(exchange, 302, NULL);
  reply_header(exchange, "Location", STR("/sandbox/"));
}
