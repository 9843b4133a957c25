/* SPDX-License-Identifier: Apache-2.0
 * doctor_nginx: is the shipped snippet in nginx's configuration, as this version ships it, and does the site answer as it should?
 * The program's only thread. */
#include "ctl/doctor_nginx.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/scope.h"
#include "fetch/look.h"

/* A configuration that asks a resolver for its upstreams takes as long as that does. */
#define NGINX_MAX_MS  10000
#define SITE_MAX_MS   5000
#define URL_MAX_BYTES 1024
/* Differences that are named; the rest is counted. */
#define NAMED_MAX 3

extern const char nginx_snippet[];
extern const size_t nginx_snippet_bytes;
extern char **environ;

/* --- nginx's configuration
 * ------------------------------------------------------------------------------------------------------ */

static int read_all(int fd, struct buf *out, struct err *err) {
  for (uint64_t give_up_ms = clock_mono_ms() + NGINX_MAX_MS;;) {
    struct pollfd look = {.fd = fd, .events = POLLIN};
    char block[16384];
    if (clock_mono_ms() >= give_up_ms || poll(&look, 1, NGINX_MAX_MS) == 0) return err_set(err, "it does not end");
    ssize_t n = read(fd, block, sizeof block);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return err_set(err, "%m");
    if (n == 0) return 0;
    buf_add(out, block, (size_t)n);
    if (out->failed) return err_set(err, "it is too long");
  }
}

static int spawn_nginx(int out_fd, pid_t *ret_pid) {
  static char *const argv[] = {(char *)"nginx", (char *)"-T", NULL};
  static const char *const places[] = {"/usr/sbin/nginx", "/usr/local/sbin/nginx", "/usr/local/nginx/sbin/nginx",
                                       "/usr/bin/nginx"};
  posix_spawn_file_actions_t actions;
  int failed = ENOENT;
  if (posix_spawn_file_actions_init(&actions) != 0) return -1;
  posix_spawn_file_actions_adddup2(&actions, out_fd, STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  for (size_t i = 0; i < sizeof places / sizeof places[0] && failed; i++)
    failed = access(places[i], X_OK) == 0 ? posix_spawn(ret_pid, places[i], &actions, NULL, argv, environ) : ENOENT;
  posix_spawn_file_actions_destroy(&actions);
  return failed ? -1 : 0;
}

static int ask_nginx(struct buf *out, struct err *err) {
  int ends[2], status = 0;
  pid_t pid;
  if (pipe2(ends, O_CLOEXEC) != 0) return err_set(err, "nginx -T: %m");
  int started = spawn_nginx(ends[1], &pid);
  close(ends[1]);
  int result = started == 0 ? read_all(ends[0], out, err) : err_set(err, "nginx is not on this machine");
  close(ends[0]); /* one that goes on writing ends by that */
  if (started == 0 && waitpid(pid, &status, 0) == pid && result == 0 && status != 0)
    result = err_set(err, "nginx -T fails; it takes root, and a configuration that is good (nginx -t says why)");
  return result;
}

static int read_given(const char *path, struct buf *out, struct err *err) {
  SCOPE_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0 || read_all(fd, out, err) != 0) return err_set(err, "%s: %m", path);
  return 0;
}

static int read_configuration(const struct doctor *doctor, struct nginx_text *ret_text, struct err *err) {
  SCOPE_BUF struct buf text;
  const char *path = ctl_text(doctor->ctl, CTL_NGINX);
  buf_init(&text, NGINX_TEXT_MAX_BYTES);
  if ((path ? read_given(path, &text, err) : ask_nginx(&text, err)) != 0) return -1;
  return nginx_text_parse(buf_str(&text), ret_text) == 0 ? 0 : err_set(err, "out of memory");
}

/* --- the snippet
 * ---------------------------------------------------------------------------------------------------------------- */

