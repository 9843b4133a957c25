/* SPDX-License-Identifier: Apache-2.0
 * authorize_url: builds the links that send a browser to WeChat; any thread. */
#include "wechat/authorize_url.h"

static void add_parameter(struct buf *out, const char *name_with_sign, struct str value) {
  buf_add_text(out, name_with_sign);
  text_percent_encode(out, value);
}

void authorize_url_add(struct buf *out, const struct authorize_link *link) {
  buf_add_str(out, link->base);
  add_parameter(out, "?appid=", link->appid);
  add_parameter(out, "&redirect_uri=", link->redirect_uri);
  add_parameter(out, "&response_type=", STR("code"));
  add_parameter(out, "&scope=", link->scope);
  add_parameter(out, "&state=", link->state);
  if (link->force_popup) add_parameter(out, "&forcePopup=", STR("true"));
  if (link->lang.n > 0) add_parameter(out, "&lang=", link->lang);
  buf_add_text(out, "#wechat_redirect");
}
