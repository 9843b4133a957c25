/* SPDX-License-Identifier: Apache-2.0
 * account: derives an account's cookie names, seal context and callback address; owns its clients. */
#include "signin/account.h"

#include <stdio.h>

#include "signin/revoke.h"

/* Adds "-shop" for a further account, and __Host- where the browser will honour it (it asks for Secure). */
static void name_cookies(struct account *account) {
  const struct account_settings *settings = account->settings;
  const char *host = account->is_secure ? "__Host-" : "";
  bool is_default = str_eq(str_of(settings->id), STR("default"));
  snprintf(account->session_cookie, sizeof(account->session_cookie), "%sweigate%s%s", host, is_default ? "" : "-",
           is_default ? "" : settings->id);
  snprintf(account->login_cookie, sizeof(account->login_cookie), "%s-login-", account->session_cookie);
}

static void fill_client_settings(struct wechat_settings *to, const struct account_settings *from, const char *appid,
                                 const char *secret) {
  *to = (struct wechat_settings){
      .appid = appid,
      .secret = secret,
      .api_urls = from->api_urls,
      .api_urls_count = from->api_urls_count,
      .request_timeout_ms = from->request_timeout_ms,
  };
}

int account_init(struct account *account, const struct account_settings *settings, const struct session_settings *session,
                 struct err *err) {
  *account = (struct account){.settings = settings, .session = session};
  account->is_secure = settings->public_url.is_https;
  if (str_contains_nocase(str_of(settings->id), STR("login")))
    return err_set(err, "[account %s]: a name with \"login\" in it would collide with cookie names; choose another",
                   settings->id);
  name_cookies(account);

  int n = snprintf(account->context, sizeof(account->context), "%s%s %s", settings->public_url.text, settings->prefix,
                   settings->appid);
  if (n < 0 || (size_t)n >= sizeof(account->context))
    return err_set(err, "[account %s]: public_url, prefix and appid are too long together", settings->id);
  revoke_print_everyone(account_context(account), account->everyone);
  n = snprintf(account->callback_uri, sizeof(account->callback_uri), "%s%s/callback", settings->public_url.text,
               settings->prefix);
  if (n < 0 || (size_t)n >= sizeof(account->callback_uri))
    return err_set(err, "[account %s]: public_url and prefix are too long together", settings->id);

  account->site = (struct url_site){
      .self = settings->public_url,
      .allowed = settings->allowed_origins,
      .allowed_count = settings->allowed_origins_count,
      .prefix = str_of(settings->prefix),
  };
  fill_client_settings(&account->wechat_settings, settings, settings->appid, settings->secret);
  fill_client_settings(&account->website_settings, settings, settings->qrconnect_appid, settings->qrconnect_secret);
  return 0;
}

int account_connect(struct account *account, struct loop *loop, size_t signins_max, struct err *err) {
  struct fetch_settings fetch = {
      .ca_file = account->settings->ca_file,
      .connect_timeout_ms = account->settings->connect_timeout_ms,
      .signins_max = signins_max,
  };
  if (fetch_new(loop, &fetch, &account->fetch, err) < 0) return err_prefix(err, "[account %s]", account->settings->id);
  if (wechat_new(account->fetch, &account->wechat_settings, &account->wechat, err) < 0)
    return err_prefix(err, "[account %s]", account->settings->id);
  if (!account->settings->qrconnect_appid) return 0;
  if (wechat_new(account->fetch, &account->website_settings, &account->website, err) < 0)
    return err_prefix(err, "[account %s]", account->settings->id);
  return 0;
}

void account_disconnect(struct account *account) {
  wechat_free(account->website);
  wechat_free(account->wechat);
  fetch_free(account->fetch);
  account->website = account->wechat = NULL;
  account->fetch = NULL;
}
