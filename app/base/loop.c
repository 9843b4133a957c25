/* SPDX-License-Identifier: Apache-2.0
 * loop: epoll, a heap of timers and an inbox; everything but loop_post() and loop_stop() runs on the loop's own thread. */
#include "base/loop.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"

/* Events of one round; small enough that timers and inbox are looked at every few hundred microseconds under load. */
#define LOOP_EVENTS_MAX 64
/* With a held clock the kernel cannot know when a timer is due. */
#define LOOP_HELD_WAIT_MS 5
#define LOOP_TIMERS_FIRST 64

struct loop {
  int epoll_fd, wake_fd;
  atomic_bool stopped;
  _Atomic(struct loop_task *) inbox; /* newest first; turned round before it runs */
  struct loop_timer **timers;        /* binary heap, the next due at 0 */
  size_t timer_count, timer_cap;
  struct epoll_event events[LOOP_EVENTS_MAX];
  int event_count, event_next; /* those of this round that were not handled yet */
};

/* The loop whose round this thread is in: posting to it needs no wake-up. */
static _Thread_local struct loop *turning;

static void place_timer(struct loop *loop, struct loop_timer *timer, size_t at) {
  loop->timers[at] = timer;
  timer->slot = at + 1;
}

static void sift_up(struct loop *loop, struct loop_timer *timer, size_t at) {
  while (at > 0 && loop->timers[(at - 1) / 2]->at_ms > timer->at_ms) {
    place_timer(loop, loop->timers[(at - 1) / 2], at);
    at = (at - 1) / 2;
  }
  place_timer(loop, timer, at);
}

static void sift_down(struct loop *loop, struct loop_timer *timer, size_t at) {
  for (;;) {
    size_t child = 2 * at + 1;
    if (child >= loop->timer_count) break;
    if (child + 1 < loop->timer_count && loop->timers[child + 1]->at_ms < loop->timers[child]->at_ms) child++;
    if (loop->timers[child]->at_ms >= timer->at_ms) break;
    place_timer(loop, loop->timers[child], at);
    at = child;
  }
  place_timer(loop, timer, at);
}

/* Moves a timer that stands in the heap at `at` to where its time belongs. */
static void settle_timer(struct loop *loop, struct loop_timer *timer, size_t at) {
  sift_up(loop, timer, at);
  sift_down(loop, timer, timer->slot - 1);
}

static int make_room(struct loop *loop) {
  if (loop->timer_count < loop->timer_cap) return 0;
  size_t cap = loop->timer_cap ? loop->timer_cap * 2 : LOOP_TIMERS_FIRST;
  struct loop_timer **timers = realloc(loop->timers, cap * sizeof *timers);
  if (!timers) return -1;
  loop->timers = timers;
  loop->timer_cap = cap;
  return 0;
}

static void wake(struct loop *loop) {
  uint64_t one = 1;
  ssize_t n = write(loop->wake_fd, &one, sizeof one); /* EAGAIN: the counter is full, so the loop is awake already */
  (void)n;
}

static void clear_wake(struct loop *loop) {
  uint64_t count;
  ssize_t n = read(loop->wake_fd, &count, sizeof count);
  (void)n;
}

static int choose_wait_ms(struct loop *loop, int wait_ms) {
  if (atomic_load(&loop->inbox) || atomic_load(&loop->stopped)) return 0;
  if (loop->timer_count > 0) {
    uint64_t now = clock_mono_ms(), at = loop->timers[0]->at_ms;
    uint64_t until = at > now ? at - now : 0;
    if (wait_ms < 0 || until < (uint64_t)wait_ms) wait_ms = until < 3600000 ? (int)until : 3600000;
  }
  if (clock_is_held() && (wait_ms < 0 || wait_ms > LOOP_HELD_WAIT_MS)) return LOOP_HELD_WAIT_MS;
  return wait_ms;
}

static void handle_events(struct loop *loop) {
  while (loop->event_next < loop->event_count) {
    struct epoll_event event = loop->events[loop->event_next++];
    struct loop_watch *watch = event.data.ptr;
    if (watch)
      watch->ready(watch, event.events);
    else
      clear_wake(loop);
  }
}

