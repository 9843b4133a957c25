/* SPDX-License-Identifier: Apache-2.0
 * url: origins in one spelling, and the judge of return addresses. It refuses what browsers and servers might read differently
 * rather than repair it. Any thread. */
#include "web/url.h"

#include <arpa/inet.h>
#include <stdio.h>

/* RFC 1035: a name of at most 253 characters, labels of at most 63. */
#define HOST_MAX_BYTES  253
#define LABEL_MAX_BYTES 63

struct parts {
  bool is_https;
  bool has_port;
  struct str host, port;
};

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

static bool is_alnum(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static char lower(char c) {
  return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Takes "http://" or "https://" off; exactly two slashes, which browsers do not insist on but we do. */
static bool take_scheme(struct str *text, bool *ret_is_https) {
  *ret_is_https = str_starts_nocase(*text, STR("https://"));
  if (!*ret_is_https && !str_starts_nocase(*text, STR("http://"))) return false;
  *text = str_from(*text, *ret_is_https ? 8 : 7);
  return true;
}

static bool is_label(struct str label) {
  if (label.n == 0 || label.n > LABEL_MAX_BYTES || label.p[0] == '-' || label.p[label.n - 1] == '-') return false;
  for (size_t i = 0; i < label.n; i++)
    if (!is_alnum(label.p[i]) && label.p[i] != '-' && label.p[i] != '_') return false;
  return true;
}

/* Would a browser read the last label as a number, and so the whole host as an IPv4 address? */
static bool ends_in_number(struct str last) {
  bool is_hex = str_starts_nocase(last, STR("0x"));
  for (size_t i = is_hex ? 2 : 0; i < last.n; i++)
    if (is_hex ? hex_value(last.p[i]) < 0 : !is_digit(last.p[i])) return false;
  return true;
}

/* A name, or four decimal numbers in their only spelling: 127.1, 0330.072.0326.0316 and 1249763844 are refused. */
static bool is_host(struct str host) {
  struct str rest = host, label = STR_NONE;
  if (host.n == 0 || host.n > HOST_MAX_BYTES) return false;
  while (str_split(&rest, '.', &label))
    if (!is_label(label)) return false;
  if (!ends_in_number(label)) return true;
  char text[INET_ADDRSTRLEN], again[INET_ADDRSTRLEN];
  struct in_addr address;
  return str_copy(host, text, sizeof text) == 0 && inet_pton(AF_INET, text, &address) == 1 &&
         inet_ntop(AF_INET, &address, again, sizeof again) && str_eq(host, str_of(again));
}

/* "[…]" in the spelling of RFC 5952. */
static bool is_ipv6_host(struct str host, char to[INET6_ADDRSTRLEN]) {
  char text[INET6_ADDRSTRLEN];
  struct in6_addr address;
  if (host.n < 4 || host.p[0] != '[' || host.p[host.n - 1] != ']') return false;
  return str_copy(str_make(host.p + 1, host.n - 2), text, sizeof text) == 0 && inet_pton(AF_INET6, text, &address) == 1 &&
         inet_ntop(AF_INET6, &address, to, INET6_ADDRSTRLEN);
}

static bool split_port(struct str authority, struct parts *parts) {
  size_t end = authority.n;
  while (end > 0 && is_digit(authority.p[end - 1])) end--;
  parts->has_port = end > 0 && authority.p[end - 1] == ':';
  parts->host = parts->has_port ? str_make(authority.p, end - 1) : authority;
  parts->port = parts->has_port ? str_from(authority, end) : STR_NONE;
  return !str_has(parts->host, ':') || (parts->host.n > 0 && parts->host.p[0] == '[');
}

static int read_port(const struct parts *parts, uint64_t *ret_port) {
  if (!parts->has_port) {
    *ret_port = parts->is_https ? 443 : 80;
    return 0;
  }
  if (parts->port.n > 0 && parts->port.p[0] == '0') return -1;
  return text_parse_u64(parts->port, 65535, ret_port);
}

static bool is_loopback_host(struct str host, bool is_ipv6) {
  char text[INET_ADDRSTRLEN];
  struct in_addr address;
  if (is_ipv6) return str_eq(host, STR("::1"));
  if (str_eq_nocase(host, STR("localhost"))) return true;
  return str_copy(host, text, sizeof text) == 0 && inet_pton(AF_INET, text, &address) == 1 && str_starts(host, STR("127."));
}

/* The authority alone, behind a scheme that was taken off. */
static int read_origin(struct parts *parts, struct str authority, struct origin *ret_origin) {
  char ipv6[INET6_ADDRSTRLEN];
  uint64_t port = 0;
  if (!split_port(authority, parts) || read_port(parts, &port) != 0) return -1;
  bool is_ipv6 = is_ipv6_host(parts->host, ipv6);
  if (!is_ipv6 && !is_host(parts->host)) return -1;
  struct str host = is_ipv6 ? str_of(ipv6) : parts->host;
  char port_text[8] = "";
  if (port != (parts->is_https ? 443U : 80U)) snprintf(port_text, sizeof port_text, ":%u", (unsigned)port);
  *ret_origin = (struct origin){.is_https = parts->is_https, .is_loopback = is_loopback_host(host, is_ipv6)};
  int n = snprintf(ret_origin->text, sizeof ret_origin->text, is_ipv6 ? "%s[%.*s]%s" : "%s%.*s%s",
                   parts->is_https ? "https://" : "http://", STR_ARG(host), port_text);
  for (int i = 0; i < n; i++) ret_origin->text[i] = lower(ret_origin->text[i]);
  return 0;
}

int origin_parse(struct str text, struct origin *ret_origin, struct err *err) {
  struct str rest = text;
  struct parts parts = {0};
  struct origin origin;
  if (!take_scheme(&rest, &parts.is_https))
    return err_set(err, "\"%.*s\" is no origin: it must begin with https:// or http://", STR_ARG(text));
  if (rest.n > 0 && rest.p[rest.n - 1] == '/') rest.n--;
  if (read_origin(&parts, rest, &origin) != 0)
    return err_set(err, "\"%.*s\" is no origin: write scheme://host or scheme://host:port and nothing else", STR_ARG(text));
  *ret_origin = origin;
  return 0;
}
