/* SPDX-License-Identifier: Apache-2.0
 * pages: what a visitor sees on their way: the question, WeChat's complaints, the picture of a virtual person. No foreign
 * content. */
#ifndef WEIGATE_SANDBOX_PAGES_H
#define WEIGATE_SANDBOX_PAGES_H

#include "exchange.h"

struct page_ask {
  struct str link; /* the authorize link's raw query, handed on to /connect/confirm */
  const char *appid;
  uint32_t person; /* chosen beforehand */
  enum grant_scope scope;
  struct str double_callback;
  bool qrconnect;
};

/* Any thread, all of these. The buttons are #agree and #decline, the chooser is #person. */
void pages_ask(struct exchange *exchange, const struct page_ask *page);
/* WeChat's page for a link it does not like (#errcode), with a sentence for the developer. */
void pages_problem(struct exchange *exchange, int errcode, const char *why);
/* The visitor left; nothing calls back. */
void pages_closed(struct exchange *exchange);
/* Visits the first address in a hidden frame, and at the same time goes to the second. */
void pages_double(struct exchange *exchange, struct str first, struct str second);
/* Keeps the chosen person for the browser's next visit. */
void pages_remember(struct exchange *exchange, uint32_t person);
/* GET /mmopen/…/ID/132: an SVG picture. */
void pages_avatar(struct exchange *exchange);

/* True if the browser prefers Chinese. */
bool pages_is_chinese(const struct exchange *exchange);
/* Starts an HTML reply: headers, doctype, <head> with the common style and the page's own, up to <body>. */
void pages_begin(struct exchange *exchange, const char *title, const char *style);

#endif
