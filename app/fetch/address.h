/* SPDX-License-Identifier: Apache-2.0
 * address: which peers a call may be made to. Pure. */
#ifndef WEIGATE_FETCH_ADDRESS_H
#define WEIGATE_FETCH_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>

#include "base/text.h"

/* True for addresses of this machine and of networks that the public internet does not route: loopback, RFC 1918, shared
 * (100.64/10), link-local, unique local, multicast, unspecified, and IPv6 forms that carry such an IPv4 address. Unknown families
 * are private. Any thread. */
bool address_is_private(const struct sockaddr *address);
/* True for a host as it stands in a URL that can only mean this machine: "localhost", 127.0.0.0/8, "[::1]". Any thread. */
bool address_is_loopback_host(struct str host);

/* The parts of an http or https URL that say where a call goes; slices of the URL. */
struct address_target {
  struct str origin; /* "https://api.weixin.qq.com" or with a port */
  struct str host;   /* without port; IPv6 in brackets */
  struct str rest;   /* from the path on, may be empty */
  bool is_tls;
};
/* -1 when it is no http(s) URL, has no host, holds a user name, a blank or a control byte, or a port that is no number. Any
 * thread. */
int address_parse_url(struct str url, struct address_target *ret_target);

#endif
