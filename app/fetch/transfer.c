/* SPDX-License-Identifier: Apache-2.0
 * transfer: every option of an easy handle stands here; the loop's thread. */
#include "fetch/transfer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "fetch/address.h"
#include "fetch/sockets.h"
#include "fetch/tls.h"

/* A usual answer of WeChat's, head and all, fits in one read; curl allocates this per call in flight. */
#define RECEIVE_BUFFER_BYTES 2048L
/* Smaller than the 60 s after which busy servers drop an idle connection; a connection that is reused just then costs a repeat.
 */
#define IDLE_CONNECTION_MAX_S 30L
/* How long a connection may outlive a change of the host's address. */
#define CONNECTION_MAX_S 300L
#define DNS_CACHE_S      60L
/* The first try and one on a new connection when the reused one was dead. */
#define SENDS_MAX         2
#define RETRY_AFTER_MAX_S 3600

static size_t take_body(char *bytes, size_t size, size_t count, void *arg) {
  struct fetch_call *call = arg;
  buf_add(&call->reply->body, bytes, size * count);
  return call->reply->body.failed ? 0 : size * count;
}

static size_t take_header(char *bytes, size_t size, size_t count, void *arg) {
  struct fetch_call *call = arg;
  struct str line = str_make(bytes, size * count);
  static const struct str encoding = {"Content-Encoding:", 17};
  call->header_bytes += line.n;
  if (str_starts_nocase(line, encoding)) {
    struct str value = str_from(line, encoding.n);
    while (value.n > 0 && (value.p[value.n - 1] == '\n' || value.p[value.n - 1] == '\r')) value.n--;
    value = str_trim(value);
    call->is_encoded = value.n > 0 && !str_eq_nocase(value, STR("identity"));
  }
  return call->is_encoded || call->header_bytes > FETCH_HEADERS_MAX_BYTES ? 0 : line.n;
}

/* Called on every connection right before the request is written, so that a count of 0 proves that nothing was sent. */
static int count_send(void *arg, char *peer, char *local, int peer_port, int local_port) {
  struct fetch_call *call = arg;
  (void)peer, (void)local, (void)peer_port, (void)local_port;
  return ++call->sent_count > SENDS_MAX ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address) {
  struct fetch_call *call = arg;
  if (purpose != CURLSOCKTYPE_IPCXN || (!call->allow_private && address_is_private(&address->addr))) {
    call->was_refused_address = true;
    return CURL_SOCKET_BAD;
  }
  int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
  if (fd < 0) return CURL_SOCKET_BAD;
  if (sockets_add(&call->fetch->sockets, call->lane, fd) != 0) {
    close(fd);
    return CURL_SOCKET_BAD;
  }
  call->lane->sockets_count++;
  return fd;
}

static int close_socket(void *arg, curl_socket_t fd) {
  struct lane *lane = arg;
  lane->sockets_count--;
  return sockets_close(&lane->fetch->sockets, fd);
}

static CURLcode prepare_tls(CURL *easy, void *ssl_ctx, void *arg) {
  struct fetch_call *call = arg;
  (void)easy;
  return tls_require_name(ssl_ctx, call->lane->host) == 0 ? CURLE_OK : CURLE_OUT_OF_MEMORY;
}

#define SET(option, value) failed |= curl_easy_setopt(easy, option, value)

/* What is the same for whoever calls: nothing from the environment, no redirects, strict TLS. */
CURLcode transfer_set_rules(CURL *easy, const char *ca_file, struct curl_slist *headers, uint64_t connect_timeout_ms) {
  CURLcode failed = CURLE_OK;
  SET(CURLOPT_NOSIGNAL, 1L);
  SET(CURLOPT_QUICK_EXIT, 1L); /* leaving a call never waits for its resolver thread */
  SET(CURLOPT_PROXY, "");
  SET(CURLOPT_NOPROXY, "*");
  SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
  SET(CURLOPT_PROTOCOLS_STR, "http,https");
  SET(CURLOPT_REDIR_PROTOCOLS_STR, "https");
  SET(CURLOPT_FOLLOWLOCATION, 0L);
  SET(CURLOPT_HTTPGET, 1L);
  SET(CURLOPT_HTTP09_ALLOWED, 0L);
  SET(CURLOPT_HTTPHEADER, headers);
  SET(CURLOPT_USERAGENT, "weigate");
  SET(CURLOPT_MAXFILESIZE, (long)FETCH_BODY_MAX_BYTES);
  SET(CURLOPT_CONNECTTIMEOUT_MS, (long)connect_timeout_ms);
  SET(CURLOPT_SSL_VERIFYPEER, 1L);
  SET(CURLOPT_SSL_VERIFYHOST, 2L);
  SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
  if (ca_file) {
    SET(CURLOPT_CAINFO, ca_file);
    SET(CURLOPT_CAPATH, NULL); /* with a folder too curl would read the whole file again for each connection */
  }
  return failed;
}

