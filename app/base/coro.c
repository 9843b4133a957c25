/* SPDX-License-Identifier: Apache-2.0
 * coro: coroutines over ucontext; all of a pool run on the thread of its loop. */
#include "base/coro.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/scope.h"

#if defined(__SANITIZE_ADDRESS__)
#define CORO_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CORO_ASAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define CORO_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define CORO_TSAN 1
#endif
#endif
#ifdef CORO_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef CORO_TSAN
#include <sanitizer/tsan_interface.h>
#endif
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#endif

/* 32 levels of cJSON (200 bytes each), printf (under 10 KiB) and a page's call chain fit many times; sanitizers widen
 * frames. */
#define CORO_STACK_BYTES (256UL * 1024)
/* Ended coroutines kept for reuse: as many as one batch of the store (storage.batch_max) sends on their way at once. Each may
 * hold its whole stack as memory, usually 8 to 24 KiB: under 6 MiB stay after a burst. */
#define CORO_IDLE_MAX 256

struct coro {
  struct coro_pool *pool;
  struct coro *next_idle;
  struct coro *outer; /* who was running when this one was resumed; NULL: the loop */
  void (*fn)(void *arg);
  void *arg;
  bool ended;
  ucontext_t context, outer_context;
  char *mapping; /* guard page, then the stack */
  size_t mapping_bytes;
  struct loop_task wake;
#ifdef CORO_ASAN
  const void *outer_stack;
  size_t outer_stack_bytes;
  void *fake_stack, *outer_fake_stack;
#endif
#ifdef CORO_TSAN
  void *fiber, *outer_fiber;
#endif
#ifdef VALGRIND_STACK_REGISTER
  unsigned valgrind_id;
#endif
};

struct coro_pool {
  struct loop *loop;
  size_t max_count, running_count, idle_count;
  size_t page_bytes;
  struct coro *idle; /* the last one used first: its stack is warm */
};

static _Thread_local struct coro *running;

/* What the sanitizers must hear about a change of stacks: before leaving one and after arriving on the other. */

static void announce_enter(struct coro *coro) {
#ifdef CORO_ASAN
  size_t guard = coro->pool->page_bytes;
  __sanitizer_start_switch_fiber(&coro->outer_fake_stack, coro->mapping + guard, coro->mapping_bytes - guard);
#endif
#ifdef CORO_TSAN
  coro->outer_fiber = __tsan_get_current_fiber();
  __tsan_switch_to_fiber(coro->fiber, 0);
#endif
  (void)coro;
}

static void finish_enter(struct coro *coro) {
#ifdef CORO_ASAN
  __sanitizer_finish_switch_fiber(coro->fake_stack, &coro->outer_stack, &coro->outer_stack_bytes);
#endif
  (void)coro;
}

static void announce_leave(struct coro *coro) {
#ifdef CORO_ASAN
  __sanitizer_start_switch_fiber(&coro->fake_stack, coro->outer_stack, coro->outer_stack_bytes);
#endif
#ifdef CORO_TSAN
  __tsan_switch_to_fiber(coro->outer_fiber, 0);
#endif
  (void)coro;
}

static void finish_leave(struct coro *coro) {
#ifdef CORO_ASAN
  __sanitizer_finish_switch_fiber(coro->outer_fake_stack, NULL, NULL);
#endif
  (void)coro;
}

static void enter(struct coro *coro) {
  coro->outer = running;
  running = coro;
  announce_enter(coro);
  swapcontext(&coro->outer_context, &coro->context);
  finish_leave(coro);
}

static void leave(struct coro *coro) {
  running = coro->outer;
  announce_leave(coro);
  swapcontext(&coro->context, &coro->outer_context);
  finish_enter(coro);
}

/* The bottom frame of every stack. It never returns: a coroutine that ended starts its next life here. */
static void live(void) {
  struct coro *coro = running;
  finish_enter(coro);
  for (;;) {
    coro->fn(coro->arg);
    coro->ended = true;
    leave(coro);
  }
}

static void resume_woken(struct loop_task *task) {
  coro_resume(container_of(task, struct coro, wake));
}

static char *map_stack(size_t guard_bytes, size_t *ret_bytes) {
  size_t bytes = guard_bytes + CORO_STACK_BYTES;
  char *mapping = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
  if (mapping == MAP_FAILED) return NULL;
  if (mprotect(mapping + guard_bytes, bytes - guard_bytes, PROT_READ | PROT_WRITE) != 0) {
    munmap(mapping, bytes);
    return NULL;
  }
  *ret_bytes = bytes;
  return mapping;
}

