/* SPDX-License-Identifier: Apache-2.0
 * main: weigate's command line and the stages before the master takes over; before threads start. */
#include "config.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/seal.h"
#include "conf/conf.h"
#include "master/master.h"
#include "master/probe.h"
#include "master/process.h"

#define EXIT_USAGE 2

struct arguments {
  const char *conf_path;
  bool test_only;
  bool as_root;
};

static const char usage[] = "weigate signs people in with WeChat for a site behind nginx.\n"
                            "\n"
                            "usage: spawn-fcgi -s SOCKET -M 0660 -u www-data -g www-data -- weigate [-c FILE]\n"
                            "       weigate [-c FILE] -t\n"
                            "\n"
                            "  -c FILE     configuration (default " WEIGATE_CONF_FILE ")\n"
                            "  -t          check the configuration, its files and the storage plugin, and leave\n"
                            "  -V          version and what it was built with\n"
                            "  --as-root   run as root all the same (in a container without other users)\n"
                            "  -h, --help  this\n"
                            "\n"
                            "Signals to the master: TERM finishes what is in flight and stops, INT stops at once, HUP reads the\n"
                            "configuration anew, USR1 opens the log file anew. See weigate(8), weigate.conf(5), weigatectl(1).\n";

/* spawn-fcgi without -n sends a service's output to /dev/null: then the system's log has the reason. */
static bool is_unheard(void) {
  struct stat ours, null;
  return fstat(STDERR_FILENO, &ours) != 0 || (stat("/dev/null", &null) == 0 && ours.st_rdev == null.st_rdev);
}

static int complain(const struct err *err) {
  fprintf(stderr, "weigate: %s\n", err->text);
  if (is_unheard()) syslog(LOG_DAEMON | LOG_ERR, "weigate: %s", err->text);
  return EXIT_FAILURE;
}

/* What is wanted, or the exit status of a command line that ends here. */
static int read_arguments(int argc, char **argv, struct arguments *ret_arguments) {
  static const struct option long_options[] = {
      {"as-root", no_argument, NULL, 'R'}, {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
  struct arguments arguments = {.conf_path = WEIGATE_CONF_FILE};
  for (int c; (c = getopt_long(argc, argv, "c:tVh", long_options, NULL)) != -1;) {
    if (c == 'c') {
      arguments.conf_path = optarg;
    } else if (c == 't') {
      arguments.test_only = true;
    } else if (c == 'R') {
      arguments.as_root = true;
    } else if (c == 'V') {
      fputs(BUILD_SUMMARY, stdout);
      return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
    } else {
      fputs(usage, c == 'h' ? stdout : stderr);
      return c == 'h' && fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_USAGE;
    }
  }
  if (optind < argc) {
    fprintf(stderr, "weigate: unexpected argument \"%s\" (weigate --help)\n", argv[optind]);
    return EXIT_USAGE;
  }
  *ret_arguments = arguments;
  return -1;
}

static int test_configuration(const struct conf *conf, struct err *err) {
  int locked = conf_lock_secrets(conf, err);
  if (locked > 0) fprintf(stderr, "weigate: warning: %s\n", err->text);
  if (locked < 0 || probe_run(conf, PROBE_LOAD, err) != 0) return -1;
  printf("%s is good: %zu account%s, %zu worker%s, storage plugin %s\n", conf->path, conf->accounts_count,
         conf->accounts_count == 1 ? "" : "s", conf->server.workers, conf->server.workers == 1 ? "" : "s",
         conf->store.plugin.plugin);
  return fflush(stdout) == 0 ? 0 : err_set(err, "cannot write: %m");
}

static int lock_secrets(const struct conf *conf, struct err *err) {
  int locked = conf_lock_secrets(conf, err);
  if (locked > 0) log_warn("%s", err->text);
  return locked < 0 ? -1 : 0;
}

/* Takes the configuration over. */
static int serve(struct conf *conf, const struct arguments *arguments, int *ret_status, struct err *err) {
  umask(077); /* before the log is made */
  master_register_metrics();
  if (log_open(&conf->log, err) == 0 && process_harden(err) == 0 && lock_secrets(conf, err) == 0 &&
      probe_run(conf, PROBE_LOAD, err) == 0 && metrics_start(master_slots_count() - 1, err) == 0)
    return master_run(STDIN_FILENO, arguments->conf_path, conf, ret_status, err);
  conf_free(conf);
  return -1;
}

int main(int argc, char **argv) {
  struct arguments arguments;
  struct conf *conf = NULL;
  struct err err = {""};
  int status = read_arguments(argc, argv, &arguments);
  if (status >= 0) return status;
  if (seal_start(&err) != 0) return complain(&err);
  if (!arguments.test_only &&
      (process_check_listener(STDIN_FILENO, &err) != 0 || process_check_user(arguments.as_root, &err) != 0))
    return complain(&err);
  if (conf_load(arguments.conf_path, 0, &conf, &err) != 0) return complain(&err);
  if (arguments.test_only) {
    status = test_configuration(conf, &err);
    conf_free(conf);
    return status == 0 ? EXIT_SUCCESS : complain(&err);
  }
  bool log_is_stderr = strcmp(conf->log.destination, "stderr") == 0;
  if (serve(conf, &arguments, &status, &err) == 0) return status;
  if (!log_is_stderr) log_error("%s", err.text);
  return complain(&err);
}
