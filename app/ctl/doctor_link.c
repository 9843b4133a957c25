/* SPDX-License-Identifier: Apache-2.0
 * doctor_link: what WeChat would say to the authorize link. It answers a bad one with a page of its own (10003, 10005), which
 * never reaches the callback, so that this is the only place where it shows before a visitor sees it. The program's only thread.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/scope.h"
#include "ctl/doctor.h"
#include "wechat/authorize_url.h"

#define WECHAT_HOST    "open.weixin.qq.com"
#define LINK_MAX_BYTES 4096
/* "wx" and 16 hex digits. */
#define APPID_BYTES 18

struct link {
  struct doctor *doctor;
  const struct account_settings *account;
  struct str host;
  bool has_port;
  bool is_sandbox; /* the authorize page is not WeChat's own */
  enum doctor_verdict worst;
};

static struct str cut_scheme(struct str url) {
  const char *at = memmem(url.p, url.n, "://", 3);
  return at ? str_from(url, (size_t)(at - url.p) + 3) : url;
}

static struct str cut_host(struct str url, bool *ret_has_port) {
  struct str rest = cut_scheme(url);
  size_t n = 0;
  bool is_bracketed = rest.n > 0 && rest.p[0] == '[';
  while (n < rest.n && rest.p[n] != '/' && (is_bracketed || rest.p[n] != ':')) is_bracketed = rest.p[n++] != ']' && is_bracketed;
  *ret_has_port = n < rest.n && rest.p[n] == ':';
  return str_make(rest.p, n);
}

static bool is_address(struct str host) {
  char text[INET_ADDRSTRLEN];
  struct in_addr address;
  return (host.n > 0 && host.p[0] == '[') || (str_copy(host, text, sizeof text) == 0 && inet_pton(AF_INET, text, &address) == 1);
}

/* What WeChat would refuse is a failure, and a note where a sandbox plays WeChat. */
static void complain(struct link *link, const char *check, const char *fix, const char *what) {
  enum doctor_verdict verdict = link->is_sandbox ? DOCTOR_WARN : DOCTOR_FAIL;
  doctor_say(link->doctor, verdict, check, fix, "%s%s%s", doctor_about(link->doctor, link->account), what,
             link->is_sandbox ? "; the sandbox does not mind" : "");
  if (verdict > link->worst) link->worst = verdict;
}

/* --- where WeChat sends the visitor back ---------------------------------------------------------------------------------------
 */

static void check_host(struct link *link) {
  char text[400];
  if (is_address(link->host)) {
    snprintf(text, sizeof text, "WeChat answers 10003 to %s: a callback domain is a name, not an address",
             link->account->public_url.text);
    complain(link, "host", "give the site a name, with ICP filing, and set it at WeChat and as public_url", text);
  } else if (!str_has(link->host, '.')) {
    snprintf(text, sizeof text, "WeChat answers 10003 to %s: nobody can set that name as callback domain",
             link->account->public_url.text);
    complain(link, "host", "public_url is the site as visitors see it", text);
  }
  if (link->has_port) {
    snprintf(text, sizeof text, "WeChat answers 10003 to %s: a callback has no port", link->account->public_url.text);
    complain(link, "port", "serve the site at 443 and take the port out of public_url", text);
  }
  if (!link->account->public_url.is_https)
    complain(link, "scheme", "serve the site with https", "the callback is plain http: codes and cookies can be read on the way");
}

/* The other of www.example.com and example.com. */
static struct str find_twin(struct str host, char *to, size_t size) {
  if (str_starts(host, STR("www."))) return str_from(host, 4);
  int n = snprintf(to, size, "www.%.*s", STR_ARG(host));
  return str_make(to, n > 0 && (size_t)n < size ? (size_t)n : 0);
}

static void check_domain(struct link *link) {
  char room[300];
  bool has_port;
  struct str twin = find_twin(link->host, room, sizeof room);
  for (size_t i = 0; i < link->account->allowed_origins_count; i++)
    if (str_eq(cut_host(str_of(link->account->allowed_origins[i].text), &has_port), twin)) {
      doctor_say(link->doctor, DOCTOR_WARN, "domain", "let one of the two redirect to the other, for all of the site",
                 "%svisitors come by %.*s and by %.*s, which are two sites for WeChat and for cookies",
                 doctor_about(link->doctor, link->account), STR_ARG(link->host), STR_ARG(twin));
      return;
    }
  doctor_say(link->doctor, DOCTOR_OK, "domain", NULL,
             "%sthe web authorization domain set at WeChat has to be %.*s, exactly; %.*s is another one (10003)",
             doctor_about(link->doctor, link->account), STR_ARG(link->host), STR_ARG(twin));
}

static bool has_capitals(const char *text) {
  for (; *text; text++)
    if (*text >= 'A' && *text <= 'Z') return true;
  return false;
}

