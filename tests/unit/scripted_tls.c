/* SPDX-License-Identifier: Apache-2.0
 * scripted_tls: makes a CA, a certificate and an SSL_CTX. */
#include "scripted_tls.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DAY_S 86400

struct scripted_tls {
  SSL_CTX *ctx;
  char ca_file[32];
};

static void check(bool is_good) {
  if (!is_good) abort();
}

static void add_extension(X509 *certificate, X509 *issuer, int nid, const char *value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
  X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
  check(extension && X509_add_ext(certificate, extension, -1));
  X509_EXTENSION_free(extension);
}

/* A certificate for the key, not signed yet. */
static X509 *begin_certificate(EVP_PKEY *key, const char *common_name, long serial, int days_from_now, int days_valid) {
  X509 *certificate = X509_new();
  check(certificate && X509_set_version(certificate, 2) && ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial));
  X509_gmtime_adj(X509_getm_notBefore(certificate), (long)days_from_now * DAY_S - 3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate), (long)(days_from_now + days_valid) * DAY_S);
  check(X509_set_pubkey(certificate, key));
  check(X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC, (const unsigned char *)common_name, -1,
                                   -1, 0));
  return certificate;
}

static X509 *make_ca(EVP_PKEY *key) {
  X509 *ca = begin_certificate(key, "scripted CA", 1, 0, 1);
  check(X509_set_issuer_name(ca, X509_get_subject_name(ca)));
  add_extension(ca, ca, NID_basic_constraints, "critical,CA:TRUE");
  add_extension(ca, ca, NID_key_usage, "critical,keyCertSign,cRLSign");
  check(X509_sign(ca, key, EVP_sha256()));
  return ca;
}

static X509 *make_leaf(const struct tls_identity *identity, EVP_PKEY *key, X509 *ca, EVP_PKEY *ca_key) {
  X509 *leaf = begin_certificate(key, identity->common_name ? identity->common_name : "scripted", 2, identity->days_from_now,
                                 identity->days_valid);
  X509 *issuer = identity->is_self_signed ? leaf : ca;
  check(X509_set_issuer_name(leaf, X509_get_subject_name(issuer)));
  if (identity->alt_name) add_extension(leaf, issuer, NID_subject_alt_name, identity->alt_name);
  check(X509_sign(leaf, identity->is_self_signed ? key : ca_key, EVP_sha256()));
  return leaf;
}

static void write_ca(struct scripted_tls *tls, X509 *ca) {
  memcpy(tls->ca_file, "/tmp/scripted-ca-XXXXXX", sizeof "/tmp/scripted-ca-XXXXXX");
  int fd = mkstemp(tls->ca_file);
  FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
  check(file && PEM_write_X509(file, ca) && fclose(file) == 0);
}

static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_size, const unsigned char *in,
                           unsigned in_size, void *arg) {
  static const unsigned char h2[] = {2, 'h', '2'};
  (void)ssl, (void)arg;
  return SSL_select_next_proto((unsigned char **)out, out_size, h2, sizeof h2, in, in_size) == OPENSSL_NPN_NEGOTIATED
             ? SSL_TLSEXT_ERR_OK
             : SSL_TLSEXT_ERR_NOACK;
}

struct scripted_tls *scripted_tls_new(const struct tls_identity *identity) {
  struct scripted_tls *tls = calloc(1, sizeof *tls);
  EVP_PKEY *ca_key = EVP_EC_gen("P-256"), *key = EVP_EC_gen("P-256");
  check(tls && ca_key && key);
  X509 *ca = make_ca(ca_key), *leaf = make_leaf(identity, key, ca, ca_key);
  write_ca(tls, ca);
  tls->ctx = SSL_CTX_new(TLS_server_method());
  check(tls->ctx && SSL_CTX_use_certificate(tls->ctx, leaf) == 1 && SSL_CTX_use_PrivateKey(tls->ctx, key) == 1);
  if (identity->speaks_h2) SSL_CTX_set_alpn_select_cb(tls->ctx, choose_protocol, NULL);
  X509_free(ca);
  X509_free(leaf);
  EVP_PKEY_free(ca_key);
  EVP_PKEY_free(key);
  return tls;
}

void scripted_tls_free(struct scripted_tls *tls) {
  unlink(tls->ca_file);
  SSL_CTX_free(tls->ctx);
  free(tls);
}

void *scripted_tls_context(struct scripted_tls *tls) {
  return tls->ctx;
}

const char *scripted_tls_ca_file(const struct scripted_tls *tls) {
  return tls->ca_file;
}
