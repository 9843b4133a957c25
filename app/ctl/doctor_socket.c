/* SPDX-License-Identifier: Apache-2.0
 * doctor_socket: the sockets of nginx's upstream: does somebody listen, may nginx connect, and who else? The program's only
 * thread.
 */
#include <arpa/inet.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/scope.h"
#include "ctl/doctor_nginx.h"
#include "fetch/address.h"

/* As nginx itself permits. */
#define GROUPS_MAX 64
/* Of /proc/net/unix: a socket that listens. */
#define FLAG_ACCEPTS 0x10000ul

struct nginx_user {
  char name[DOCTOR_USER_BYTES];
  uid_t uid;
  gid_t gid;
  bool is_known;
};

/* "user www-data www-data"; without one Debian's nginx runs as www-data. */
static void find_user(const struct nginx_text *nginx, struct nginx_user *ret_user) {
  size_t place = nginx_text_named(nginx, NGINX_TOP, STR("user"), 0);
  struct str rest = place == NGINX_TOP ? STR("user www-data") : nginx->all[place].text, word;
  str_split(&rest, ' ', &word);
  str_split(&rest, ' ', &word);
  *ret_user = (struct nginx_user){.is_known = false};
  if (str_copy(word, ret_user->name, sizeof ret_user->name) != 0) return;
  const struct passwd *user = getpwnam(ret_user->name);
  if (!user) return;
  ret_user->uid = user->pw_uid;
  ret_user->gid = user->pw_gid;
  ret_user->is_known = true;
}

static bool is_in_group(const struct nginx_user *user, gid_t group) {
  gid_t groups[GROUPS_MAX];
  int count = GROUPS_MAX;
  if (getgrouplist(user->name, user->gid, groups, &count) < 0) count = GROUPS_MAX;
  for (int i = 0; i < count; i++)
    if (groups[i] == group) return true;
  return false;
}

static bool may_connect(const struct nginx_user *user, const struct stat *st) {
  if (user->uid == 0) return true;
  if (user->uid == st->st_uid) return st->st_mode & S_IWUSR;
  return is_in_group(user, st->st_gid) ? st->st_mode & S_IWGRP : st->st_mode & S_IWOTH;
}

/* 0000000000000000: 00000002 00000000 00010000 0001 01 12345 /run/weigate/weigate.sock */
static bool is_listening(const char *path) {
  char line[PATH_MAX + 128];
  bool found = false;
  FILE *file = fopen("/proc/net/unix", "re");
  while (file && !found && fgets(line, sizeof line, file)) {
    unsigned long flags = 0;
    char *name = strchr(line, '/');
    if (!name || sscanf(line, "%*[^:]: %*x %*x %lx", &flags) != 1) continue;
    name[strcspn(name, "\n")] = '\0';
    found = (flags & FLAG_ACCEPTS) && strcmp(name, path) == 0;
  }
  if (file) fclose(file);
  return found;
}

static bool is_on_list(const struct conf *conf, uid_t uid) {
  for (size_t i = 0; i < conf->server.allowed_peers_count; i++)
    if (conf->server.allowed_peers[i] == uid) return true;
  return conf->server.allowed_peers_count == 0;
}

static void say_rights(struct doctor *doctor, const char *path, const struct stat *st, const struct nginx_user *nginx) {
  char owner[DOCTOR_USER_BYTES];
  unsigned mode = st->st_mode & 07777;
  bool has_list = doctor->conf->server.allowed_peers_count > 0;
  doctor_name_user(st->st_uid, owner);
  if (nginx->is_known && !may_connect(nginx, st))
    doctor_say(doctor, DOCTOR_FAIL, "socket",
               "spawn-fcgi -M 0660 -U and -G with nginx's user and group, or the same in weigate.socket",
               "nginx, as user %s, may not connect to %s (mode %04o, owner %s)", nginx->name, path, mode, owner);
  else if (nginx->is_known && !is_on_list(doctor->conf, nginx->uid))
    doctor_say(doctor, DOCTOR_FAIL, "socket", "add that user to it, then weigatectl reload",
               "nginx, as user %s, is not in server.allowed_peers", nginx->name);
  else if ((st->st_mode & S_IWOTH) && !has_list)
    doctor_say(doctor, DOCTOR_WARN, "socket", "mode 0660, or server.allowed_peers with nginx's user",
               "every user of this machine may connect to %s (mode %04o)", path, mode);
  else
    doctor_say(doctor, DOCTOR_OK, "socket", NULL, "weigate listens at %s, and nginx may connect (mode %04o, owner %s%s)", path,
               mode, owner, has_list ? ", server.allowed_peers" : "");
}

static void look_at_unix(struct doctor *doctor, struct str address, const struct nginx_user *nginx) {
  struct stat st;
  char path[PATH_MAX];
  if (str_copy(address, path, sizeof path) != 0) return;
  if (stat(path, &st) != 0)
    doctor_say(doctor, DOCTOR_FAIL, "socket", "start weigate (spawn-fcgi -s), or correct upstream.conf", "there is no %s: %m",
               path);
  else if (!S_ISSOCK(st.st_mode) || !is_listening(path))
    doctor_say(doctor, DOCTOR_FAIL, "socket", "start weigate: systemctl start weigate.socket, or spawn-fcgi",
               "nobody listens at %s", path);
  else
    say_rights(doctor, path, &st, nginx);
}

static void look_at_network(struct doctor *doctor, struct str address) {
  struct str rest = address, host;
  str_split(&rest, ':', &host);
  if (address_is_loopback_host(host))
    doctor_say(doctor, DOCTOR_WARN, "socket", "a Unix socket can be kept to nginx's user",
               "nginx connects to %.*s, as every user of this machine may", STR_ARG(address));
  else
    doctor_say(doctor, DOCTOR_WARN, "socket", "let nobody but nginx reach that port (firewall), and nobody listen on the way",
               "nginx connects to %.*s over a network: FastCGI has neither passwords nor encryption", STR_ARG(address));
}

void doctor_socket(struct doctor *doctor, const struct nginx_text *nginx) {
  struct nginx_user user;
  size_t upstream = nginx_text_block(nginx, STR("upstream weigate"), 0);
  if (upstream == NGINX_TOP) {
    doctor_say(doctor, DOCTOR_FAIL, "upstream", "include weigate's upstream.conf in http { }",
               "nginx has no upstream weigate { }");
    return;
  }
  find_user(nginx, &user);
  if (nginx_text_named(nginx, upstream, STR("keepalive"), 0) == NGINX_TOP)
    doctor_say(doctor, DOCTOR_WARN, "upstream", "take keepalive over from the shipped upstream.conf",
               "upstream weigate keeps no connections: every check of the gate opens one");
  for (size_t i = 0; (i = nginx_text_named(nginx, upstream, STR("server"), i)) != NGINX_TOP; i++) {
    struct str rest = nginx->all[i].text, word;
    str_split(&rest, ' ', &word);
    str_split(&rest, ' ', &word);
    if (str_starts(word, STR("unix:")))
      look_at_unix(doctor, str_from(word, 5), &user);
    else
      look_at_network(doctor, word);
  }
}
