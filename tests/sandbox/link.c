/* SPDX-License-Identifier: Apache-2.0
 * link: a small pattern matcher over the raw query, since WeChat does not parse it either; any thread. */
#include "link.h"

#include <ctype.h>
#include <string.h>

/* WeChat's limit for state, and a sane one for addresses. */
#define STATE_MAX_BYTES    128
#define REDIRECT_MAX_BYTES 4096

static int refuse(struct link_problem *problem, int errcode, const char *why) {
  *problem = (struct link_problem){errcode, why};
  return -1;
}

/* Takes "name=value" and a following & off the query. False when something else stands there. */
static bool take_parameter(struct str *query, const char *name, struct str *ret_value) {
  struct str wanted = str_of(name);
  if (!str_starts(*query, wanted) || query->n <= wanted.n || query->p[wanted.n] != '=') return false;
  struct str rest = str_from(*query, wanted.n + 1);
  const char *end = rest.n > 0 ? memchr(rest.p, '&', rest.n) : NULL;
  *ret_value = end ? str_make(rest.p, (size_t)(end - rest.p)) : rest;
  *query = end ? str_from(rest, ret_value->n + 1) : STR_NONE;
  return true;
}

/* 100xx for a parameter that is missing altogether, 10038 for one in the wrong place. */
static int refuse_order(struct str whole, const char *name, int missing_errcode, struct link_problem *problem) {
  struct str rest = whole, part;
  while (str_split(&rest, '&', &part))
    if (str_starts_nocase(part, str_of(name)) && part.n > strlen(name) && part.p[strlen(name)] == '=')
      return refuse(problem, 10038,
                    "the order or letter case of the parameters is wrong: appid, redirect_uri, response_type, scope, state");
  switch (missing_errcode) {
  case 10010:
    return refuse(problem, 10010, "scope is missing");
  case 10011:
    return refuse(problem, 10011, "redirect_uri is missing");
  case 10012:
    return refuse(problem, 10012, "appid is missing");
  default:
    return refuse(problem, missing_errcode, "response_type is missing");
  }
}

static bool is_loopback(struct str host) {
  if (str_eq_nocase(host, STR("localhost")) || str_ends(host, STR(".localhost")) || str_eq(host, STR("[::1]"))) return true;
  if (!str_starts(host, STR("127."))) return false;
  for (size_t i = 0; i < host.n; i++)
    if (!strchr("0123456789.", host.p[i])) return false;
  return true;
}

static bool is_named_host(const struct options *options, struct str authority) {
  for (size_t i = 0; i < options->hosts_count; i++)
    if (str_eq_nocase(authority, str_of(options->hosts[i]))) return true;
  return false;
}

/* "host:port" up to the path of an http or https address; empty if it is none. */
static struct str find_authority(struct str address) {
  struct str rest = STR_NONE;
  size_t n = 0;
  if (str_starts(address, STR("http://")))
    rest = str_from(address, 7);
  else if (str_starts(address, STR("https://")))
    rest = str_from(address, 8);
  while (n < rest.n && !strchr("/?#\\", rest.p[n])) n++;
  return str_make(rest.p, n);
}

static int check_redirect(struct link *link, const struct options *options, struct str raw, struct link_problem *problem) {
  if (raw.n == 0) return refuse(problem, 10011, "redirect_uri is empty");
  if (str_has(raw, ':') || str_has(raw, '/')) return refuse(problem, 10038, "redirect_uri is not percent-encoded");
  if (text_percent_decode(&link->redirect_uri, raw, false) || link->redirect_uri.failed)
    return refuse(problem, 10038, "redirect_uri is badly encoded or too long");
  struct str address = buf_str(&link->redirect_uri), authority = find_authority(address);
  for (size_t i = 0; i < address.n; i++)
    if ((unsigned char)address.p[i] <= 0x20 || address.p[i] == 0x7f)
      return refuse(problem, 10038, "redirect_uri holds blanks or control bytes");
  if (authority.n == 0) return refuse(problem, 10003, "redirect_uri is no http or https address (encoded twice?)");
  size_t host_n = authority.n;
  while (host_n > 0 && isdigit((unsigned char)authority.p[host_n - 1])) host_n--;
  bool has_port = host_n > 0 && host_n < authority.n && authority.p[host_n - 1] == ':';
  struct str host = has_port ? str_make(authority.p, host_n - 1) : authority;
  if (options->hosts_count == 0 ? is_loopback(host) : is_named_host(options, authority)) return 0;
  return refuse(problem, 10003, "the host of redirect_uri is not one of --redirect-host (a port counts as another host)");
}

