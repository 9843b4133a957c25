/* SPDX-License-Identifier: Apache-2.0
 * cookie: exact names and strict values; what a browser would not have sent is not there. Any thread. */
#include "web/cookie.h"

#include <stddef.h>

/* Cookies one visit may show: weigate itself sets one session and at most 5 login cookies. */
#define COOKIE_VISITS_MAX 64

/* RFC 6265 4.1.1: no control bytes, blank, '"', ',', ';', '\\', nor anything from 0x80. */
static const bool octets[256] = {
    ['!'] = true, ['#' ... '+'] = true, ['-' ... ':'] = true, ['<' ... '['] = true, [']' ... '~'] = true,
};

static bool is_octets(struct str value) {
  for (size_t i = 0; i < value.n; i++)
    if (!octets[(unsigned char)value.p[i]]) return false;
  return true;
}

/* A token of RFC 9110: what a cookie's name may be made of. */
static bool is_name(struct str name) {
  for (size_t i = 0; i < name.n; i++)
    if (!is_octets(str_make(name.p + i, 1)) || strchr("()<>@:/[]?={}", name.p[i])) return false;
  return name.n > 0;
}

/* Takes the next pair off: "name=value" behind an optional blank. Pairs without '=' are passed over. */
static bool next_pair(struct str *rest, struct str *ret_name, struct str *ret_value) {
  struct str pair;
  while (str_split(rest, ';', &pair)) {
    while (pair.n > 0 && (pair.p[0] == ' ' || pair.p[0] == '\t')) pair = str_from(pair, 1);
    const char *sign = pair.n ? memchr(pair.p, '=', pair.n) : NULL;
    if (!sign) continue;
    *ret_name = str_make(pair.p, (size_t)(sign - pair.p));
    *ret_value = str_from(pair, ret_name->n + 1);
    return true;
  }
  return false;
}

/* What one header says on top of what is known. */
static enum web_value look(struct str header, struct str wanted, enum web_value known, struct str *value) {
  struct str name, found;
  while (next_pair(&header, &name, &found)) {
    if (!str_eq(name, wanted)) continue;
    if (known == WEB_VALUE_NONE) {
      *value = found;
      known = WEB_VALUE_ONE;
    } else if (!str_eq(*value, found)) {
      known = WEB_VALUE_MANY;
    }
  }
  return known;
}

enum web_value cookie_value(const struct request *request, struct str name, struct str *ret_value) {
  struct str value = STR_NONE;
  enum web_value known = look(request->cookie, name, WEB_VALUE_NONE, &value);
  known = look(request->cookie_second, name, known, &value);
  if (known == WEB_VALUE_ONE && !is_octets(value)) return WEB_VALUE_BAD;
  if (known == WEB_VALUE_ONE) *ret_value = value;
  return known;
}

void cookie_each(const struct request *request, struct str name_prefix,
                 void (*visit)(struct str name, struct str value, void *arg), void *arg) {
  const struct str headers[] = {request->cookie, request->cookie_second};
  int visits = 0;
  for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
    struct str rest = headers[i], name, value;
    while (visits < COOKIE_VISITS_MAX && next_pair(&rest, &name, &value)) {
      if (!str_starts(name, name_prefix) || !is_name(name) || !is_octets(value)) continue;
      visit(name, value, arg);
      visits++;
    }
  }
}

void cookie_set(struct response *response, struct str name, struct str value, int64_t max_age_s, bool secure) {
  if (!is_name(name) || !is_octets(value) || max_age_s < 0) {
    response->refused = true;
    return;
  }
  response_headerf(response, "Set-Cookie", "%.*s=%.*s; Path=/; Max-Age=%lld; HttpOnly; SameSite=Lax%s", STR_ARG(name),
                   STR_ARG(value), (long long)max_age_s, secure ? "; Secure" : "");
}
