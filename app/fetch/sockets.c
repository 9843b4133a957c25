/* SPDX-License-Identifier: Apache-2.0
 * sockets: a table by descriptor, each entry with its watch; the loop's thread. */
#include "fetch/sockets.h"

#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

/* The table grows in steps of this many descriptors. */
#define TABLE_STEP 256

struct socket_entry {
  struct loop_watch watch;
  struct sockets *sockets;
  struct lane *lane;
  uint32_t events;
  bool is_in_epoll;
  bool is_wanted; /* curl waits for it; else a kept connection, or one that curl is busy with */
  bool is_ours;   /* made by sockets_add(), so that its closing is seen */
};

static void leave_epoll(struct socket_entry *entry) {
  if (entry->is_in_epoll) loop_watch_remove(entry->sockets->loop, &entry->watch);
  entry->is_in_epoll = false;
}

static void take_events(struct loop_watch *watch, uint32_t epoll_events) {
  struct socket_entry *entry = watch->arg;
  int events = 0;
  if (!entry->is_wanted) { /* the peer of a kept connection spoke or left; curl sees it when it wants the connection again */
    leave_epoll(entry);
    return;
  }
  if (epoll_events & (EPOLLIN | EPOLLERR | EPOLLHUP)) events |= CURL_CSELECT_IN;
  if (epoll_events & EPOLLOUT) events |= CURL_CSELECT_OUT;
  if (epoll_events & (EPOLLERR | EPOLLHUP)) events |= CURL_CSELECT_ERR;
  entry->sockets->ready(entry->lane, watch->fd, events);
}

static int make_room(struct sockets *sockets, size_t fd) {
  if (fd < sockets->count) return 0;
  size_t count = (fd / TABLE_STEP + 1) * TABLE_STEP;
  struct socket_entry **table = realloc(sockets->table, count * sizeof *table);
  if (!table) return -1;
  for (size_t i = sockets->count; i < count; i++) table[i] = NULL;
  sockets->table = table;
  sockets->count = count;
  return 0;
}

static struct socket_entry *find_entry(const struct sockets *sockets, curl_socket_t fd) {
  return (size_t)fd < sockets->count ? sockets->table[fd] : NULL;
}

static struct socket_entry *make_entry(struct sockets *sockets, struct lane *lane, curl_socket_t fd) {
  struct socket_entry *entry = make_room(sockets, (size_t)fd) == 0 ? calloc(1, sizeof *entry) : NULL;
  if (!entry) return NULL;
  entry->watch = (struct loop_watch){.fd = fd, .ready = take_events, .arg = entry};
  entry->sockets = sockets;
  entry->lane = lane;
  return sockets->table[fd] = entry;
}

static void drop_entry(struct socket_entry *entry) {
  leave_epoll(entry);
  entry->sockets->table[entry->watch.fd] = NULL;
  free(entry);
}

static void enter_epoll(struct socket_entry *entry, uint32_t events) {
  struct loop *loop = entry->sockets->loop;
  if (entry->is_in_epoll && entry->events == events) return;
  int failed = entry->is_in_epoll ? loop_watch_change(loop, &entry->watch, events) : loop_watch_add(loop, &entry->watch, events);
  entry->is_in_epoll = !failed;
  entry->events = events;
}

void sockets_init(struct sockets *sockets, struct loop *loop, sockets_ready_fn *ready) {
  *sockets = (struct sockets){.loop = loop, .ready = ready};
}

void sockets_done(struct sockets *sockets) {
  for (size_t i = 0; i < sockets->count; i++)
    if (sockets->table[i]) drop_entry(sockets->table[i]);
  free(sockets->table);
  *sockets = (struct sockets){0};
}

/* curl closes a socket that never got connected without a word; its number comes back with a later one. */
static void drop_stale(struct sockets *sockets, curl_socket_t fd) {
  struct socket_entry *entry = find_entry(sockets, fd);
  if (!entry) return;
  if (entry->is_ours) entry->lane->sockets_count--;
  drop_entry(entry);
}

int sockets_add(struct sockets *sockets, struct lane *lane, curl_socket_t fd) {
  drop_stale(sockets, fd);
  struct socket_entry *entry = make_entry(sockets, lane, fd);
  if (!entry) return -1;
  entry->is_ours = true;
  return 0;
}

int sockets_close(struct sockets *sockets, curl_socket_t fd) {
  struct socket_entry *entry = find_entry(sockets, fd);
  if (entry) drop_entry(entry);
  return close(fd);
}

void sockets_want(struct sockets *sockets, struct lane *lane, curl_socket_t fd, int what) {
  struct socket_entry *entry = find_entry(sockets, fd);
  if (what == CURL_POLL_REMOVE) {
    if (!entry) return;
    entry->is_wanted = false;
    if (!entry->is_ours) drop_entry(entry);
    return;
  }
  if (!entry) entry = make_entry(sockets, lane, fd);
  if (!entry) return;
  entry->is_wanted = true;
  enter_epoll(entry, (what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u));
}