static void register_stack(struct coro *coro) {
#ifdef CORO_TSAN
  coro->fiber = __tsan_create_fiber(0);
#endif
#ifdef VALGRIND_STACK_REGISTER
  coro->valgrind_id = VALGRIND_STACK_REGISTER(coro->mapping + coro->pool->page_bytes, coro->mapping + coro->mapping_bytes);
#endif
  (void)coro;
}

static void unregister_stack(struct coro *coro) {
#ifdef CORO_ASAN
  /* Red zones of frames that never returned would outlive the mapping. */
  ASAN_UNPOISON_MEMORY_REGION(coro->mapping + coro->pool->page_bytes, coro->mapping_bytes - coro->pool->page_bytes);
#endif
#ifdef CORO_TSAN
  __tsan_destroy_fiber(coro->fiber);
#endif
#ifdef VALGRIND_STACK_REGISTER
  VALGRIND_STACK_DEREGISTER(coro->valgrind_id);
#endif
  (void)coro;
}

static void prepare_context(struct coro *coro) {
  getcontext(&coro->context);
  coro->context.uc_stack.ss_sp = coro->mapping + coro->pool->page_bytes;
  coro->context.uc_stack.ss_size = CORO_STACK_BYTES;
  coro->context.uc_link = NULL;
  makecontext(&coro->context, live, 0);
}

static struct coro *make_coro(struct coro_pool *pool) {
  struct coro *coro = calloc(1, sizeof *coro);
  if (!coro) return NULL;
  coro->pool = pool;
  coro->wake.run = resume_woken;
  coro->mapping = map_stack(pool->page_bytes, &coro->mapping_bytes);
  if (!coro->mapping) {
    free(coro);
    return NULL;
  }
  prepare_context(coro);
  register_stack(coro);
  return coro;
}

static void free_coro(struct coro *coro) {
  unregister_stack(coro);
  munmap(coro->mapping, coro->mapping_bytes);
  free(coro);
}

static struct coro *take_idle(struct coro_pool *pool) {
  struct coro *coro = pool->idle;
  if (!coro) return make_coro(pool);
  pool->idle = coro->next_idle;
  pool->idle_count--;
  return coro;
}

static void put_idle(struct coro_pool *pool, struct coro *coro) {
  if (pool->idle_count >= CORO_IDLE_MAX) {
    free_coro(coro);
    return;
  }
  coro->next_idle = pool->idle;
  pool->idle = coro;
  pool->idle_count++;
}

static void end_pause(struct loop_timer *timer) {
  coro_resume(timer->arg);
}

int coro_pool_new(struct loop *loop, size_t count, struct coro_pool **ret_pool, struct err *err) {
  struct coro_pool *pool = calloc(1, sizeof *pool);
  if (!pool) return err_set(err, "coroutines: out of memory");
  pool->loop = loop;
  pool->max_count = count;
  pool->page_bytes = (size_t)sysconf(_SC_PAGESIZE);
  struct coro *first = make_coro(pool);
  if (!first) {
    free(pool);
    return err_set(err, "coroutines: cannot map a stack of %lu KiB: %m", CORO_STACK_BYTES / 1024);
  }
  put_idle(pool, first);
  *ret_pool = pool;
  return 0;
}

void coro_pool_free(struct coro_pool *pool) {
  if (!pool) return;
  while (pool->idle) free_coro(take_idle(pool));
  free(pool);
}

int coro_start(struct coro_pool *pool, void (*fn)(void *arg), void *arg) {
  if (pool->running_count >= pool->max_count) return -1;
  struct coro *coro = take_idle(pool);
  if (!coro) return -1;
  coro->fn = fn;
  coro->arg = arg;
  coro->ended = false;
  pool->running_count++;
  coro_resume(coro);
  return 0;
}

size_t coro_running_count(const struct coro_pool *pool) {
  return pool->running_count;
}

struct coro *coro_self(void) {
  return running;
}

struct loop *coro_loop(const struct coro *coro) {
  return coro->pool->loop;
}

void coro_suspend_wait(void) {
  leave(running);
}

void coro_resume(struct coro *coro) {
  enter(coro);
  if (!coro->ended) return;
  coro->pool->running_count--;
  put_idle(coro->pool, coro);
}

void coro_wake(struct coro *coro) {
  loop_post(coro->pool->loop, &coro->wake);
}

void coro_pause_wait(uint64_t ms) {
  struct loop_timer timer = {.fired = end_pause, .arg = running};
  if (loop_timer_set(running->pool->loop, &timer, clock_mono_ms() + ms) != 0) coro_wake(running); /* no memory: a shorter pause */
  coro_suspend_wait();
}
