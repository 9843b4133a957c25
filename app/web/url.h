/* SPDX-License-Identifier: Apache-2.0
 * url: judges addresses as a browser would parse them (WHATWG URL), so that a return address never leads to a foreign origin. */
#ifndef WEIGATE_WEB_URL_H
#define WEIGATE_WEB_URL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/text.h"

/* A return address longer than this is refused: it has to fit the login cookie, sealed, beside two others in 4 KB. */
#define URL_NEXT_MAX_BYTES 1024

/* An origin in one canonical spelling: scheme, lower-case host, port where it is not the scheme's own. */
struct origin {
  char text[300]; /* "https://www.example.com", "http://127.0.0.1:8080" */
  bool is_https;
  bool is_loopback; /* 127.0.0.0/8, ::1, localhost */
};

/* Parses "scheme://host[:port]" and nothing behind it (one '/' is accepted); http or https only, no user info, wildcard, or final
 * dot. */
int origin_parse(struct str text, struct origin *ret_origin, struct err *err);

struct url_site {
  struct origin self;           /* account.public_url */
  const struct origin *allowed; /* account.allowed_origins */
  size_t allowed_count;
  struct str prefix; /* account.prefix: its own paths are no return addresses */
};

/* Appends the address to go to: `next` itself (unchanged but for percent-encoding of blanks, quotes and bytes from 0x80) if it is
 * a path on the own origin or an absolute address on an allowed one; returns false and appends nothing otherwise. Refuses control
 * bytes, backslashes anywhere before the query, "//", own login, callback and logout paths after dot segments are resolved,
 * longer than URL_NEXT_MAX_BYTES (as it is written in the end). */
bool url_next_judge(const struct url_site *site, struct str next, struct buf *out);

#endif
