/* SPDX-License-Identifier: Apache-2.0
 * site: an account as the tests of signin/ use it, and a browser that keeps its cookies. Include behind <cmocka.h>. */
#ifndef WEIGATE_TEST_SITE_H
#define WEIGATE_TEST_SITE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/seal.h"
#include "signin/account.h"
#include "signin/job.h"
#include "web/request.h"
#include "web/response.h"

#define KEY_A "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define KEY_B "ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100"
#define KEY_C "0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f"

/* 2026-11-22 09:33:00 UTC; where a test holds the clock, it is this. */
#define NOW_S INT64_C(1795339980)

struct site {
  struct account_settings settings;
  struct session_settings session; /* lifetime 7 days, idle 2 days */
  struct account account;
  struct response response;
  struct job job; /* asks as a phone in WeChat, in English; its answer is `response` of the job */
};

/* Members left out: "default", https://www.example.com, /weixin, wx0123456789abcdef, KEY_A. */
struct site_options {
  const char *id, *public_url, *prefix, *appid, *keys;
};

void site_open(struct site *site, const struct site_options *options);
void site_close(struct site *site);
/* Exchanges the list of keys, as a reload does. */
void site_rotate(struct site *site, const char *keys);
/* The request of the job: method GET, the path behind the prefix, and a query. */
void site_ask(struct site *site, const char *path, const char *query);

struct browser_cookie {
  char name[160];
  char value[4096];
};

struct browser {
  struct browser_cookie cookies[64];
  size_t count;
  char header[32768]; /* its Cookie header, made by browser_send() */
};

/* Keeps and deletes what the answer's Set-Cookie lines say. */
void browser_take(struct browser *browser, const struct response *response);
/* The Cookie header that it sends; valid until the next call. */
struct str browser_send(struct browser *browser);
/* The only cookie whose name begins so. */
struct browser_cookie *browser_cookie(struct browser *browser, const char *name_start);

/* True if the header block has that line ("Name: value") or, with only "Name:", such a header at all. */
bool has_line(const struct response *response, const char *line);
/* The value of the first such header into to[size], which must be there. */
void take_header(const struct response *response, const char *name, char *to, size_t size);
/* True if the body holds the text. */
bool has_text(const struct response *response, const char *text);

#endif
