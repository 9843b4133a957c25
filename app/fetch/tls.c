/* SPDX-License-Identifier: Apache-2.0
 * tls: CA file check at start and the strict host name rule of each connection; the loop's thread. */
#include "fetch/tls.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

/* Longest DNS name plus a terminator. */
#define HOST_MAX_BYTES 256

static int load_ca_file(const char *ca_file, struct err *err) {
  X509_STORE *store = X509_STORE_new();
  if (!store) return err_set(err, "ca_file %s: out of memory", ca_file);
  ERR_clear_error();
  int loaded = X509_STORE_load_file(store, ca_file);
  unsigned long code = ERR_peek_error();
  const char *reason = ERR_GET_LIB(code) == ERR_LIB_SYS ? NULL : ERR_reason_error_string(code);
  X509_STORE_free(store);
  ERR_clear_error();
  if (loaded == 1) return 0;
  return err_set(
      err,
      "ca_file %s: no certificate could be read from it (%s); it must be a PEM file of CA certificates that weigate may read",
      ca_file, reason ? reason : "it cannot be opened");
}

int tls_check(const char *ca_file, struct err *err) {
  const curl_version_info_data *info = curl_version_info(CURLVERSION_NOW);
  if (!info->ssl_version || !str_starts(str_of(info->ssl_version), STR("OpenSSL/")))
    return err_set(err, "this libcurl is built on %s; weigate needs the OpenSSL flavour (Debian: libcurl4)",
                   info->ssl_version ? info->ssl_version : "no TLS library");
  return ca_file ? load_ca_file(ca_file, err) : 0;
}

int tls_require_name(void *ssl_ctx, struct str host) {
  X509_VERIFY_PARAM *param = SSL_CTX_get0_param(ssl_ctx);
  char name[HOST_MAX_BYTES];
  uint8_t address[16];
  bool is_v6 = host.n > 2 && host.p[0] == '[';
  if (str_copy(is_v6 ? str_make(host.p + 1, host.n - 2) : host, name, sizeof name) != 0) return -1;
  X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  if (is_v6 || inet_pton(AF_INET, name, address) == 1) return X509_VERIFY_PARAM_set1_ip_asc(param, name) == 1 ? 0 : -1;
  return X509_VERIFY_PARAM_set1_host(param, name, 0) == 1 ? 0 : -1;
}
