/* SPDX-License-Identifier: Apache-2.0
 * account: one Official Account as a worker uses it: names and addresses derived from its settings once, and its way to WeChat.
 */
#ifndef WEIGATE_SIGNIN_ACCOUNT_H
#define WEIGATE_SIGNIN_ACCOUNT_H

#include "signin/signin.h"

struct account {
  const struct account_settings *settings;
  const struct session_settings *session;
  struct url_site site;
  bool is_secure;          /* public_url is https: cookies are Secure and carry __Host- */
  char session_cookie[64]; /* "__Host-weigate", "__Host-weigate-shop", "weigate" */
  char login_cookie[80];   /* the login cookies' common beginning: "__Host-weigate-login-" */
  char context[512];       /* what every seal of this account is bound to: site, prefix, appid */
  uint8_t everyone[16];    /* the fingerprint under which all of its sessions are revoked */
  char callback_uri[640];  /* public_url + prefix + "/callback" */
  struct fetch *fetch;
  struct wechat *wechat; /* the Official Account */
  struct wechat_settings wechat_settings;
  struct wechat *website; /* the website app of outside_wechat = qrconnect, or NULL */
  struct wechat_settings website_settings;
};

/* Derives names; no I/O. The settings outlive the account. Before threads start. */
int account_init(struct account *account, const struct account_settings *settings, const struct session_settings *session,
                 struct err *err);
/* Makes the clients on the loop. Before threads start. */
int account_connect(struct account *account, struct loop *loop, size_t signins_max, struct err *err);
/* Releases the clients; every call must have returned. */
void account_disconnect(struct account *account);

static inline struct str account_context(const struct account *account) {
  return str_of(account->context);
}
/* The appid that a sign-in through the website app or the Official Account belongs to. */
static inline const char *account_appid(const struct account *account, bool is_website) {
  return is_website ? account->settings->qrconnect_appid : account->settings->appid;
}

#endif