/* Those due now, each at most once: a timer set again by its own callback waits for the next round. */
static void fire_timers(struct loop *loop) {
  uint64_t now = clock_mono_ms();
  for (size_t left = loop->timer_count; left > 0 && loop->timer_count > 0 && loop->timers[0]->at_ms <= now; left--) {
    struct loop_timer *timer = loop->timers[0];
    loop_timer_clear(loop, timer);
    timer->fired(timer);
  }
}

static void run_tasks(struct loop *loop) {
  struct loop_task *newest = atomic_exchange(&loop->inbox, NULL), *oldest = NULL;
  while (newest) {
    struct loop_task *next = newest->next;
    newest->next = oldest;
    oldest = newest;
    newest = next;
  }
  while (oldest) {
    struct loop_task *task = oldest;
    oldest = task->next; /* before run(): the task may be posted again or freed by it */
    task->run(task);
  }
}

int loop_new(struct loop **ret_loop, struct err *err) {
  struct loop *loop = calloc(1, sizeof *loop);
  if (!loop) return err_set(err, "loop: out of memory");
  loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
  if (loop->epoll_fd < 0 || loop->wake_fd < 0 || epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, loop->wake_fd, &event) != 0) {
    err_set(err, "loop: cannot make an epoll set: %m; raise the limit of open files (ulimit -n)");
    loop_free(loop);
    return -1;
  }
  *ret_loop = loop;
  return 0;
}

void loop_free(struct loop *loop) {
  if (!loop) return;
  if (loop->epoll_fd >= 0) close(loop->epoll_fd);
  if (loop->wake_fd >= 0) close(loop->wake_fd);
  free(loop->timers);
  free(loop);
}

int loop_watch_add(struct loop *loop, struct loop_watch *watch, uint32_t epoll_events) {
  struct epoll_event event = {.events = epoll_events, .data.ptr = watch};
  return epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, watch->fd, &event);
}

int loop_watch_change(struct loop *loop, struct loop_watch *watch, uint32_t epoll_events) {
  struct epoll_event event = {.events = epoll_events, .data.ptr = watch};
  return epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, watch->fd, &event);
}

void loop_watch_remove(struct loop *loop, struct loop_watch *watch) {
  epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
  int kept = loop->event_next;
  for (int i = loop->event_next; i < loop->event_count; i++)
    if (loop->events[i].data.ptr != watch) loop->events[kept++] = loop->events[i];
  loop->event_count = kept;
}

int loop_timer_set(struct loop *loop, struct loop_timer *timer, uint64_t at_ms) {
  if (timer->slot == 0) {
    if (make_room(loop) != 0) return -1;
    timer->at_ms = at_ms;
    sift_up(loop, timer, loop->timer_count++);
    return 0;
  }
  timer->at_ms = at_ms;
  settle_timer(loop, timer, timer->slot - 1);
  return 0;
}

void loop_timer_clear(struct loop *loop, struct loop_timer *timer) {
  if (timer->slot == 0) return;
  size_t at = timer->slot - 1;
  struct loop_timer *last = loop->timers[--loop->timer_count];
  timer->slot = 0;
  if (last != timer) settle_timer(loop, last, at);
}

void loop_post(struct loop *loop, struct loop_task *task) {
  struct loop_task *head = atomic_load(&loop->inbox);
  do task->next = head;
  while (!atomic_compare_exchange_weak(&loop->inbox, &head, task));
  if (!head && turning != loop) wake(loop); /* whoever found the inbox empty wakes the loop for all that follow */
}

void loop_turn(struct loop *loop, int wait_ms) {
  struct loop *outer = turning;
  turning = loop;
  int n = epoll_wait(loop->epoll_fd, loop->events, LOOP_EVENTS_MAX, choose_wait_ms(loop, wait_ms));
  loop->event_next = 0;
  loop->event_count = n > 0 ? n : 0;
  handle_events(loop);
  fire_timers(loop);
  run_tasks(loop);
  turning = outer;
}

void loop_run(struct loop *loop) {
  while (!atomic_load(&loop->stopped)) loop_turn(loop, -1);
  atomic_store(&loop->stopped, false);
}

void loop_stop(struct loop *loop) {
  int saved_errno = errno;
  atomic_store(&loop->stopped, true);
  wake(loop);
  errno = saved_errno;
}
