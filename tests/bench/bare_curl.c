/* SPDX-License-Identifier: Apache-2.0
 * bare_curl: the yardstick of the sign-in benchmark: the least that a program over libfcgi, epoll and curl_multi can do. Takes
 * ?code=, makes WeChat's two calls and answers 204; nothing is checked, sealed or stored. One thread; descriptor 0 is the
 * listening socket (API_URL=… APPID=… APPSECRET=… [CA_FILE=…] spawn-fcgi … -- ./bare_curl). */
#include <curl/curl.h>
#include <fcgiapp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* Largest descriptor number served: 1,024 sign-ins with a connection on either side, and those that are just closing. */
enum { FD_MAX = 8192 };
/* As many as weigate keeps; a profile has about 1 KiB. */
#define CONNECTIONS_MAX  1024L
#define ANSWER_MAX_BYTES 8192
#define URL_MAX_BYTES    2048

struct signin {
  FCGX_Request request;
  CURL *easy;
  bool is_busy, is_gone, has_token;
  size_t answer_bytes;
  char answer[ANSWER_MAX_BYTES];
};

static struct signin *signins[FD_MAX];
static bool is_curl[FD_MAX];
static int epoll_fd;
static long long due_ms = -1; /* when curl wants to be called; -1: never */
static CURLM *multi;
static const char *api_url, *appid, *secret, *ca_file;

/* --- WeChat's side ------------------------------------------------------------------------------------------------------------
 */

static size_t take_body(char *bytes, size_t size, size_t count, void *arg) {
  struct signin *signin = arg;
  size_t n = size * count;
  if (n >= ANSWER_MAX_BYTES - signin->answer_bytes) return 0;
  memcpy(signin->answer + signin->answer_bytes, bytes, n);
  signin->answer_bytes += n;
  signin->answer[signin->answer_bytes] = '\0';
  return n;
}

static CURL *new_easy(struct signin *signin) {
  CURL *easy = curl_easy_init();
  curl_easy_setopt(easy, CURLOPT_PRIVATE, signin);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, signin);
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
  curl_easy_setopt(easy, CURLOPT_PIPEWAIT, 1L);
  if (ca_file) {
    curl_easy_setopt(easy, CURLOPT_CAINFO, ca_file);
    curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
  }
  return easy;
}

static void call(struct signin *signin, const char *url) {
  signin->answer_bytes = 0;
  curl_easy_setopt(signin->easy, CURLOPT_URL, url);
  curl_multi_add_handle(multi, signin->easy);
}

/* The text member of that name, without unescaping: ids and tokens hold nothing to unescape. */
static bool find_member(const char *answer, const char *name, char *to, size_t size) {
  char quoted[64];
  snprintf(quoted, sizeof quoted, "\"%s\":\"", name);
  const char *found = strstr(answer, quoted);
  if (!found) return false;
  found += strlen(quoted);
  size_t n = strcspn(found, "\"");
  if (n >= size) return false;
  memcpy(to, found, n);
  to[n] = '\0';
  return true;
}

/* --- nginx' side --------------------------------------------------------------------------------------------------------------
 */

