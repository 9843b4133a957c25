/* SPDX-License-Identifier: Apache-2.0
 * cancel: one short-lived thread per request, a few at most; it touches nothing but the request. */
#include "cancel.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>

/* Requests at a time; each waits for a server that does not answer, so more of them help nobody. */
#define CANCELS_MAX 4
/* How long close waits for them: a server that is well answers in a millisecond. */
#define FINISH_MS 500

static atomic_int cancels;

static void *run_cancel(void *arg) {
  char why[256];
  PQcancel(arg, why, (int)sizeof(why));
  PQfreeCancel(arg);
  atomic_fetch_sub(&cancels, 1);
  return NULL;
}

static int start_thread(PGcancel *request) {
  pthread_t thread;
  pthread_attr_t detached;
  sigset_t all, before;
  if (pthread_attr_init(&detached) != 0) return -1;
  pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int error = pthread_create(&thread, &detached, run_cancel, request);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&detached);
  return error ? -1 : 0;
}

void cancel_start(PGconn *conn) {
  PGcancel *request = PQgetCancel(conn);
  if (!request) return;
  if (atomic_fetch_add(&cancels, 1) < CANCELS_MAX && start_thread(request) == 0) return;
  atomic_fetch_sub(&cancels, 1);
  PQfreeCancel(request);
}

void cancel_finish(void) {
  const struct timespec moment = {.tv_nsec = 1000000};
  for (int i = 0; i < FINISH_MS && atomic_load(&cancels) > 0; i++) nanosleep(&moment, NULL);
}
