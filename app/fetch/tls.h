/* SPDX-License-Identifier: Apache-2.0
 * tls: what curl's options cannot say about certificates, said to OpenSSL itself. */
#ifndef WEIGATE_FETCH_TLS_H
#define WEIGATE_FETCH_TLS_H

#include "base/err.h"
#include "base/text.h"

/* Tries to load the CA file as OpenSSL would for a connection, and that curl here is one built on OpenSSL; ca_file NULL: only the
 * latter. Before threads start. */
int tls_check(const char *ca_file, struct err *err);
/* Lets the SSL_CTX accept only certificates whose alternative names hold the host: curl alone would also look at the common name.
 * -1 without memory. Any thread. */
int tls_require_name(void *ssl_ctx, struct str host);

#endif