/* The shipped one with an account's prefix in the place of /weixin. */
static int parse_shipped(const char *prefix, struct nginx_text *ret_shipped) {
  SCOPE_BUF struct buf text;
  struct str rest = str_make(nginx_snippet, nginx_snippet_bytes);
  buf_init(&text, NGINX_TEXT_MAX_BYTES);
  for (const char *at; (at = memmem(rest.p, rest.n, "/weixin/", 8));) {
    buf_add_str(&text, str_make(rest.p, (size_t)(at - rest.p)));
    buf_add_text(&text, prefix);
    rest = str_from(rest, (size_t)(at - rest.p) + 7);
  }
  buf_add_str(&text, rest);
  return nginx_text_parse(buf_str(&text), ret_shipped);
}

struct comparison {
  const struct nginx_text *shipped, *theirs;
  struct buf named; /* what is missing, the first few */
  size_t missing;
};

static void note_missing(struct comparison *comparison, struct str what, struct str where) {
  if (comparison->missing++ >= NAMED_MAX) return;
  buf_addf(&comparison->named, "%s\"%.*s\"", comparison->named.len ? ", " : "", STR_ARG(what));
  if (where.n) buf_addf(&comparison->named, " in %.*s", STR_ARG(where));
}

/* Some block of that head has it all, or the first one's lacks are noted. */
static void compare_block(struct comparison *comparison, size_t block) {
  struct str head = comparison->shipped->all[block].text;
  size_t theirs = nginx_text_block(comparison->theirs, head, 0);
  if (theirs == NGINX_TOP) {
    note_missing(comparison, head, STR_NONE);
    return;
  }
  for (size_t i = block + 1; i < comparison->shipped->count; i++) {
    const struct nginx_directive *directive = &comparison->shipped->all[i];
    if (directive->parent == block && !nginx_text_has(comparison->theirs, theirs, directive->text))
      note_missing(comparison, directive->text, head);
  }
}

static void compare(struct comparison *comparison) {
  for (size_t i = 0; i < comparison->shipped->count; i++) {
    const struct nginx_directive *directive = &comparison->shipped->all[i];
    if (directive->is_block)
      compare_block(comparison, i);
    else if (directive->parent == NGINX_TOP && !nginx_text_has(comparison->theirs, NGINX_TOP, directive->text))
      note_missing(comparison, directive->text, STR_NONE);
  }
}

static void say_comparison(struct doctor *doctor, const struct account_settings *account, struct comparison *comparison) {
  size_t more = comparison->missing > NAMED_MAX ? comparison->missing - NAMED_MAX : 0;
  char tail[40] = "";
  if (more) snprintf(tail, sizeof tail, " and %zu more", more);
  if (comparison->missing == 0)
    doctor_say(doctor, DOCTOR_OK, "snippet", NULL, "%sthe snippet for %s is included, as this version ships it",
               doctor_about(doctor, account), account->prefix);
  else
    doctor_say(doctor, DOCTOR_WARN, "snippet", "install the shipped snippet of this version again, and nginx -s reload",
               "%sthe snippet for %s differs from the shipped one, without %s%s", doctor_about(doctor, account), account->prefix,
               buf_text(&comparison->named), tail);
}

/* The gate answers who somebody is to whoever may ask it. */
static bool check_gate(struct doctor *doctor, const struct account_settings *account, const struct nginx_text *theirs) {
  char head[200];
  snprintf(head, sizeof head, "location = %s/auth", account->prefix);
  size_t gate = nginx_text_block(theirs, str_of(head), 0);
  if (gate == NGINX_TOP) {
    doctor_say(doctor, DOCTOR_FAIL, "snippet",
               "include snippets/weigate.conf; in the site's server { }, for a further account a copy with its prefix",
               "%snginx has no %s", doctor_about(doctor, account), head);
    return false;
  }
  if (nginx_text_has(theirs, gate, STR("internal"))) return true;
  doctor_say(doctor, DOCTOR_FAIL, "gate", "put \"internal;\" into it", "%s%s can be asked from outside",
             doctor_about(doctor, account), head);
  return true;
}