static void watch(int fd, uint32_t events) {
  struct epoll_event event = {.events = events, .data.fd = fd};
  epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

static void open_connection(void) {
  int fd = accept(0, NULL, NULL);
  if (fd < 0) return;
  if (fd >= FD_MAX || (!signins[fd] && !(signins[fd] = calloc(1, sizeof **signins)))) {
    close(fd);
    return;
  }
  struct signin *signin = signins[fd];
  signin->is_busy = signin->is_gone = false;
  is_curl[fd] = false;
  if (!signin->easy) signin->easy = new_easy(signin);
  FCGX_InitRequest(&signin->request, -1, 0);
  watch(fd, EPOLLIN | EPOLLET);
}

static void answer(struct signin *signin, const char *reply) {
  FCGX_Request *request = &signin->request;
  FCGX_PutStr(reply, (int)strlen(reply), request->out);
  FCGX_FClose(request->err);
  FCGX_FClose(request->out);
  FCGX_Free(request, 0);
  signin->is_busy = false;
  if (!request->keepConnection || signin->is_gone) close(request->ipcFd);
}

/* The hand-over: libfcgi takes a connection that is open already, and closes it itself when its read fails. */
static void begin(int fd) {
  char url[URL_MAX_BYTES];
  struct signin *signin = signins[fd];
  if (signin->is_busy) {
    signin->is_gone = true;
    return;
  }
  signin->request.ipcFd = fd;
  signin->request.keepConnection = 1;
  if (FCGX_Accept_r(&signin->request) != 0) return;
  signin->is_busy = true;
  signin->has_token = false;
  const char *query = FCGX_GetParam("QUERY_STRING", signin->request.envp);
  snprintf(url, sizeof url, "%s/sns/oauth2/access_token?appid=%s&secret=%s&%s&grant_type=authorization_code", api_url, appid,
           secret, query ? query : "");
  call(signin, url);
}

/* --- both together ------------------------------------------------------------------------------------------------------------
 */

static void go_on(struct signin *signin, CURLcode result) {
  char token[600], openid[200], url[URL_MAX_BYTES];
  if (signin->has_token) {
    bool is_profile = result == CURLE_OK && strstr(signin->answer, "\"nickname\"");
    answer(signin, is_profile ? "Status: 204 No Content\r\n\r\n" : "Status: 502 Bad Gateway\r\n\r\n");
    return;
  }
  if (result != CURLE_OK || !find_member(signin->answer, "access_token", token, sizeof token) ||
      !find_member(signin->answer, "openid", openid, sizeof openid)) {
    answer(signin, "Status: 502 Bad Gateway\r\n\r\n");
    return;
  }
  signin->has_token = true;
  snprintf(url, sizeof url, "%s/sns/userinfo?access_token=%s&openid=%s&lang=zh_CN", api_url, token, openid);
  call(signin, url);
}

static void run_curl(curl_socket_t fd, int events) {
  int running, left;
  curl_multi_socket_action(multi, fd, events, &running);
  for (CURLMsg *message; (message = curl_multi_info_read(multi, &left));) {
    struct signin *signin = NULL;
    CURLcode result = message->data.result;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&signin);
    curl_multi_remove_handle(multi, signin->easy);
    go_on(signin, result);
  }
}

static int watch_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg) {
  struct epoll_event event = {.events = (what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u),
                              .data.fd = fd};
  (void)easy, (void)arg;
  if (fd >= FD_MAX) return -1;
  if (what == CURL_POLL_REMOVE) {
    epoll_ctl(epoll_fd, EPOLL_CTL_DEL, fd, NULL);
    return 0;
  }
  epoll_ctl(epoll_fd, socket_arg ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event);
  is_curl[fd] = true;
  curl_multi_assign(multi, fd, &is_curl[fd]);
  return 0;
}

static long long now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static int set_timeout(CURLM *of, long ms, void *arg) {
  (void)of, (void)arg;
  due_ms = ms < 0 ? -1 : now_ms() + ms;
  return 0;
}

static void make_multi(void) {
  multi = curl_multi_init();
  curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
  curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, set_timeout);
  curl_multi_setopt(multi, CURLMOPT_MAX_HOST_CONNECTIONS, CONNECTIONS_MAX);
  curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, CONNECTIONS_MAX);
}

static void serve(const struct epoll_event *event) {
  int fd = event->data.fd;
  if (fd == 0)
    open_connection();
  else if (is_curl[fd])
    run_curl(fd, (event->events & EPOLLIN ? CURL_CSELECT_IN : 0) | (event->events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
                     (event->events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0));
  else
    begin(fd);
}

static const char *need(const char *name) {
  const char *value = getenv(name);
  if (value) return value;
  fprintf(stderr, "bare_curl: %s is not set\n", name);
  exit(2);
}

int main(void) {
  struct rlimit limit;
  api_url = need("API_URL"), appid = need("APPID"), secret = need("APPSECRET"), ca_file = getenv("CA_FILE");
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
  }
  epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  FCGX_Init();
  curl_global_init(CURL_GLOBAL_DEFAULT);
  make_multi();
  signal(SIGPIPE, SIG_IGN);
  signal(SIGTERM, SIG_DFL);
  watch(0, EPOLLIN);
  for (;;) {
    struct epoll_event events[256];
    long long left_ms = due_ms < 0 ? -1 : due_ms - now_ms();
    int n = epoll_wait(epoll_fd, events, 256, due_ms >= 0 && left_ms < 0 ? 0 : (int)left_ms);
    for (int i = 0; i < n; i++) serve(&events[i]);
    if (due_ms >= 0 && due_ms <= now_ms()) {
      due_ms = -1;
      run_curl(CURL_SOCKET_TIMEOUT, 0);
    }
  }
}
