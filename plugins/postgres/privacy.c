/* SPDX-License-Identifier: Apache-2.0
 * privacy: what the law gives a person a right to, beyond erasing. Storage threads. */
#include <stdio.h>

#include "../common/check.h"
#include "parts.h"
#include "record.h"

static int export_person(struct weigate_handle *handle, struct weigate_call *call, const struct weigate_key *key,
                         weigate_text_sink sink, void *context) {
  char appid[WEIGATE_APPID_MAX + 1], openid[WEIGATE_OPENID_MAX + 1];
  PGresult *result = NULL;
  int class = handle_enter(handle, call);
  if (class != WEIGATE_OK) return class;
  struct weigate_key copy = check_copy_key(key);
  if (check_key(&copy)) return handle_invalid(call, "export_person: the key breaks a limit");
  snprintf(appid, sizeof(appid), "%.*s", (int)copy.appid.size, copy.appid.bytes);
  snprintf(openid, sizeof(openid), "%.*s", (int)copy.openid.size, copy.openid.bytes);
  struct question question = {.sql = "SELECT pg_catalog.jsonb_pretty(weigate.privacy_export($1, $2))",
                              .doing = "gather what is stored of a person",
                              .values = {appid, openid},
                              .count = 2};
  class = handle_ask(handle, call, &question, &result);
  if (class == WEIGATE_OK && PQntuples(result) == 1 && !PQgetisnull(result, 0, 0)) sink(context, record_text(result, 0, 0));
  PQclear(result);
  return class;
}

const struct weigate_privacy_v1 privacy_extension = {.struct_size = sizeof(struct weigate_privacy_v1),
                                                     .export_person = export_person};
