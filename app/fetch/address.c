/* SPDX-License-Identifier: Apache-2.0
 * address: judges peers and takes URLs apart as far as that needs; any thread. */
#include "fetch/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

struct network {
  uint32_t address;
  unsigned bits;
};

/* 198.18.0.0/15 is left out: it is routed nowhere either, but resolvers of common proxies on developers' machines answer with it,
 * and TLS still decides who is there. */
static const struct network private_networks[] = {
    {0x00000000, 8},  /* this network */
    {0x0a000000, 8},  /* private */
    {0x64400000, 10}, /* shared; some clouds keep their metadata there */
    {0x7f000000, 8},  /* loopback */
    {0xa9fe0000, 16}, /* link-local */
    {0xac100000, 12}, /* private */
    {0xc0000000, 24}, /* protocol assignments */
    {0xc0a80000, 16}, /* private */
    {0xe0000000, 3},  /* multicast, reserved, broadcast */
};

static bool is_private_v4(uint32_t address) {
  for (size_t i = 0; i < sizeof private_networks / sizeof *private_networks; i++) {
    const struct network *network = &private_networks[i];
    if ((address ^ network->address) >> (32 - network->bits) == 0) return true;
  }
  return false;
}

static uint32_t read_v4(const uint8_t *bytes) {
  return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static bool is_private_v6(const uint8_t b[16]) {
  static const uint8_t zeros[12], nat64[12] = {0x00, 0x64, 0xff, 0x9b}, mapped[12] = {[10] = 0xff, [11] = 0xff};
  if (memcmp(b, zeros, 12) == 0 || memcmp(b, mapped, 12) == 0 || memcmp(b, nat64, 12) == 0)
    return is_private_v4(read_v4(b + 12));                                /* ::, ::1 and ::a.b.c.d among them */
  if (b[0] == 0x20 && b[1] == 0x02) return is_private_v4(read_v4(b + 2)); /* 6to4 */
  return (b[0] & 0xfe) == 0xfc || (b[0] == 0xfe && b[1] >= 0x80) || b[0] == 0xff;
}

bool address_is_private(const struct sockaddr *address) {
  if (address->sa_family == AF_INET) {
    struct sockaddr_in v4;
    memcpy(&v4, address, sizeof v4);
    return is_private_v4(ntohl(v4.sin_addr.s_addr));
  }
  if (address->sa_family == AF_INET6) {
    struct sockaddr_in6 v6;
    memcpy(&v6, address, sizeof v6);
    return is_private_v6(v6.sin6_addr.s6_addr);
  }
  return true;
}

bool address_is_loopback_host(struct str host) {
  char text[INET_ADDRSTRLEN];
  struct in_addr v4;
  if (str_eq_nocase(host, STR("localhost")) || str_eq(host, STR("[::1]"))) return true;
  if (str_copy(host, text, sizeof text) != 0 || inet_pton(AF_INET, text, &v4) != 1) return false;
  return ntohl(v4.s_addr) >> 24 == 127;
}

static bool is_plain(struct str url) {
  for (size_t i = 0; i < url.n; i++) {
    unsigned char c = (unsigned char)url.p[i];
    if (c <= 0x20 || c >= 0x7f || c == '\\') return false;
  }
  return true;
}

/* Where the host ends in "host", "host:port", "[v6]:port"; 0 when it is none. */
static size_t find_host_end(struct str authority) {
  size_t n = 0;
  if (authority.n > 0 && authority.p[0] == '[') {
    while (n < authority.n && authority.p[n] != ']') n++;
    return n < authority.n ? n + 1 : 0;
  }
  while (n < authority.n && authority.p[n] != ':') n++;
  return n;
}

static size_t find_authority_end(struct str s) {
  size_t n = 0;
  while (n < s.n && !memchr("/?#", s.p[n], 3)) n++;
  return n;
}

int address_parse_url(struct str url, struct address_target *ret_target) {
  struct address_target target = {.is_tls = str_starts(url, STR("https://"))};
  size_t scheme = target.is_tls ? 8 : 7;
  uint64_t port;
  if ((!target.is_tls && !str_starts(url, STR("http://"))) || !is_plain(url)) return -1;
  struct str authority = str_from(url, scheme);
  authority.n = find_authority_end(authority);
  target.host = str_make(authority.p, find_host_end(authority));
  if (target.host.n == 0 || str_has(authority, '@')) return -1;
  struct str tail = str_from(authority, target.host.n);
  if (tail.n > 0 && (tail.p[0] != ':' || text_parse_u64(str_from(tail, 1), 65535, &port) != 0 || port == 0)) return -1;
  target.origin = str_make(url.p, scheme + authority.n);
  target.rest = str_from(url, target.origin.n);
  *ret_target = target;
  return 0;
}
