/* SPDX-License-Identifier: Apache-2.0
 * nginx_text: a configuration of nginx's as a flat list of its directives, each with the block that it stands in. Pure. */
#ifndef WEIGATE_CTL_NGINX_TEXT_H
#define WEIGATE_CTL_NGINX_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

/* What nginx -T prints for a thousand sites. */
#define NGINX_TEXT_MAX_BYTES (16u << 20)

/* "fastcgi_pass weigate", or the head of a block, "location = /weixin/auth": words with one blank between them. */
struct nginx_directive {
  struct str text;
  size_t parent; /* the block's head, an index; NGINX_TOP outside of all (in nginx -T each file begins there) */
  bool is_block;
};
#define NGINX_TOP ((size_t)-1)

struct nginx_text {
  struct nginx_directive *all;
  size_t count;
  struct buf words; /* what the texts point into */
};

/* Reads the text without judging it: what is no nginx configuration becomes odd directives. -1 without memory. */
int nginx_text_parse(struct str text, struct nginx_text *ret_parsed);
void nginx_text_done(struct nginx_text *parsed);

/* The next block with that head from the place on; NGINX_TOP if there is none. */
size_t nginx_text_block(const struct nginx_text *parsed, struct str head, size_t from);
/* Does that block (NGINX_TOP: any) hold exactly that directive? */
bool nginx_text_has(const struct nginx_text *parsed, size_t block, struct str directive);
/* The next directive of that name in the block from the place on, or NGINX_TOP. */
size_t nginx_text_named(const struct nginx_text *parsed, size_t block, struct str name, size_t from);

#endif