static int check_state(struct str state, struct link_problem *problem) {
  if (state.n == 0) return refuse(problem, 10013, "state is empty");
  if (state.n > STATE_MAX_BYTES) return refuse(problem, 10013, "state is longer than 128 bytes");
  for (size_t i = 0; i < state.n; i++)
    if (!isalnum((unsigned char)state.p[i])) return refuse(problem, 10013, "state may hold letters and digits only");
  return 0;
}

static int check_account(struct link *link, const struct options *options, struct str appid, bool qrconnect,
                         struct link_problem *problem) {
  if (appid.n == 0) return refuse(problem, 10012, "appid is empty");
  link->account = options_account(options, appid);
  if (link->account < 0) return refuse(problem, 10005, "the sandbox knows no such appid (--appid)");
  bool website = options->accounts[link->account].website;
  if (website && !qrconnect)
    return refuse(problem, 10016, "this is the appid of a website application; authorize wants an Official Account");
  if (!website && qrconnect)
    return refuse(problem, 10005, "this is the appid of an Official Account; qrconnect wants a website application (--website)");
  return 0;
}

static int check_scope(struct link *link, struct str scope, bool qrconnect, struct link_problem *problem) {
  if (scope.n == 0) return refuse(problem, 10010, "scope is empty");
  if (qrconnect) {
    link->scope = SCOPE_LOGIN;
    return str_eq(scope, STR("snsapi_login")) ? 0 : refuse(problem, 10005, "the scope of qrconnect is snsapi_login");
  }
  link->scope = str_eq(scope, STR("snsapi_base")) ? SCOPE_BASE : SCOPE_USERINFO;
  if (link->scope == SCOPE_BASE || str_eq(scope, STR("snsapi_userinfo"))) return 0;
  return refuse(problem, 10005, "scope is snsapi_base or snsapi_userinfo");
}

/* What may follow the four: each at most once, in this order. */
static int check_tail(struct link *link, struct str query, struct link_problem *problem) {
  static const char *const names[] = {
      "component_appid", "connect_redirect", "forcePopup", "forceSnapShot", "lang", "self_redirect", "style", "href"};
  struct str value;
  if (take_parameter(&query, "state", &link->state) && check_state(link->state, problem)) return -1;
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    if (take_parameter(&query, names[i], &value) && i == 2) link->force_popup = str_eq(value, STR("true"));
  if (query.n == 0) return 0;
  return refuse(problem, 10038, "something unknown or out of order stands behind scope and state");
}

void link_init(struct link *link) {
  *link = (struct link){.account = -1};
  buf_init(&link->redirect_uri, REDIRECT_MAX_BYTES);
}

void link_done(struct link *link) {
  buf_done(&link->redirect_uri);
}

int link_parse(struct link *link, const struct options *options, struct str query, bool qrconnect,
               struct link_problem *ret_problem) {
  struct str whole = query, appid, redirect_uri, response_type, scope;
  if (!take_parameter(&query, "appid", &appid)) return refuse_order(whole, "appid", 10012, ret_problem);
  if (!take_parameter(&query, "redirect_uri", &redirect_uri)) return refuse_order(whole, "redirect_uri", 10011, ret_problem);
  if (!take_parameter(&query, "response_type", &response_type)) return refuse_order(whole, "response_type", 10038, ret_problem);
  if (!take_parameter(&query, "scope", &scope)) return refuse_order(whole, "scope", 10010, ret_problem);
  if (check_account(link, options, appid, qrconnect, ret_problem)) return -1;
  if (!str_eq(response_type, STR("code"))) return refuse(ret_problem, 10038, "response_type must be code");
  if (check_scope(link, scope, qrconnect, ret_problem)) return -1;
  if (check_tail(link, query, ret_problem)) return -1;
  return check_redirect(link, options, redirect_uri, ret_problem);
}

void link_callback(const struct link *link, struct str code, struct buf *out) {
  struct str address = buf_str(&link->redirect_uri);
  const char *hash = memchr(address.p, '#', address.n);
  struct str front = hash ? str_make(address.p, (size_t)(hash - address.p)) : address;
  const char *join = str_has(front, '?') ? "&" : "?";
  buf_add_str(out, front);
  if (code.n > 0) {
    buf_addf(out, "%scode=%.*s", join, STR_ARG(code));
    join = "&";
  }
  if (link->state.n > 0) buf_addf(out, "%sstate=%.*s", join, STR_ARG(link->state));
  buf_add_str(out, str_from(address, front.n));
}
