/* SPDX-License-Identifier: Apache-2.0
 * options: what the command line of weigate-sandbox says. Read-only once parsed. */
#ifndef WEIGATE_SANDBOX_OPTIONS_H
#define WEIGATE_SANDBOX_OPTIONS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"

/* WeChat's appids have 18 characters, its secrets 32; twice that is room for invented ones. */
#define APPID_BYTES  37
#define SECRET_BYTES 65
/* A site with every kind of account has three; 16 is generous. */
#define ACCOUNTS_MAX 16
#define HOSTS_MAX    16

struct account {
  char appid[APPID_BYTES], secret[SECRET_BYTES];
  bool website; /* signs in by qrconnect with snsapi_login, not by authorize */
};

struct listen_address {
  bool set, tls;
  char text[64];
  struct sockaddr_storage address;
  socklen_t address_bytes;
};

struct options {
  struct listen_address listen, https_listen;
  const char *cert_file, *key_file;
  struct account accounts[ACCOUNTS_MAX];
  size_t accounts_count;
  char hosts[HOSTS_MAX][256]; /* callback hosts; none: any loopback host, with any port */
  size_t hosts_count;
  uint64_t latency_ms, jitter_ms, idle_s, ledger_count, seed;
  bool quiet;
};

enum options_verdict { OPTIONS_RUN, OPTIONS_LEAVE, OPTIONS_WRONG };

/* Reads the arguments; --help and --version print and answer OPTIONS_LEAVE. Before threads start. */
enum options_verdict options_parse(int argc, char **argv, struct options *ret_options, struct err *err);
/* The index of an account, or -1. Any thread. */
int options_account(const struct options *options, struct str appid);

#endif
