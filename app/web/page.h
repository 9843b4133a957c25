/* SPDX-License-Identifier: Apache-2.0
 * page: the few HTML pages of weigate: one look, Chinese or English, no foreign content, a CSP that permits nothing else. */
#ifndef WEIGATE_WEB_PAGE_H
#define WEIGATE_WEB_PAGE_H

#include <stdbool.h>

#include "base/text.h"
#include "web/response.h"

enum page_icon { PAGE_ICON_INFO, PAGE_ICON_WAIT, PAGE_ICON_DENIED, PAGE_ICON_ERROR, PAGE_ICON_DONE };

/* What one page says. All texts are escaped; empty ones are left out. */
struct page {
  int status;
  bool is_chinese;
  enum page_icon icon;
  struct str title;               /* one line */
  struct str sentence;            /* what happened and what to do */
  struct str button, button_href; /* the way on; href is escaped, not judged; an empty one is the page itself once more */
  struct str second, second_href;
  struct str detail;                 /* small print: a word of the outcome table, errcode, rid */
  struct str post_button, post_href; /* a form with one button and hidden fields (name=value&…, percent-encoded) */
  struct str post_fields;
  struct str qr_text; /* a QR code of this text as inline SVG (libqrencode) */
  struct str script;  /* own inline script, run under a nonce; "" for none */
  int refresh_s;      /* the page asks for itself again after that long; 0: never */
};

/* Fills the response: status, Content-Type, private headers, CSP with nonce, X-Frame-Options, body. */
void page_write(struct response *response, const struct page *page);

#endif
