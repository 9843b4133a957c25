/* SPDX-License-Identifier: Apache-2.0
 * scripted_server: a peer on loopback that does exactly what a test says, in threads of its own.
 *
 *   static const struct script_step answers[] = {{SCRIPT_READ}, {SCRIPT_SEND, STR_INIT("HTTP/1.1 200 OK\r\nContent-Length:
 * 2\r\n\r\n{}")}, {SCRIPT_AGAIN}}; struct scripted_server *server = scripted_server_start(answers, NULL);
 *   fetch("http://127.0.0.1:<scripted_server_port(server)>/");
 *   scripted_server_stop(server);
 *
 * Every connection plays the script from its first step. */
#ifndef WEIGATE_SCRIPTED_SERVER_H
#define WEIGATE_SCRIPTED_SERVER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"

enum script_action {
  SCRIPT_END,   /* close the connection; also what an array ends with */
  SCRIPT_READ,  /* read one request's header */
  SCRIPT_SEND,  /* send the bytes */
  SCRIPT_ECHO,  /* answer 200 with the request's path as the body */
  SCRIPT_FLOOD, /* send them again and again until the peer leaves */
  SCRIPT_DRIP,  /* send them one at a time, every 5 ms, until the peer leaves */
  SCRIPT_HOLD,  /* do nothing until the peer leaves */
  SCRIPT_GATE,  /* do nothing until scripted_server_open_gate() */
  SCRIPT_RESET, /* end the connection with a reset */
  SCRIPT_AGAIN  /* start over on the same connection */
};

struct script_step {
  enum script_action action;
  struct str bytes;
};

#define DO_READ                                                                                                                  \
  { .action = SCRIPT_READ }
#define DO_SEND(text)                                                                                                            \
  {                                                                                                                              \
    .action = SCRIPT_SEND, .bytes = {(text), sizeof(text) - 1 }                                                                  \
  }
#define DO_ECHO                                                                                                                  \
  { .action = SCRIPT_ECHO }
#define DO_FLOOD(text)                                                                                                           \
  {                                                                                                                              \
    .action = SCRIPT_FLOOD, .bytes = {(text), sizeof(text) - 1 }                                                                 \
  }
#define DO_DRIP(text)                                                                                                            \
  {                                                                                                                              \
    .action = SCRIPT_DRIP, .bytes = {(text), sizeof(text) - 1 }                                                                  \
  }
#define DO_HOLD                                                                                                                  \
  { .action = SCRIPT_HOLD }
#define DO_GATE                                                                                                                  \
  { .action = SCRIPT_GATE }
#define DO_RESET                                                                                                                 \
  { .action = SCRIPT_RESET }
#define DO_AGAIN                                                                                                                 \
  { .action = SCRIPT_AGAIN }
#define DO_END                                                                                                                   \
  { .action = SCRIPT_END }

struct scripted_server;

/* ssl_ctx (an SSL_CTX, owned by the caller) makes the connections TLS; NULL: plain. */
struct scripted_server *scripted_server_start(const struct script_step *script, void *ssl_ctx);
/* Another script for connections from the second on. */
struct scripted_server *scripted_server_start_two(const struct script_step *first, const struct script_step *later,
                                                  void *ssl_ctx);
void scripted_server_stop(struct scripted_server *server);
unsigned scripted_server_port(const struct scripted_server *server);
void scripted_server_open_gate(struct scripted_server *server);

/* What happened so far. */
size_t scripted_server_connections(struct scripted_server *server);
size_t scripted_server_open_connections(struct scripted_server *server);
size_t scripted_server_requests(struct scripted_server *server);
/* True if the last request's header holds the text. */
bool scripted_server_saw(struct scripted_server *server, const char *text);

#endif
