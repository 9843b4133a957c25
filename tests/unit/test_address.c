/* SPDX-License-Identifier: Apache-2.0
 * test_address: which peers are private, and how a URL is taken apart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "fetch/address.h"

static bool is_private(const char *text) {
  union {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
  } peer = {0};
  if (inet_pton(AF_INET, text, &peer.v4.sin_addr) == 1) {
    peer.v4.sin_family = AF_INET;
  } else {
    assert_int_equal(inet_pton(AF_INET6, text, &peer.v6.sin6_addr), 1);
    peer.v6.sin6_family = AF_INET6;
  }
  return address_is_private(&peer.any);
}

static void addresses_of_this_machine_and_network_are_private(void **state) {
  (void)state;
  static const char *const texts[] = {
      "127.0.0.1",
      "127.255.255.254",
      "0.0.0.0",
      "10.0.0.1",
      "172.16.0.1",
      "172.31.255.255",
      "192.168.1.1",
      "169.254.169.254",
      "100.64.0.1",
      "100.100.100.200",
      "192.0.0.8",
      "224.0.0.1",
      "255.255.255.255",
      "::",
      "::1",
      "fe80::1",
      "fec0::1",
      "fc00::1",
      "fd12::1",
      "ff02::1",
      "::ffff:10.0.0.1",
      "::127.0.0.1",
      "64:ff9b::7f00:1",
      "2002:7f00:1::1",
  };
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) assert_true(is_private(texts[i]));
}

static void public_addresses_are_not_private(void **state) {
  (void)state;
  static const char *const texts[] = {"101.226.1.1",        "172.15.255.255", "172.32.0.1",      "100.63.255.255",
                                      "100.128.0.1",        "11.0.0.1",       "192.167.255.255", "198.18.0.5",
                                      "240e:ff:f101:10::1", "2402:4e00::1",   "::ffff:8.8.8.8",  "64:ff9b::808:808",
                                      "2002:808:808::1"};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) assert_false(is_private(texts[i]));
}

static void unknown_families_are_private(void **state) {
  (void)state;
  struct sockaddr peer = {.sa_family = AF_UNIX};
  assert_true(address_is_private(&peer));
}

static void loopback_hosts_are_known_by_name(void **state) {
  (void)state;
  assert_true(address_is_loopback_host(STR("localhost")));
  assert_true(address_is_loopback_host(STR("LOCALHOST")));
  assert_true(address_is_loopback_host(STR("127.0.0.1")));
  assert_true(address_is_loopback_host(STR("127.9.9.9")));
  assert_true(address_is_loopback_host(STR("[::1]")));
  assert_false(address_is_loopback_host(STR("localhost.evil.example")));
  assert_false(address_is_loopback_host(STR("127.0.0.1.evil.example")));
  assert_false(address_is_loopback_host(STR("2130706433")));
  assert_false(address_is_loopback_host(STR("127.1")));
  assert_false(address_is_loopback_host(STR("10.0.0.1")));
  assert_false(address_is_loopback_host(STR("")));
}

static void url_is_taken_apart(void **state) {
  (void)state;
  struct address_target target;
  assert_int_equal(address_parse_url(STR("https://api.weixin.qq.com:8443/sns?x=1:2/3"), &target), 0);
  assert_true(str_eq(target.origin, STR("https://api.weixin.qq.com:8443")));
  assert_true(str_eq(target.host, STR("api.weixin.qq.com")));
  assert_true(str_eq(target.rest, STR("/sns?x=1:2/3")));
  assert_true(target.is_tls);
  assert_int_equal(address_parse_url(STR("http://[::1]:8080"), &target), 0);
  assert_true(str_eq(target.host, STR("[::1]")));
  assert_true(str_eq(target.rest, STR("")));
  assert_false(target.is_tls);
}

static void odd_urls_are_refused(void **state) {
  (void)state;
  static const char *const urls[] = {"",
                                     "https",
                                     "https://",
                                     "https:///path",
                                     "https://:443/",
                                     "HTTPS://x/",
                                     "ftp://x/",
                                     "//x/",
                                     "https://user@x/",
                                     "https://user:pw@x/",
                                     "https://x:/",
                                     "https://x:0/",
                                     "https://x:65536/",
                                     "https://x:8o/",
                                     "https://x y/",
                                     "https://x\\y/",
                                     "https://x/\r\n",
                                     "https://\xC3\xA9/",
                                     "https://[::1/",
                                     "https://[::1]x/"};
  struct address_target target;
  for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) assert_int_equal(address_parse_url(str_of(urls[i]), &target), -1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(addresses_of_this_machine_and_network_are_private),
      cmocka_unit_test(public_addresses_are_not_private),
      cmocka_unit_test(unknown_families_are_private),
      cmocka_unit_test(loopback_hosts_are_known_by_name),
      cmocka_unit_test(url_is_taken_apart),
      cmocka_unit_test(odd_urls_are_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
