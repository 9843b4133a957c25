/* SPDX-License-Identifier: Apache-2.0
 * home: the sandbox's own page; server threads. */
#include "home.h"

#include "pages.h"
#include "people.h"

static const char style[] = "main{max-width:1080px;margin:0 auto;padding:32px 20px}";

void home_serve(struct exchange *exchange) {
  pages_begin(exchange, "weigate sandbox", style);
  buf_add_text(&exchange->reply.body, "<main></main></body></html>\n");
}

void home_redirect(struct exchange *exchange) {
  reply_set(exchange, 302, NULL);
  reply_header(exchange, "Location", STR("/sandbox/"));
}
