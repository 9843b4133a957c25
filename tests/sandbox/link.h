/* SPDX-License-Identifier: Apache-2.0
 * link: judges an authorize link as WeChat does: by its pattern, in order and letter case. */
#ifndef WEIGATE_SANDBOX_LINK_H
#define WEIGATE_SANDBOX_LINK_H

#include "base/buf.h"
#include "base/text.h"
#include "grants.h"
#include "options.h"

/* What WeChat shows for it; the meaning for the developer is in `why`. */
struct link_problem {
  int errcode;
  const char *why;
};

struct link {
  int account;
  enum grant_scope scope;
  struct str state;        /* in the query, raw */
  struct buf redirect_uri; /* decoded */
  bool force_popup;
};

void link_init(struct link *link);
void link_done(struct link *link);

/* Reads the raw query of /connect/oauth2/authorize, or of /connect/qrconnect; 0 or -1 with the problem. Any thread. */
int link_parse(struct link *link, const struct options *options, struct str query, bool qrconnect,
               struct link_problem *ret_problem);
/* Appends the callback's address: the query is put in front of a fragment. An empty code is left out. Any thread. */
void link_callback(const struct link *link, struct str code, struct buf *out);

#endif
