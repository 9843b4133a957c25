/* SPDX-License-Identifier: Apache-2.0
 * look: a blocking request over libcurl for weigatectl doctor; before threads start. */
#include "fetch/look.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/scope.h"
#include "fetch/address.h"
#include "fetch/fetch.h"
#include "fetch/tls.h"
#include "fetch/transfer.h"

struct looking {
  const struct look_request *request;
  struct look *look;
  struct address_target target;
  bool was_refused_address;
  char error[CURL_ERROR_SIZE];
};

static size_t take_body(char *bytes, size_t size, size_t count, void *arg) {
  struct looking *looking = arg;
  buf_add(&looking->look->body, bytes, size * count);
  return looking->look->body.failed ? 0 : size * count;
}

static size_t take_header(char *bytes, size_t size, size_t count, void *arg) {
  struct looking *looking = arg;
  struct str line = str_make(bytes, size * count);
  char date[64];
  if (!str_starts_nocase(line, STR("Date:"))) return line.n;
  struct str value = str_from(line, 5);
  while (value.n > 0 && (value.p[value.n - 1] == '\n' || value.p[value.n - 1] == '\r')) value.n--;
  if (str_copy(str_trim(value), date, sizeof date) != 0) return line.n;
  time_t at = curl_getdate(date, NULL);
  looking->look->date_s = at > 0 ? at : 0;
  looking->look->date_read_s = clock_wall_s();
  return line.n;
}

static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address) {
  struct looking *looking = arg;
  if (purpose == CURLSOCKTYPE_IPCXN && (looking->request->allow_private || !address_is_private(&address->addr)))
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
  looking->was_refused_address = true;
  return CURL_SOCKET_BAD;
}

static CURLcode prepare_tls(CURL *easy, void *ssl_ctx, void *arg) {
  struct looking *looking = arg;
  (void)easy;
  return tls_require_name(ssl_ctx, looking->target.host) == 0 ? CURLE_OK : CURLE_OUT_OF_MEMORY;
}

static CURLcode set_options(CURL *easy, struct looking *looking, const char *url, struct curl_slist *headers) {
  const struct look_request *request = looking->request;
  const char *bundle = request->ca_file ? request->ca_file : curl_version_info(CURLVERSION_NOW)->cainfo;
  CURLcode failed = transfer_set_rules(easy, bundle, headers, request->connect_timeout_ms);
#define SET(option, value) failed |= curl_easy_setopt(easy, option, value)
  SET(CURLOPT_URL, url);
  SET(CURLOPT_TIMEOUT_MS, (long)request->timeout_ms);
  SET(CURLOPT_CERTINFO, 1L);
  SET(CURLOPT_ERRORBUFFER, looking->error);
  SET(CURLOPT_WRITEFUNCTION, take_body);
  SET(CURLOPT_WRITEDATA, looking);
  SET(CURLOPT_HEADERFUNCTION, take_header);
  SET(CURLOPT_HEADERDATA, looking);
  SET(CURLOPT_OPENSOCKETFUNCTION, open_socket);
  SET(CURLOPT_OPENSOCKETDATA, looking);
  SET(CURLOPT_SSL_CTX_FUNCTION, prepare_tls);
  SET(CURLOPT_SSL_CTX_DATA, looking);
#undef SET
  return failed;
}

/* "Expire date:Nov 24 12:00:00 2026 GMT" of the host's own certificate. */
static int64_t find_certificate_end(CURL *easy) {
  struct curl_certinfo *info = NULL;
  static const struct str name = {"Expire date:", 12};
  if (curl_easy_getinfo(easy, CURLINFO_CERTINFO, &info) != CURLE_OK || !info || info->num_of_certs < 1) return 0;
  for (const struct curl_slist *line = info->certinfo[0]; line; line = line->next) {
    if (!str_starts(str_of(line->data), name)) continue;
    time_t at = curl_getdate(line->data + name.n, NULL);
    return at > 0 ? at : 0;
  }
  return 0;
}

static uint32_t read_ms(CURL *easy, CURLINFO info) {
  curl_off_t us = 0;
  curl_easy_getinfo(easy, info, &us);
  return (uint32_t)(us / 1000);
}

static bool has_time(CURL *easy, CURLINFO info) {
  curl_off_t us = 0;
  return curl_easy_getinfo(easy, info, &us) == CURLE_OK && us > 0;
}

static enum look_step find_end(CURL *easy, const struct looking *looking, CURLcode code) {
  if (code == CURLE_OK) return LOOK_DONE;
  if (code == CURLE_COULDNT_RESOLVE_HOST || !has_time(easy, CURLINFO_NAMELOOKUP_TIME_T)) return LOOK_NAME;
  if (code == CURLE_PEER_FAILED_VERIFICATION) return LOOK_CERTIFICATE;
  if (code == CURLE_COULDNT_CONNECT || !has_time(easy, CURLINFO_CONNECT_TIME_T)) return LOOK_CONNECT;
  return looking->target.is_tls && !has_time(easy, CURLINFO_APPCONNECT_TIME_T) ? LOOK_TLS : LOOK_ANSWER;
}

static void explain(const struct looking *looking, CURLcode code) {
  const char *words = looking->was_refused_address && code == CURLE_COULDNT_CONNECT
                          ? "the name leads to a loopback or private address"
                      : looking->error[0] && code != CURLE_URL_MALFORMAT ? looking->error
                                                                         : curl_easy_strerror(code);
  snprintf(looking->look->problem, sizeof looking->look->problem, "%s", words);
}

static void learn(CURL *easy, const struct looking *looking, CURLcode code) {
  struct look *look = looking->look;
  long status = 0;
  char *address = NULL;
  look->ended_at = find_end(easy, looking, code);
  look->name_ms = read_ms(easy, CURLINFO_NAMELOOKUP_TIME_T);
  look->connect_ms = read_ms(easy, CURLINFO_CONNECT_TIME_T);
  look->tls_ms = read_ms(easy, CURLINFO_APPCONNECT_TIME_T);
  look->answer_ms = read_ms(easy, CURLINFO_TOTAL_TIME_T);
  look->certificate_ends_s = looking->target.is_tls ? find_certificate_end(easy) : 0;
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  look->http_status = (int)status;
  curl_easy_getinfo(easy, CURLINFO_PRIMARY_IP, &address);
  snprintf(look->address, sizeof look->address, "%s", address ? address : "");
  if (code != CURLE_OK) explain(looking, code);
}

void look_run(const struct look_request *request, struct look *ret_look) {
  *ret_look = (struct look){.ended_at = LOOK_NAME};
  struct looking looking = {.request = request, .look = ret_look};
  buf_init(&ret_look->body, FETCH_BODY_MAX_BYTES);
  SCOPE_FREE char *url = str_dup(request->url);
  CURL *easy = curl_easy_init();
  struct curl_slist *headers = curl_slist_append(NULL, "Accept-Encoding: identity");
  if (!url || !easy || !headers || address_parse_url(request->url, &looking.target) != 0 ||
      set_options(easy, &looking, url, headers) != CURLE_OK)
    snprintf(ret_look->problem, sizeof ret_look->problem, "out of memory, or no address that could be asked");
  else
    learn(easy, &looking, curl_easy_perform(easy));
  curl_easy_cleanup(easy);
  curl_slist_free_all(headers);
  if (url) explicit_bzero(url, request->url.n);
}

void look_done(struct look *look) {
  buf_done(&look->body);
}
