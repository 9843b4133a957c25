/* SPDX-License-Identifier: Apache-2.0
 * handle: one connection of one storage thread: its deadline, what is asked over it, and what a failure means. */
#ifndef WEIGATE_POSTGRES_HANDLE_H
#define WEIGATE_POSTGRES_HANDLE_H

#include <libpq-fe.h>
#include <poll.h>
#include <stdbool.h>
#include <weigate/storage.h>

#include "hosts.h"
#include "text.h"

/* What the configuration keeps for a while only; the names of its options are keep_names. */
enum keep { KEEP_EVENTS, KEEP_USER_DAYS, KEEP_HISTORY, KEEP_PEOPLE, KEEP_TOMBSTONES, KEEP_REQUESTS, KEEP_COUNT };
extern const char *const keep_names[KEEP_COUNT];

/* Read-only after open, but for hosts.first. */
struct weigate_store {
  struct weigate_host host;
  struct target service;
  struct target admin;         /* a role that owns the tables; without options where dsn is for both */
  int64_t keep_ms[KEEP_COUNT]; /* 0: for ever */
};

struct weigate_handle {
  struct weigate_store *store;
  struct target *target; /* of the store: service, or admin */
  PGconn *conn;          /* NULL: to be made by the next call */
  uint64_t deadline_ms;  /* of the call in progress, by host.mono_ms */
  int64_t now_us;        /* taken once per call */
  bool is_schema_good;   /* looked at over this connection */
  bool is_fresh;         /* the connection was made by the call in progress */
  bool is_partition_missing;
  struct text people, events, tickets; /* parameters in the making */
};

/* Longest list of parameters. */
#define QUESTION_VALUES 12

/* One statement, one round trip, one transaction. */
struct question {
  const char *sql;
  const char *doing; /* "could not <doing>: …" */
  const char *values[QUESTION_VALUES];
  int count;
  bool is_write; /* lost after it was sent: the outcome is unknown */
};

/* Begins a call: takes its deadline, clears its error. WEIGATE_OK, or WEIGATE_TIMEOUT if there is no time at all. */
int handle_enter(struct weigate_handle *handle, struct weigate_call *call);
/* Makes the connection if there is none, or none any more. WEIGATE_OK or a class. */
int handle_reach(struct weigate_handle *handle, struct weigate_call *call);
/* Reaches the server, makes sure of the schema, asks. WEIGATE_OK, and the caller clears *ret_result; or a class. */
int handle_ask(struct weigate_handle *handle, struct weigate_call *call, const struct question *question, PGresult **ret_result);
/* The same without looking at the schema; several statements in one text may return no rows. */
int handle_ask_raw(struct weigate_handle *handle, struct weigate_call *call, const struct question *question,
                   PGresult **ret_result);
/* Work on the tables themselves begins and ends with these: where the configuration names an admin_dsn, its role does it. */
void handle_become_admin(struct weigate_handle *handle);
void handle_become_service(struct weigate_handle *handle);
/* Ends the connection; the next call makes a new one. */
void handle_drop(struct weigate_handle *handle);

/* Waits for POLLIN or POLLOUT of the connection; true when it is ready, false when it is not until then (host.mono_ms). */
bool handle_wait(struct weigate_handle *handle, short events, uint64_t until_ms);

uint64_t handle_ms_left(const struct weigate_handle *handle);
/* The host broke the header's rules. */
int handle_invalid(struct weigate_call *call, const char *sentence);
int handle_no_memory(struct weigate_call *call);
/* Spells a number as a parameter; `room` is the caller's. */
#define NUMBER_ROOM 24
const char *handle_number(int64_t number, char room[NUMBER_ROOM]);

/* The plugin's calls of the same names. */
int handle_connect(struct weigate_store *store, struct weigate_call *call, struct weigate_handle **ret_handle);
void handle_disconnect(struct weigate_handle *handle);

#endif
