/* SPDX-License-Identifier: Apache-2.0
 * request: what a FastCGI request means as HTTP. Slices point into the exchange and live until its reply. */
#ifndef WEIGATE_WEB_REQUEST_H
#define WEIGATE_WEB_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/text.h"
#include "fcgi/reactor.h"

enum web_method { WEB_GET = 1, WEB_HEAD = 2, WEB_POST = 4, WEB_DELETE = 8, WEB_OTHER = 16 };

struct request {
  struct fcgi_exchange *exchange;
  enum web_method method;
  struct str path;          /* SCRIPT_NAME + PATH_INFO, as nginx decoded it */
  char path_joined[512];    /* holds path where both parts are there */
  struct str query;         /* raw */
  struct str original_uri;  /* REQUEST_URI: the original address in subrequests and error pages */
  struct str cookie;        /* raw HTTP_COOKIE */
  struct str cookie_second; /* a second HTTP_COOKIE parameter, if sent */
  struct str accept, accept_language, user_agent, content_type, origin, referer, remote_addr, host;
  struct str requested_with, fetch_mode, fetch_site, purpose; /* X-Requested-With, Sec-Fetch-Mode, Sec-Fetch-Site, Sec-Purpose */
  struct str status_gate;                                     /* WEIGATE_STATUS as the nginx location sets it */
  struct str require; /* WEIGATE_REQUIRE: "person" where the location does not admit a guest */
  struct str body;
};

/* Reads the exchange. Returns 0, or the status to answer: 400 for a missing, repeated or NUL-holding deciding parameter, a
 * CONTENT_LENGTH that is not a plain decimal or does not match the body; 413 for one above the limit. *ret_why is a static text.
 * On failure what could be read is there all the same, so that /auth can be told from the rest. path may point into *ret_request,
 * which must not be moved. Any thread. */
int request_read(struct fcgi_exchange *exchange, struct request *ret_request, const char **ret_why);

enum web_value { WEB_VALUE_NONE, WEB_VALUE_ONE, WEB_VALUE_MANY, WEB_VALUE_BAD };

/* Finds one query (or form) member by its exact name and percent-decodes its value into out (appended; NUL and bad escapes: BAD,
 * twice: MANY; nothing is appended then). A value with a bare '?' is an address that was put in without encoding: everything
 * behind it is its own query, and never read as further members. Any thread. */
enum web_value query_value(struct str query, const char *name, struct buf *out);

/* True for a program rather than a page load: Accept names application/json and not text/html, or X-Requested-With:
 * XMLHttpRequest, or Sec-Fetch-Mode is there and is not navigate. */
bool request_is_api(const struct request *request);
/* True inside WeChat's browser (User-Agent names MicroMessenger). */
bool request_is_wechat(const struct request *request);
/* True for Sec-Purpose or Purpose: prefetch. */
bool request_is_prefetch(const struct request *request);
/* From Accept-Language by its weights: true for Chinese. The default without a header is Chinese. */
bool request_wants_chinese(const struct request *request);

#endif
