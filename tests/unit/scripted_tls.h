/* SPDX-License-Identifier: Apache-2.0
 * scripted_tls: certificates made for one test each, good and bad ones, for the TLS side of scripted_server.
 *
 *   struct tls_identity identity = {.alt_name = "DNS:api.test", .days_valid = 1};
 *   struct scripted_tls *tls = scripted_tls_new(&identity);
 *   server = scripted_server_start(script, scripted_tls_context(tls));   // a client trusts it through scripted_tls_ca_file(tls)
 *   scripted_tls_free(tls);                                              // removes the file */
#ifndef WEIGATE_SCRIPTED_TLS_H
#define WEIGATE_SCRIPTED_TLS_H

#include <stdbool.h>

struct tls_identity {
  const char *alt_name;    /* "DNS:api.test", "IP:127.0.0.1"; NULL: none */
  const char *common_name; /* NULL: "scripted" */
  int days_from_now;       /* when it becomes valid; usually 0 (an hour ago) */
  int days_valid;          /* negative with a negative days_from_now: expired */
  bool is_self_signed;     /* by itself, not by the CA that the client trusts */
  bool speaks_h2;          /* ALPN */
};

struct scripted_tls;

struct scripted_tls *scripted_tls_new(const struct tls_identity *identity);
void scripted_tls_free(struct scripted_tls *tls);
/* An SSL_CTX. */
void *scripted_tls_context(struct scripted_tls *tls);
const char *scripted_tls_ca_file(const struct scripted_tls *tls);

#endif
