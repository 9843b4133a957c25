/* SPDX-License-Identifier: Apache-2.0
 * probe: the child loads the plugin and says in one packet what came of it; the master never maps a plugin. */
#include "master/probe.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/scope.h"
#include "master/channel.h"
#include "store/host.h"
#include "store/plugin.h"

#define PROBE_GOOD "good"
#define PROBE_BAD  "bad "
/* Of PROBE_MAX_MS, so that the store's own sentence arrives before our patience ends. */
#define CONNECT_MAX_MS 4000
#define HEALTH_MAX_MS  4000

static int refuse_call(const struct plugin *plugin, const char *what, int class, const struct weigate_call *call,
                       struct err *err) {
  return err_set(err, "storage plugin %s: %s: %s (%s)", plugin->desc->name, what,
                 call->message[0] ? call->message : "no reason given", plugin_class_name(class));
}

static int ask_health(const struct plugin *plugin, struct err *err) {
  struct weigate_handle *handle = NULL;
  struct weigate_call call = plugin_call(CONNECT_MAX_MS);
  int class = plugin->desc->connect(plugin->store, &call, &handle);
  if (class != WEIGATE_OK) return refuse_call(plugin, "cannot connect", class, &call, err);
  struct weigate_health health = {.struct_size = sizeof health};
  call = plugin_call(HEALTH_MAX_MS);
  class = plugin->desc->health(handle, &call, &health);
  plugin->desc->disconnect(handle);
  if (class != WEIGATE_OK) return refuse_call(plugin, "is not well", class, &call, err);
  if (health.state == WEIGATE_UP || health.state == WEIGATE_DEGRADED) return 0;
  return err_set(err, "storage plugin %s: the store is %s: %s", plugin->desc->name,
                 health.state == WEIGATE_DOWN ? "down" : "read-only", health.text);
}

/* A sentence about the plugin itself gets the place in the configuration that chose it. */
static int refuse_load(const struct conf *conf, const char *option, struct err *err) {
  int line = 0;
  char name[32];
  struct err why = *err;
  struct str text = str_of(why.text);
  snprintf(name, sizeof name, "storage.%s: ", option);
  if (str_starts(text, str_of(conf->path))) return -1;
  if (str_starts(text, str_of(name))) text = str_from(text, strlen(name));
  const char *plugin = conf_value(conf, "storage", "", option, &line);
  if (line == 0)
    return err_set(err, "%s: storage.%s is not set, and the default (%s): %.*s", conf->path, option, plugin, STR_ARG(text));
  return err_set(err, "%s:%d: storage.%s = %s: %.*s", conf->path, line, option, plugin, STR_ARG(text));
}

static int try_plugin(const struct conf *conf, const struct plugin_settings *settings, const char *option, enum probe_depth depth,
                      struct err *err) {
  struct plugin plugin;
  if (plugin_load(settings, &plugin, err) != 0) return refuse_load(conf, option, err);
  int result = depth == PROBE_HEALTH ? ask_health(&plugin, err) : 0;
  plugin_unload(&plugin);
  return result;
}

static int try_storage(const struct conf *conf, enum probe_depth depth, struct err *err) {
  int line = 0;
  if (try_plugin(conf, &conf->store.plugin, "plugin", depth, err) != 0) return -1;
  if (conf->store.mirror.plugin && try_plugin(conf, &conf->store.mirror, "mirror", depth, err) != 0) return -1;
  if (spool_check(&conf->store.spool, false, err) == 0) return 0;
  conf_value(conf, "storage", "", "spool_dir", &line);
  return line ? err_prefix(err, "%s:%d: storage.spool_dir", conf->path, line)
              : err_prefix(err, "%s: storage.spool_dir is not set, and the default", conf->path);
}

_Noreturn static void run_child(const struct conf *conf, enum probe_depth depth, int fd) {
  SCOPE_BUF struct buf message;
  struct err err = {""};
  log_name("probe");
  host_name_process("weigate/probe");
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  buf_init(&message, CHANNEL_MESSAGE_MAX_BYTES);
  if (try_storage(conf, depth, &err) == 0)
    buf_add_text(&message, PROBE_GOOD);
  else
    buf_addf(&message, PROBE_BAD "%s", err.text);
  channel_send(fd, buf_str(&message));
  _exit(EXIT_SUCCESS);
}

int probe_start(const struct conf *conf, enum probe_depth depth, void (*forked)(void *arg), void *arg, struct probe *ret_probe,
                struct err *err) {
  int fds[2];
  if (channel_new(fds, err) != 0) return -1;
  pid_t pid = fork();
  if (pid == 0) {
    if (forked) forked(arg);
    close(fds[0]);
    run_child(conf, depth, fds[1]);
  }
  close(fds[1]);
  *ret_probe = (struct probe){.pid = pid, .fd = fds[0]};
  if (pid > 0) return 0;
  close(fds[0]);
  return err_set(err, "cannot fork: %m");
}

int probe_finish(struct probe *probe, struct err *err) {
  SCOPE_BUF struct buf message;
  buf_init(&message, CHANNEL_MESSAGE_MAX_BYTES);
  enum channel_got got = channel_receive(probe->fd, &message);
  close(probe->fd);
  if (!probe->is_reaped) {
    kill(probe->pid, SIGKILL);
    waitpid(probe->pid, &probe->status, 0);
  }
  int status = probe->status;
  *probe = (struct probe){.fd = -1};
  if (got == CHANNEL_NOTHING) return err_set(err, "the storage plugin did not finish its trial within %d s", PROBE_MAX_MS / 1000);
  if (got == CHANNEL_ENDED && WIFSIGNALED(status))
    return err_set(err, "the storage plugin crashed in its trial: signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
  if (got == CHANNEL_ENDED) return err_set(err, "the storage plugin ended the process of its trial (it may not call exit)");
  if (str_eq(buf_str(&message), STR(PROBE_GOOD))) return 0;
  return err_set(err, "%s", buf_text(&message) + sizeof PROBE_BAD - 1);
}

bool probe_reap(struct probe *probe, pid_t pid, int status) {
  if (probe->fd < 0 || probe->pid != pid) return false;
  probe->is_reaped = true;
  probe->status = status;
  return true;
}

int probe_run(const struct conf *conf, enum probe_depth depth, struct err *err) {
  struct probe probe;
  if (probe_start(conf, depth, NULL, NULL, &probe, err) != 0) return -1;
  struct pollfd look = {.fd = probe.fd, .events = POLLIN};
  poll(&look, 1, PROBE_MAX_MS);
  return probe_finish(&probe, err);
}
