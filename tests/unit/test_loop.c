/* SPDX-License-Identifier: Apache-2.0
 * test_loop: events, timers and posted work of one loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/loop.h"

#define POSTERS    4
#define POSTS_EACH 10000

static struct loop *loop;
static int calls;

static int make_loop(void **state) {
  (void)state;
  calls = 0;
  return loop_new(&loop, NULL);
}

static int free_loop(void **state) {
  (void)state;
  clock_release();
  loop_free(loop);
  return 0;
}

static void count_ready(struct loop_watch *watch, uint32_t events) {
  (void)watch;
  (void)events;
  calls++;
}

static void remove_other(struct loop_watch *watch, uint32_t events) {
  (void)events;
  calls++;
  loop_watch_remove(loop, watch->arg);
}

static void ready_descriptor_calls_its_watch(void **state) {
  (void)state;
  int fds[2];
  assert_int_equal(pipe(fds), 0);
  struct loop_watch watch = {.fd = fds[0], .ready = count_ready};
  assert_int_equal(loop_watch_add(loop, &watch, EPOLLIN), 0);
  loop_turn(loop, 0);
  assert_int_equal(calls, 0);
  assert_int_equal(write(fds[1], "x", 1), 1);
  loop_turn(loop, -1);
  assert_int_equal(calls, 1);
  loop_watch_remove(loop, &watch);
  loop_turn(loop, 0);
  assert_int_equal(calls, 1);
  close(fds[0]);
  close(fds[1]);
}

static void watch_removed_in_a_callback_is_not_called_in_that_round(void **state) {
  (void)state;
  int a[2], b[2];
  assert_int_equal(pipe(a), 0);
  assert_int_equal(pipe(b), 0);
  struct loop_watch first = {.fd = a[0], .ready = remove_other}, second = {.fd = b[0], .ready = remove_other};
  first.arg = &second;
  second.arg = &first;
  assert_int_equal(loop_watch_add(loop, &first, EPOLLIN), 0);
  assert_int_equal(loop_watch_add(loop, &second, EPOLLIN), 0);
  assert_int_equal(write(a[1], "x", 1), 1);
  assert_int_equal(write(b[1], "x", 1), 1);
  loop_turn(loop, -1);
  assert_int_equal(calls, 1);
  for (int i = 0; i < 2; i++) {
    close(a[i]);
    close(b[i]);
  }
}

static char order[16];

static void note_timer(struct loop_timer *timer) {
  order[calls++ % (int)sizeof order] = *(const char *)timer->arg;
}

static void timers_fire_in_the_order_of_their_times(void **state) {
  (void)state;
  clock_hold(1000, 1000);
  struct loop_timer timers[4] = {{.fired = note_timer, .arg = "a"},
                                 {.fired = note_timer, .arg = "b"},
                                 {.fired = note_timer, .arg = "c"},
                                 {.fired = note_timer, .arg = "d"}};
  static const uint64_t at[] = {1030, 1010, 1020, 1040};
  for (int i = 0; i < 4; i++) assert_int_equal(loop_timer_set(loop, &timers[i], at[i]), 0);
  loop_turn(loop, 0);
  assert_int_equal(calls, 0);
  loop_timer_clear(loop, &timers[2]);
  loop_timer_clear(loop, &timers[2]);
  assert_int_equal(loop_timer_set(loop, &timers[3], 1005), 0); /* moved to the front */
  clock_advance_ms(30);
  loop_turn(loop, -1);
  assert_int_equal(calls, 3);
  assert_memory_equal(order, "dba", 3);
  assert_int_equal(timers[0].slot, 0);
}

static void set_again(struct loop_timer *timer) {
  calls++;
  loop_timer_set(loop, timer, timer->at_ms);
}

static void timer_set_again_by_itself_does_not_starve_the_loop(void **state) {
  (void)state;
  struct loop_timer timer = {.fired = set_again};
  loop_timer_set(loop, &timer, 1);
  loop_turn(loop, -1);
  assert_int_equal(calls, 1);
  loop_turn(loop, -1);
  assert_int_equal(calls, 2);
}

static void many_timers_keep_the_heap_in_order(void **state) {
  (void)state;
  enum { COUNT = 1000 };
  static struct loop_timer timers[COUNT];
  clock_hold(0, 0);
  for (unsigned i = 0; i < COUNT; i++) {
    timers[i] = (struct loop_timer){.fired = note_timer, .arg = "x"};
    loop_timer_set(loop, &timers[i], 1 + i * 7919u % COUNT);
  }
  for (unsigned i = 0; i < COUNT; i += 2) loop_timer_clear(loop, &timers[i]);
  for (unsigned ms = 1, fired = 0; ms <= COUNT; ms++) {
    clock_advance_ms(1);
    calls = 0;
    loop_turn(loop, 0);
    fired += (unsigned)calls;
    unsigned left = 0;
    for (unsigned i = 0; i < COUNT; i++)
      if (timers[i].slot) assert_true(timers[i].at_ms > ms), left++;
    assert_int_equal(fired + left, COUNT / 2);
  }
}

struct post {
  struct loop_task task;
  int poster, number;
};

static int last_number[POSTERS];

static void check_order(struct loop_task *task) {
  struct post *post = task->arg;
  assert_int_equal(post->number, last_number[post->poster] + 1);
  last_number[post->poster] = post->number;
  if (++calls == POSTERS * POSTS_EACH) loop_stop(loop);
}

