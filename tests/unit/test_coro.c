/* SPDX-License-Identifier: Apache-2.0
 * test_coro: coroutines suspend, go on and end on one loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/coro.h"

#define POOL_COUNT 100

static struct loop *loop;
static struct coro_pool *pool;
static char trace[32];
static size_t traced;

static void note(char c) {
  trace[traced++ % sizeof trace] = c;
}

static int make_pool(void **state) {
  (void)state;
  traced = 0;
  memset(trace, 0, sizeof trace);
  return loop_new(&loop, NULL) != 0 || coro_pool_new(loop, POOL_COUNT, &pool, NULL) != 0;
}

static int free_pool(void **state) {
  (void)state;
  clock_release();
  coro_pool_free(pool);
  loop_free(loop);
  return 0;
}

static void note_twice(void *arg) {
  *(struct coro **)arg = coro_self();
  note('1');
  coro_suspend_wait();
  note('2');
}

static void coroutine_runs_until_it_suspends_and_goes_on_when_resumed(void **state) {
  (void)state;
  struct coro *coro = NULL;
  assert_null(coro_self());
  assert_int_equal(coro_start(pool, note_twice, &coro), 0);
  note('m');
  assert_null(coro_self());
  assert_int_equal(coro_running_count(pool), 1);
  assert_ptr_equal(coro_loop(coro), loop);
  coro_resume(coro);
  assert_string_equal(trace, "1m2");
  assert_int_equal(coro_running_count(pool), 0);
}

static void more_than_the_pool_holds_are_refused(void **state) {
  (void)state;
  struct coro *coros[POOL_COUNT + 1] = {NULL};
  for (int i = 0; i < POOL_COUNT; i++) assert_int_equal(coro_start(pool, note_twice, &coros[i]), 0);
  assert_int_equal(coro_start(pool, note_twice, &coros[POOL_COUNT]), -1);
  for (int i = 0; i < POOL_COUNT; i++) coro_resume(coros[i]);
  assert_int_equal(coro_start(pool, note_twice, &coros[0]), 0); /* on a stack that was used before */
  coro_resume(coros[0]);
  assert_int_equal(coro_running_count(pool), 0);
}

static void pause_and_note(void *arg) {
  coro_pause_wait(*(uint64_t *)arg);
  note(*(uint64_t *)arg == 10 ? 'a' : 'b');
}

static void pause_lasts_as_long_as_asked(void **state) {
  (void)state;
  clock_hold(0, 1000);
  uint64_t ten = 10, twenty = 20;
  coro_start(pool, pause_and_note, &twenty);
  coro_start(pool, pause_and_note, &ten);
  clock_advance_ms(9);
  loop_turn(loop, 0);
  assert_string_equal(trace, "");
  clock_advance_ms(1);
  loop_turn(loop, 0);
  assert_string_equal(trace, "a");
  clock_advance_ms(10);
  loop_turn(loop, 0);
  assert_string_equal(trace, "ab");
}

static void *wake_it(void *arg) {
  coro_wake(arg);
  return NULL;
}

static void suspend_and_stop(void *arg) {
  *(struct coro **)arg = coro_self();
  coro_suspend_wait();
  loop_stop(loop);
}

static void another_thread_may_wake_a_coroutine(void **state) {
  (void)state;
  struct coro *coro = NULL;
  coro_start(pool, suspend_and_stop, &coro);
  pthread_t thread;
  pthread_create(&thread, NULL, wake_it, coro);
  loop_run(loop);
  pthread_join(thread, NULL);
  assert_int_equal(coro_running_count(pool), 0);
}

static void start_inner(void *arg) {
  struct coro *self = coro_self();
  note('<');
  coro_start(pool, note_twice, arg);
  assert_ptr_equal(coro_self(), self);
  note('>');
}

static void coroutine_may_start_another(void **state) {
  (void)state;
  struct coro *inner = NULL;
  coro_start(pool, start_inner, &inner);
  coro_resume(inner);
  assert_string_equal(trace, "<1>2");
  assert_int_equal(coro_running_count(pool), 0);
}

/* Each frame hands its address down, so that the compiler cannot make a loop of it. */
static __attribute__((noinline)) int descend(int depth, volatile char *above) {
  volatile char frame[1024];
  frame[0] = above ? above[0] : 1;
  return depth == 0 ? 0 : descend(depth - 1, frame) + frame[0];
}

static void use_stack(void *arg) {
  char line[512];
  snprintf(line, sizeof line, "%d %f", descend(*(int *)arg, NULL), 1.5);
  note(line[0]);
}

static void stack_is_deep_enough_for_a_parser(void **state) {
  (void)state;
  int depth = 100;
  assert_int_equal(coro_start(pool, use_stack, &depth), 0);
  assert_string_equal(trace, "1");
}

static void overflow_hits_the_guard_page(void **state) {
  (void)state;
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    int depth = 100000;
    signal(SIGSEGV, SIG_DFL);
    coro_start(pool, use_stack, &depth);
    _exit(0);
  }
  int status = 0;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFSIGNALED(status));
  assert_int_equal(WTERMSIG(status), SIGSEGV);
}

#define coro_test(name) cmocka_unit_test_setup_teardown(name, make_pool, free_pool)

int main(void) {
  const struct CMUnitTest tests[] = {
      coro_test(coroutine_runs_until_it_suspends_and_goes_on_when_resumed),
      coro_test(more_than_the_pool_holds_are_refused),
      coro_test(pause_lasts_as_long_as_asked),
      coro_test(another_thread_may_wake_a_coroutine),
      coro_test(coroutine_may_start_another),
      coro_test(stack_is_deep_enough_for_a_parser),
      coro_test(overflow_hits_the_guard_page),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
