/* SPDX-License-Identifier: Apache-2.0
 * starve: preloaded into weigate, it makes one chosen allocation or thread fail. The test writes the orders into a shared file:
 * what is to fail (1 memory, 2 threads), after how many more, and reads how many were asked for and refused. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static struct orders { atomic_long what, left, asked, refused; } none, *orders = &none;

extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);

__attribute__((constructor)) static void begin(void) {
  const char *path = getenv("STARVE_FILE");
  int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
  void *map = fd >= 0 ? mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : MAP_FAILED;
  if (map != MAP_FAILED) orders = map;
}

static int refuses(long what) {
  if (atomic_load_explicit(&orders->what, memory_order_relaxed) != what) return 0;
  atomic_fetch_add(&orders->asked, 1);
  if (atomic_fetch_sub(&orders->left, 1) != 1) return 0;
  atomic_fetch_add(&orders->refused, 1);
  errno = what == 1 ? ENOMEM : EAGAIN;
  return 1;
}

void *malloc(size_t size) {
  return refuses(1) ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
  return refuses(1) ? NULL : __libc_calloc(count, size);
}

void *realloc(void *old, size_t size) {
  return refuses(1) ? NULL : __libc_realloc(old, size);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *how, void *(*run)(void *), void *arg) {
  static int (*next)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
  if (!next) {
    void *symbol = dlsym(RTLD_NEXT, "pthread_create");
    __builtin_memcpy(&next, &symbol, sizeof(next));
  }
  return refuses(2) ? EAGAIN : next(thread, how, run, arg);
}