static void *post_many(void *arg) {
  struct post *posts = arg;
  for (int i = 0; i < POSTS_EACH; i++) loop_post(loop, &posts[i].task);
  return NULL;
}

static void tasks_of_each_thread_run_once_and_in_their_order(void **state) {
  (void)state;
  static struct post posts[POSTERS][POSTS_EACH];
  pthread_t threads[POSTERS];
  for (int t = 0; t < POSTERS; t++) {
    last_number[t] = 0;
    for (int i = 0; i < POSTS_EACH; i++)
      posts[t][i] = (struct post){.task = {.run = check_order, .arg = &posts[t][i]}, .poster = t, .number = i + 1};
    pthread_create(&threads[t], NULL, post_many, posts[t]);
  }
  loop_run(loop);
  for (int t = 0; t < POSTERS; t++) pthread_join(threads[t], NULL);
  assert_int_equal(calls, POSTERS * POSTS_EACH);
}

static void post_again(struct loop_task *task) {
  if (++calls < 3)
    loop_post(loop, task);
  else
    loop_stop(loop);
}

static void task_may_post_itself_again(void **state) {
  (void)state;
  struct loop_task task = {.run = post_again};
  loop_post(loop, &task);
  loop_turn(loop, -1);
  assert_int_equal(calls, 1); /* the next round's work: one round never runs for ever */
  loop_run(loop);
  assert_int_equal(calls, 3);
}

static void stop_before_run_returns_after_at_most_a_round(void **state) {
  (void)state;
  loop_stop(loop);
  loop_run(loop);
}

static void stop_on_signal(int number) {
  (void)number;
  loop_stop(loop);
}

static void raise_signal(struct loop_task *task) {
  (void)task;
  raise(SIGUSR1);
}

static void signal_handler_may_stop_the_loop(void **state) {
  (void)state;
  struct loop_task task = {.run = raise_signal};
  signal(SIGUSR1, stop_on_signal);
  loop_post(loop, &task);
  loop_run(loop);
  signal(SIGUSR1, SIG_DFL);
}

static void *stop_it(void *arg) {
  (void)arg;
  loop_stop(loop);
  return NULL;
}

static void another_thread_may_stop_a_waiting_loop(void **state) {
  (void)state;
  pthread_t thread;
  pthread_create(&thread, NULL, stop_it, NULL);
  loop_run(loop);
  pthread_join(thread, NULL);
}

static void note_task(struct loop_task *task) {
  order[calls++ % (int)sizeof order] = *(const char *)task->arg;
}

static void timers_and_tasks_have_their_turn_among_many_events(void **state) {
  (void)state;
  enum { PIPES = 200 };
  static int fds[PIPES][2];
  static struct loop_watch watches[PIPES];
  for (int i = 0; i < PIPES; i++) {
    assert_int_equal(pipe(fds[i]), 0);
    assert_int_equal(write(fds[i][1], "x", 1), 1);
    watches[i] = (struct loop_watch){.fd = fds[i][0], .ready = count_ready};
    assert_int_equal(loop_watch_add(loop, &watches[i], EPOLLIN), 0);
  }
  struct loop_task task = {.run = note_task, .arg = "t"};
  struct loop_timer timer = {.fired = note_timer, .arg = "x"};
  loop_post(loop, &task);
  loop_timer_set(loop, &timer, 0);
  loop_turn(loop, 0);
  assert_true(calls <= 64 + 2);
  assert_int_equal(timer.slot, 0);
  for (int i = 0; i < PIPES; i++) {
    loop_watch_remove(loop, &watches[i]);
    close(fds[i][0]);
    close(fds[i][1]);
  }
}

static void *advance_clock(void *arg) {
  (void)arg;
  clock_advance_ms(3600000);
  return NULL;
}

static void stop_by_timer(struct loop_timer *timer) {
  (void)timer;
  loop_stop(loop);
}

static void waiting_loop_notices_a_clock_moved_by_another_thread(void **state) {
  (void)state;
  clock_hold(0, 1);
  struct loop_timer timer = {.fired = stop_by_timer};
  loop_timer_set(loop, &timer, 3600001);
  pthread_t thread;
  pthread_create(&thread, NULL, advance_clock, NULL);
  loop_run(loop);
  pthread_join(thread, NULL);
}

#define loop_test(name) cmocka_unit_test_setup_teardown(name, make_loop, free_loop)

int main(void) {
  const struct CMUnitTest tests[] = {
      loop_test(ready_descriptor_calls_its_watch),
      loop_test(watch_removed_in_a_callback_is_not_called_in_that_round),
      loop_test(timers_fire_in_the_order_of_their_times),
      loop_test(timer_set_again_by_itself_does_not_starve_the_loop),
      loop_test(many_timers_keep_the_heap_in_order),
      loop_test(tasks_of_each_thread_run_once_and_in_their_order),
      loop_test(task_may_post_itself_again),
      loop_test(signal_handler_may_stop_the_loop),
      loop_test(another_thread_may_stop_a_waiting_loop),
      loop_test(timers_and_tasks_have_their_turn_among_many_events),
      loop_test(waiting_loop_notices_a_clock_moved_by_another_thread),
      loop_test(stop_before_run_returns_after_at_most_a_round),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
