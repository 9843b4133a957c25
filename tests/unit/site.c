/* SPDX-License-Identifier: Apache-2.0
 * site: see site.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "site.h"

#include <stdio.h>

#define PHONE                                                                                                                    \
  "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 "               \
  "MicroMessenger/8.0.49(0x18003137)"

static const char *or_default(const char *text, const char *fallback) {
  return text ? text : fallback;
}

static struct seal_keys *parse_keys(const char *text) {
  struct seal_keys *keys = NULL;
  struct err err = {""};
  if (seal_keys_parse(str_of(text), &keys, &err) != 0) fail_msg("%s", err.text);
  return keys;
}

void site_open(struct site *site, const struct site_options *options) {
  struct err err = {""};
  assert_int_equal(seal_start(&err), 0);
  *site = (struct site){
      .settings = {.appid = or_default(options->appid, "wx0123456789abcdef"),
                   .secret = "an app secret",
                   .prefix = or_default(options->prefix, "/weixin"),
                   .scope = SIGNIN_SCOPE_USERINFO,
                   .lang = "zh_CN",
                   .default_next = "/",
                   .time_zone_minutes = 480,
                   .authorize_url = "https://open.weixin.qq.com/connect/oauth2/authorize",
                   .qrconnect_url = "https://open.weixin.qq.com/connect/qrconnect"},
      .session = {.lifetime_ms = UINT64_C(7) * 86400 * 1000, .idle_ms = UINT64_C(2) * 86400 * 1000},
  };
  assert_int_equal(str_copy(str_of(or_default(options->id, "default")), site->settings.id, sizeof(site->settings.id)), 0);
  struct str public_url = str_of(or_default(options->public_url, "https://www.example.com"));
  assert_int_equal(origin_parse(public_url, &site->settings.public_url, &err), 0);
  site->session.keys = parse_keys(or_default(options->keys, KEY_A));
  if (account_init(&site->account, &site->settings, &site->session, &err) != 0) fail_msg("%s", err.text);
  response_init(&site->response);
  response_status(&site->response, 200);
  response_init(&site->job.response);
  site->job.account = &site->account;
  site->job.session_state = SESSION_NONE;
}

void site_close(struct site *site) {
  response_done(&site->response);
  response_done(&site->job.response);
  seal_keys_free(site->session.keys);
}

void site_rotate(struct site *site, const char *keys) {
  seal_keys_free(site->session.keys);
  site->session.keys = parse_keys(keys);
}

void site_ask(struct site *site, const char *path, const char *query) {
  struct request *request = &site->job.request;
  struct str cookie = request->cookie;
  *request = (struct request){.method = WEB_GET, .query = str_of(query), .cookie = cookie, .user_agent = STR(PHONE)};
  int n = snprintf(request->path_joined, sizeof(request->path_joined), "%s%s", site->settings.prefix, path);
  request->path = request->original_uri = str_make(request->path_joined, (size_t)n);
  site->job.is_api = false;
}

/* --- browser --------------------------------------------------------------------------------------------------------------- */

static void keep(struct browser *browser, struct str name, struct str value, bool is_deletion) {
  size_t at = 0;
  while (at < browser->count && !str_eq(str_of(browser->cookies[at].name), name)) at++;
  if (is_deletion) {
    if (at == browser->count) return;
    browser->count--;
    memmove(&browser->cookies[at], &browser->cookies[at + 1], (browser->count - at) * sizeof(browser->cookies[0]));
    return;
  }
  assert_true(at < sizeof(browser->cookies) / sizeof(browser->cookies[0]));
  if (at == browser->count) browser->count++;
  assert_int_equal(str_copy(name, browser->cookies[at].name, sizeof(browser->cookies[at].name)), 0);
  assert_int_equal(str_copy(value, browser->cookies[at].value, sizeof(browser->cookies[at].value)), 0);
}

void browser_take(struct browser *browser, const struct response *response) {
  struct str rest = buf_str(&response->head), line, pair, name;
  assert_false(response->refused || response->head.failed);
  while (str_split(&rest, '\n', &line)) {
    if (!str_starts(line, STR("Set-Cookie: "))) continue;
    bool is_deletion = str_contains_nocase(line, STR("; Max-Age=0;"));
    line = str_from(line, strlen("Set-Cookie: "));
    assert_true(str_split(&line, ';', &pair) && str_split(&pair, '=', &name));
    keep(browser, name, pair, is_deletion);
  }
}

struct str browser_send(struct browser *browser) {
  size_t n = 0;
  for (size_t i = 0; i < browser->count; i++)
    n += (size_t)snprintf(browser->header + n, sizeof(browser->header) - n, "%s%s=%s", i ? "; " : "", browser->cookies[i].name,
                          browser->cookies[i].value);
  assert_true(n < sizeof(browser->header));
  return str_make(browser->header, n);
}

struct browser_cookie *browser_cookie(struct browser *browser, const char *name_start) {
  struct browser_cookie *found = NULL;
  for (size_t i = 0; i < browser->count; i++) {
    if (!str_starts(str_of(browser->cookies[i].name), str_of(name_start))) continue;
    assert_null(found);
    found = &browser->cookies[i];
  }
  assert_non_null(found);
  return found;
}

/* --- answers --------------------------------------------------------------------------------------------------------------- */

bool has_line(const struct response *response, const char *line) {
  struct str rest = buf_str(&response->head), one;
  bool wants_any = str_ends(str_of(line), STR(":"));
  while (str_split(&rest, '\n', &one)) {
    if (str_ends(one, STR("\r"))) one.n--;
    if (wants_any ? str_starts(one, str_of(line)) : str_eq(one, str_of(line))) return true;
  }
  return false;
}

void take_header(const struct response *response, const char *name, char *to, size_t size) {
  struct str rest = buf_str(&response->head), line, key;
  while (str_split(&rest, '\n', &line)) {
    if (str_ends(line, STR("\r"))) line.n--;
    if (!str_split(&line, ':', &key) || !str_eq(key, str_of(name))) continue;
    assert_int_equal(str_copy(str_trim(line), to, size), 0);
    return;
  }
  fail_msg("no header %s", name);
}

bool has_text(const struct response *response, const char *text) {
  struct str body = buf_str(&response->body);
  return body.n && memmem(body.p, body.n, text, strlen(text)) != NULL;
}
