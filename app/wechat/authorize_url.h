/* SPDX-License-Identifier: Apache-2.0
 * authorize_url: the links that send a browser to WeChat; parameter order and letter case are enforced there. */
#ifndef WEIGATE_WECHAT_AUTHORIZE_URL_H
#define WEIGATE_WECHAT_AUTHORIZE_URL_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/text.h"

struct authorize_link {
  struct str base; /* account.authorize_url or the qrconnect address */
  struct str appid;
  struct str redirect_uri; /* not yet encoded */
  struct str scope;        /* snsapi_base | snsapi_userinfo | snsapi_login */
  struct str state;        /* [A-Za-z0-9]{1,128} */
  bool force_popup;        /* forcePopup=true, in front of the fragment */
  struct str lang;         /* qrconnect only: cn | en */
};

/* appid, redirect_uri, response_type=code, scope, state, [forcePopup], #wechat_redirect. Any thread. */
void authorize_url_add(struct buf *out, const struct authorize_link *link);

#endif
