/* SPDX-License-Identifier: Apache-2.0
 * process: umask, limits, environment, signals; before threads start. */
#include "master/process.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

/* LeakSanitizer attaches to its own process and needs it dumpable. */
#if defined(__SANITIZE_ADDRESS__)
#define PROCESS_DUMPABLE 1
#else
#define PROCESS_DUMPABLE 0
#endif

/* What libcurl, OpenSSL and the resolver would obey; the configuration alone decides. */
static const char *const unwanted_names[] = {
    "http_proxy",   "https_proxy",     "all_proxy",       "no_proxy",         "HTTP_PROXY",  "HTTPS_PROXY", "ALL_PROXY",
    "NO_PROXY",     "SSL_CERT_FILE",   "SSL_CERT_DIR",    "CURL_CA_BUNDLE",   "CURL_HOME",   "NETRC",       "SSLKEYLOGFILE",
    "OPENSSL_CONF", "OPENSSL_MODULES", "OPENSSL_ENGINES", "CURL_SSL_BACKEND", "HOSTALIASES", "LOCALDOMAIN", "RES_OPTIONS",
};
/* The loader has obeyed these already: nothing to undo, but an admin should know. */
static const char *const loader_names[] = {"LD_PRELOAD", "LD_LIBRARY_PATH", "LD_AUDIT"};

static void clean_environment(void) {
  for (size_t i = 0; i < sizeof unwanted_names / sizeof unwanted_names[0]; i++) {
    if (!getenv(unwanted_names[i])) continue;
    log_info("%s in the environment is ignored", unwanted_names[i]);
    unsetenv(unwanted_names[i]);
  }
  for (size_t i = 0; i < sizeof loader_names / sizeof loader_names[0]; i++)
    if (getenv(loader_names[i]))
      log_warn("%s=%s is in force: code from there runs in this process", loader_names[i], getenv(loader_names[i]));
}

static int raise_descriptors(struct err *err) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return err_set(err, "cannot read the limit of open files: %m");
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
    log_warn("cannot raise the limit of open files to %llu: %m", (unsigned long long)limit.rlim_max);
  return 0;
}

int process_check_listener(int fd, struct err *err) {
  int listening = 0, type = 0;
  socklen_t size = sizeof listening;
  bool is_socket = getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) == 0;
  size = sizeof type;
  if (is_socket && listening && getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM) return 0;
  return err_set(
      err,
      "descriptor %d is not a listening socket; weigate is started by spawn-fcgi (spawn-fcgi -s /run/weigate/weigate.sock "
      "-M 0660 -u www-data -g www-data -- weigate -c FILE) or by systemd (weigate.socket)",
      fd);
}

int process_check_user(bool as_root, struct err *err) {
  if (geteuid() != 0 || as_root) return 0;
  return err_set(
      err, "weigate does not run as root: give spawn-fcgi a user (-u www-data -g www-data), or weigate --as-root in a container "
           "without other users");
}

int process_harden(struct err *err) {
  const struct rlimit none = {0, 0};
  if (setrlimit(RLIMIT_CORE, &none) != 0) return err_set(err, "cannot switch core dumps off: %m");
  if (prctl(PR_SET_DUMPABLE, PROCESS_DUMPABLE) != 0) return err_set(err, "cannot protect the memory from other processes: %m");
  clean_environment();
  return raise_descriptors(err);
}

int process_watch_signals(struct loop *loop, const int *signals, size_t count, struct loop_watch *watch, struct err *err) {
  sigset_t set;
  sigemptyset(&set);
  for (size_t i = 0; i < count; i++) sigaddset(&set, signals[i]);
  if (sigprocmask(SIG_BLOCK, &set, NULL) != 0) return err_set(err, "cannot block signals: %m");
  watch->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  if (watch->fd >= 0 && loop_watch_add(loop, watch, EPOLLIN) == 0) return 0;
  return err_set(err, "cannot watch signals: %m");
}

int process_next_signal(const struct loop_watch *watch) {
  struct signalfd_siginfo info;
  return read(watch->fd, &info, sizeof info) == sizeof info ? (int)info.ssi_signo : 0;
}