static void look_at_snippets(struct doctor *doctor, const struct nginx_text *theirs) {
  for (size_t i = 0; i < doctor->conf->accounts_count; i++) {
    const struct account_settings *account = &doctor->conf->accounts[i];
    struct nginx_text shipped;
    if (!doctor_means(doctor, account) || !check_gate(doctor, account, theirs)) continue;
    if (parse_shipped(account->prefix, &shipped) != 0) return;
    struct comparison comparison = {.shipped = &shipped, .theirs = theirs};
    buf_init(&comparison.named, 4096);
    compare(&comparison);
    say_comparison(doctor, account, &comparison);
    buf_done(&comparison.named);
    nginx_text_done(&shipped);
  }
}

/* --- the site
 * ------------------------------------------------------------------------------------------------------------------- */

static void look_at_path(const struct account_settings *account, const char *path, struct look *ret_look) {
  SCOPE_BUF struct buf url;
  buf_init(&url, URL_MAX_BYTES);
  buf_addf(&url, "%s%s%s", account->public_url.text, account->prefix, path);
  look_run(&(struct look_request){.url = buf_str(&url),
                                  .allow_private = true,
                                  .connect_timeout_ms = account->connect_timeout_ms,
                                  .timeout_ms = SITE_MAX_MS},
           ret_look);
}

static void say_site(struct doctor *doctor, const struct account_settings *account, const struct look *look) {
  const char *site = account->public_url.text, *prefix = account->prefix;
  bool is_certificate = look->ended_at == LOOK_CERTIFICATE || look->ended_at == LOOK_TLS;
  bool is_ours = look->http_status == 401 && str_contains_nocase(buf_str(&look->body), STR("not_signed_in"));
  if (is_certificate)
    doctor_say(doctor, DOCTOR_FAIL, "site", "renew the site's certificate, with its whole chain", "%s%s: %s",
               doctor_about(doctor, account), site, look->problem);
  else if (look->ended_at != LOOK_DONE)
    doctor_say(doctor, DOCTOR_WARN, "site", "is nginx running, and does the name lead to it? From inside it may be out of reach",
               "%s%s cannot be asked from here: %s", doctor_about(doctor, account), site, look->problem);
  else if (!is_ours)
    doctor_say(doctor, DOCTOR_FAIL, "site", "is the snippet in the server { } of this name, and is weigate running?",
               "%s%s%s/session answers with status %d, where weigate says 401", doctor_about(doctor, account), site, prefix,
               look->http_status);
  else
    doctor_say(doctor, DOCTOR_OK, "site", NULL, "%sweigate answers at %s%s", doctor_about(doctor, account), site, prefix);
}

static void check_outside(struct doctor *doctor, const struct account_settings *account) {
  struct look look;
  look_at_path(account, "/auth", &look);
  if (look.ended_at == LOOK_DONE && (look.http_status == 401 || look.http_status == 403 || look.http_status == 204))
    doctor_say(doctor, DOCTOR_FAIL, "gate", "put \"internal;\" into its location", "%s%s%s/auth answers from outside (status %d)",
               doctor_about(doctor, account), account->public_url.text, account->prefix, look.http_status);
  look_done(&look);
}

static void look_at_sites(struct doctor *doctor) {
  for (size_t i = 0; i < doctor->conf->accounts_count; i++) {
    const struct account_settings *account = &doctor->conf->accounts[i];
    struct look look;
    if (!doctor_means(doctor, account)) continue;
    look_at_path(account, "/session", &look);
    say_site(doctor, account, &look);
    if (look.ended_at == LOOK_DONE) check_outside(doctor, account);
    look_done(&look);
  }
}

void doctor_look_at_nginx(struct doctor *doctor) {
  struct nginx_text text;
  struct err err = {""};
  if (read_configuration(doctor, &text, &err) == 0) {
    look_at_snippets(doctor, &text);
    doctor_socket(doctor, &text);
    nginx_text_done(&text);
  } else {
    doctor_say(doctor, DOCTOR_WARN, "snippet",
               "run doctor as root where nginx runs, or give --nginx FILE with what nginx -T prints",
               "nginx's configuration cannot be looked at: %s", err.text);
  }
  look_at_sites(doctor);
}