/* What is the same for every call in the loop. */
static CURLcode set_constant_options(CURL *easy, const struct fetch *fetch) {
  CURLcode failed = transfer_set_rules(easy, fetch->ca_file, fetch->headers, fetch->settings.connect_timeout_ms);
  SET(CURLOPT_BUFFERSIZE, RECEIVE_BUFFER_BYTES);
  SET(CURLOPT_MAXAGE_CONN, IDLE_CONNECTION_MAX_S);
  SET(CURLOPT_MAXLIFETIME_CONN, CONNECTION_MAX_S);
  SET(CURLOPT_DNS_CACHE_TIMEOUT, DNS_CACHE_S);
  SET(CURLOPT_WRITEFUNCTION, take_body);
  SET(CURLOPT_HEADERFUNCTION, take_header);
  SET(CURLOPT_PREREQFUNCTION, count_send);
  SET(CURLOPT_OPENSOCKETFUNCTION, open_socket);
  SET(CURLOPT_CLOSESOCKETFUNCTION, close_socket);
  SET(CURLOPT_SSL_CTX_FUNCTION, prepare_tls);
  return failed;
}

static CURLcode set_call_options(CURL *easy, struct fetch_call *call) {
  CURLcode failed = CURLE_OK;
  SET(CURLOPT_URL, call->url);
  SET(CURLOPT_HTTP_VERSION, call->lane->is_tls ? (long)CURL_HTTP_VERSION_2TLS : (long)CURL_HTTP_VERSION_1_1);
  SET(CURLOPT_PIPEWAIT, call->lane->is_tls ? 1L : 0L); /* one handshake tells whether the host speaks HTTP/2 */
  SET(CURLOPT_PRIVATE, call);
  SET(CURLOPT_ERRORBUFFER, call->curl_error);
  SET(CURLOPT_WRITEDATA, call);
  SET(CURLOPT_HEADERDATA, call);
  SET(CURLOPT_PREREQDATA, call);
  SET(CURLOPT_OPENSOCKETDATA, call);
  SET(CURLOPT_CLOSESOCKETDATA, call->lane); /* the socket outlives the call */
  SET(CURLOPT_SSL_CTX_DATA, call);
#undef SET
  return failed;
}

static CURL *take_handle(struct fetch *fetch) {
  if (fetch->idle_count > 0) return fetch->idle[--fetch->idle_count];
  CURL *easy = curl_easy_init();
  if (easy && set_constant_options(easy, fetch) == CURLE_OK) return easy;
  curl_easy_cleanup(easy);
  return NULL;
}

int transfer_open(struct fetch_call *call) {
  call->easy = take_handle(call->fetch);
  if (!call->easy) return -1;
  if (set_call_options(call->easy, call) == CURLE_OK) return 0;
  transfer_close(call);
  return -1;
}

void transfer_close(struct fetch_call *call) {
  struct fetch *fetch = call->fetch;
  curl_easy_setopt(call->easy, CURLOPT_URL, NULL); /* it holds the secret */
  curl_easy_setopt(call->easy, CURLOPT_ERRORBUFFER, NULL);
  fetch->idle[fetch->idle_count++] = call->easy; /* room for connections_max per lane, no more are ever active */
  call->easy = NULL;
}

static enum fetch_result classify(const struct fetch_call *call, CURLcode code) {
  if (code == CURLE_OK) return FETCH_ANSWERED;
  if (call->header_bytes > FETCH_HEADERS_MAX_BYTES || code == CURLE_FILESIZE_EXCEEDED) return FETCH_TOO_LARGE;
  if (call->reply->body.failed) return FETCH_TOO_LARGE;
  if (code == CURLE_OUT_OF_MEMORY && call->sent_count == 0) return FETCH_OVERLOADED;
  return call->sent_count == 0 ? FETCH_NOT_SENT : FETCH_CUT;
}

static const char *explain(const struct fetch_call *call, CURLcode code) {
  if (call->header_bytes > FETCH_HEADERS_MAX_BYTES) return "too many header bytes";
  if (call->is_encoded) return "the body is compressed although that was not accepted";
  if (call->reply->body.failed || code == CURLE_FILESIZE_EXCEEDED) return "the body is too large";
  if (call->was_refused_address && code == CURLE_COULDNT_CONNECT) return "the host's name leads to a loopback or private address";
  if (call->sent_count > SENDS_MAX) return "the connection broke twice before an answer";
  return call->curl_error[0] && code != CURLE_URL_MALFORMAT ? call->curl_error : curl_easy_strerror(code);
}

void transfer_judge(struct fetch_call *call, CURLcode code) {
  struct fetch_reply *reply = call->reply;
  long status = 0;
  curl_off_t retry_after = 0;
  reply->result = classify(call, code);
  if (reply->result != FETCH_ANSWERED) {
    call_explain(call, explain(call, code));
    return;
  }
  curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
  curl_easy_getinfo(call->easy, CURLINFO_RETRY_AFTER, &retry_after);
  reply->http_status = (int)status;
  reply->retry_after_s = retry_after < 0 ? 0 : retry_after > RETRY_AFTER_MAX_S ? RETRY_AFTER_MAX_S : (uint32_t)retry_after;
}
