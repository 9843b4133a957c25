/* SPDX-License-Identifier: Apache-2.0
 * peers: a reactor on a real socket with a held clock, and the web server's side of its connections; for test_conn and
 * test_reactor. */
#ifndef WEIGATE_TESTS_PEERS_H
#define WEIGATE_TESTS_PEERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/loop.h"
#include "fcgi/reactor.h"
#include "records.h"

#define HEAD_DEADLINE_MS 5000
#define IDLE_DEADLINE_MS 3600000
#define REPLY            "Status: 204 No Content\r\n\r\n"
#define WAITING_MAX      16

extern struct loop *loop;
extern struct reactor *reactor;
extern struct fcgi_settings settings; /* also the handler's arg */
extern int listen_fd;
extern struct buf request, pairs, answer; /* to be sent; PARAMS of a GET; what has come back */

/* The handler answers at once with REPLY and the request's body, or leaves the exchange in `waiting`. */
extern bool answers_at_once;
extern struct fcgi_exchange *waiting[WAITING_MAX];
extern size_t waiting_count, handled_count;

/* cmocka fixtures: with a reactor on a Unix socket, or with start_reactor() left to the test. */
int peers_prepare(void **state);
int peers_start(void **state);
int peers_finish(void **state);
void listen_on_tcp(void);
void start_reactor(void);
void handle_request(struct fcgi_exchange *exchange, void *arg);

/* Lets the reactor do what there is to do. */
void turn(void);
void wait_ms(int64_t ms);

int dial(void);
void say(int fd, struct str bytes);
void say_request(int fd, uint16_t id, uint8_t flags);
/* Everything that has come back so far goes to `answer`; true once the reactor has closed the connection. */
bool hear(int fd);
void assert_open(int fd);
void assert_closed(int fd);
/* END_REQUEST records for that id. */
size_t count_ended(uint16_t id);
/* A normal request on a new connection succeeds. */
void assert_serves(void);

#endif