/* A browser writes hosts in small letters, and so does the link; what was set at WeChat should be, too. */
static void check_capitals(struct link *link) {
  const char *id = strcmp(link->account->id, "default") == 0 ? "" : link->account->id;
  const char *written = conf_value(link->doctor->conf, "account", id, "public_url", NULL);
  if (written && has_capitals(written))
    doctor_say(link->doctor, DOCTOR_WARN, "capitals", "write public_url in small letters, here and at WeChat",
               "%spublic_url is %s; the link says %s", doctor_about(link->doctor, link->account), written,
               link->account->public_url.text);
}

/* --- who asks, for what, where
 * ---------------------------------------------------------------------------------------------------- */

static bool is_appid(const char *appid) {
  return strlen(appid) == APPID_BYTES && strspn(appid + 2, "0123456789abcdef") == APPID_BYTES - 2 && strncmp(appid, "wx", 2) == 0;
}

static void check_appid(struct link *link) {
  char text[200];
  if (is_appid(link->account->appid)) return;
  snprintf(text, sizeof text, "%s does not look like an AppID: \"wx\" and 16 small hex digits", link->account->appid);
  complain(link, "appid", "copy it from the account's settings; an Open Platform app has another (10016)", text);
}

static void check_page(struct link *link) {
  bool has_port;
  struct str url = str_of(link->account->authorize_url), host = cut_host(url, &has_port);
  if (link->is_sandbox)
    doctor_say(link->doctor, DOCTOR_OK, "page", NULL, "%s%s is no page of WeChat's, but of a sandbox",
               doctor_about(link->doctor, link->account), link->account->authorize_url);
  else if (!str_eq(str_from(url, (size_t)(host.p - url.p) + host.n), STR("/connect/oauth2/authorize")))
    complain(link, "page", "remove authorize_url for the default",
             "authorize_url is not WeChat's page for Official Accounts (10016)");
}

static void say_scope(struct link *link) {
  static const char *const scopes[] = {
      [SIGNIN_SCOPE_BASE] = "snsapi_base", [SIGNIN_SCOPE_USERINFO] = "snsapi_userinfo", [SIGNIN_SCOPE_AUTO] = "auto"};
  doctor_say(link->doctor, DOCTOR_OK, "scope", NULL,
             "%s%s takes a certified service account (服务号); WeChat answers 10005 to any other",
             doctor_about(link->doctor, link->account), scopes[link->account->scope]);
}

/* The link itself, taken apart as WeChat does: by a pattern that minds order, letters and encoding. */
static void check_form(struct link *link) {
  SCOPE_BUF struct buf url, callback, wanted;
  const struct account_settings *account = link->account;
  struct authorize_link parts = {.base = str_of(account->authorize_url),
                                 .appid = str_of(account->appid),
                                 .scope = account->scope == SIGNIN_SCOPE_USERINFO ? STR("snsapi_userinfo") : STR("snsapi_base"),
                                 .state = STR("0")};
  buf_init(&url, LINK_MAX_BYTES);
  buf_init(&callback, LINK_MAX_BYTES);
  buf_init(&wanted, LINK_MAX_BYTES);
  buf_addf(&callback, "%s%s/callback", account->public_url.text, account->prefix);
  parts.redirect_uri = buf_str(&callback);
  authorize_url_add(&url, &parts);
  buf_addf(&wanted, "%s?appid=%s&redirect_uri=", account->authorize_url, account->appid);
  text_percent_encode(&wanted, buf_str(&callback));
  buf_addf(&wanted, "&response_type=code&scope=%.*s&state=0#wechat_redirect", STR_ARG(parts.scope));
  bool is_good = str_eq(buf_str(&url), buf_str(&wanted)) && !url.failed;
  if (is_good && link->worst == DOCTOR_OK)
    doctor_say(link->doctor, DOCTOR_OK, "link", NULL, "%svisitors come back to %s, encoded once, in WeChat's order",
               doctor_about(link->doctor, account), buf_text(&callback));
  if (!is_good) complain(link, "link", "report this as a fault of weigate's", "the link is not in WeChat's order");
}

void doctor_look_at_link(struct doctor *doctor) {
  for (size_t i = 0; i < doctor->conf->accounts_count; i++) {
    struct link link = {.doctor = doctor, .account = &doctor->conf->accounts[i]};
    bool has_port;
    if (!doctor_means(doctor, link.account)) continue;
    link.host = cut_host(str_of(link.account->public_url.text), &link.has_port);
    link.is_sandbox = !str_eq(cut_host(str_of(link.account->authorize_url), &has_port), STR(WECHAT_HOST));
    check_host(&link);
    if (link.worst == DOCTOR_OK) check_domain(&link);
    check_capitals(&link);
    check_appid(&link);
    check_page(&link);
    check_form(&link);
    say_scope(&link);
  }
}
