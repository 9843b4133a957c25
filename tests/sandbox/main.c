/* SPDX-License-Identifier: Apache-2.0
 * main: starts the sandbox, prints where it listens, and waits for SIGINT or SIGTERM. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "exchange.h"
#include "people.h"
#include "server.h"
#include "steering.h"

/* Codes and tokens remembered: a sign-in needs one of each, so a benchmark of ten million forgets the first nine. Untouched slots
 * cost nothing. */
#define RING_COUNT (1u << 20)
/* Every connection of two listeners may wait at once. */
#define WAITING_MAX 16384

static const char *const signal_names[] = {[SIGINT] = "SIGINT", [SIGTERM] = "SIGTERM"};

static void raise_descriptor_limit(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit)) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

static int fill_sandbox(struct sandbox *sandbox, struct err *err) {
  sandbox->grants = grants_new(RING_COUNT, sandbox->options.seed);
  sandbox->faults = faults_new();
  sandbox->ledger = ledger_new(&sandbox->options);
  sandbox->steering = steering_new();
  if (!sandbox->grants || !sandbox->faults || !sandbox->ledger || !sandbox->steering) return err_set(err, "out of memory");
  sandbox->timer = timer_start(WAITING_MAX);
  if (!sandbox->timer) return err_set(err, "cannot start a thread");
  atomic_store(&sandbox->latency_ms, sandbox->options.latency_ms);
  atomic_store(&sandbox->jitter_ms, sandbox->options.jitter_ms);
  return 0;
}

static void empty_sandbox(struct sandbox *sandbox) {
  timer_free(sandbox->timer);
  steering_free(sandbox->steering);
  ledger_free(sandbox->ledger);
  faults_free(sandbox->faults);
  grants_free(sandbox->grants);
}

static void print_welcome(const struct sandbox *sandbox, struct server *const servers[2]) {
  for (size_t i = 0; i < 2; i++)
    if (servers[i]) printf("weigate-sandbox listening on %s\n", server_address(servers[i]));
  if (!sandbox->options.quiet) {
    for (size_t i = 0; i < sandbox->options.accounts_count; i++) {
      const struct account *account = &sandbox->options.accounts[i];
      printf("account %s secret %s (%s)\n", account->appid, account->secret,
             account->website ? "website, qrconnect" : "Official Account");
    }
    printf("%zu virtual people; open %s/sandbox/ in a browser\n", people_count(), server_address(servers[0]));
  }
  fflush(stdout);
}

static int serve_until_signal(struct sandbox *sandbox, struct err *err) {
  struct server *servers[2] = {NULL, NULL};
  sigset_t ending;
  int got = 0;
  sigemptyset(&ending);
  sigaddset(&ending, SIGINT);
  sigaddset(&ending, SIGTERM);
  int result = server_start(sandbox, &sandbox->options.listen, &servers[0], err);
  if (result == 0 && sandbox->options.https_listen.set)
    result = server_start(sandbox, &sandbox->options.https_listen, &servers[1], err);
  if (result == 0) {
    print_welcome(sandbox, servers);
    sigwait(&ending, &got);
    if (!sandbox->options.quiet) printf("%s: leaving\n", signal_names[got]);
  }
  timer_stop(sandbox->timer);
  server_stop(servers[0]);
  server_stop(servers[1]);
  return result;
}

int main(int argc, char **argv) {
  static struct sandbox sandbox;
  struct err err = {""};
  sigset_t ending;
  enum options_verdict verdict = options_parse(argc, argv, &sandbox.options, &err);
  if (verdict == OPTIONS_LEAVE) return EXIT_SUCCESS;
  /* Blocked before threads start, so that only sigwait() takes them. */
  sigemptyset(&ending);
  sigaddset(&ending, SIGINT);
  sigaddset(&ending, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &ending, NULL);
  signal(SIGPIPE, SIG_IGN);
  raise_descriptor_limit();
  int result = verdict == OPTIONS_WRONG ? -1 : fill_sandbox(&sandbox, &err);
  if (result == 0) result = serve_until_signal(&sandbox, &err);
  empty_sandbox(&sandbox);
  if (result == 0) return EXIT_SUCCESS;
  fprintf(stderr, "weigate-sandbox: %s\n", err.text);
  return EXIT_FAILURE;
}
