/* SPDX-License-Identifier: Apache-2.0
 * fault_kinds: the ready-made faults; each is a set of fields that a request can add to or change. Read-only. */
#include "faults.h"

/* clang-format off */
const struct fault_kind fault_kinds[] = {
  {"busy", NULL, "-1, system busy; the code is not used up", "{\"errcode\":-1}"},
  {"bad_code", "access_token", "40029, invalid code", "{\"errcode\":40029}"},
  {"used_code", "access_token", "40163, code been used", "{\"errcode\":40163}"},
  {"expired_code", "access_token", "42003, code expired", "{\"errcode\":42003}"},
  {"wrong_secret", "access_token", "40125, invalid appsecret", "{\"errcode\":40125}"},
  {"bad_token", "userinfo", "40001, token invalid or not the newest", "{\"errcode\":40001}"},
  {"expired_token", "userinfo", "42001, access token expired", "{\"errcode\":42001}"},
  {"quota_day", NULL, "45009, the day's quota is used up", "{\"errcode\":45009}"},
  {"quota_minute", NULL, "45011, the minute's quota is used up", "{\"errcode\":45011}"},
  {"banned", NULL, "48004, api banned", "{\"errcode\":48004}"},
  {"errcode_text", NULL, "40029 as a text instead of a number", "{\"errcode\":\"40029\"}"},
  {"errcode_with_openid", "access_token", "an error and a good answer in the same object",
   "{\"errcode\":40029,\"keep_fields\":true}"},
  {"errcode_zero", NULL, "errcode 0 beside a good answer", "{\"errcode\":0,\"keep_fields\":true}"},
  {"empty_gbk", NULL, "an empty 200 as text/html; charset=gbk", "{\"content_type\":\"text/html; charset=gbk\",\"body\":\"\"}"},
  {"captive_page", NULL, "somebody's log-in page with status 200", "{\"content_type\":\"text/html\",\"body\":"
   "\"<!DOCTYPE html><html><head><title>Wi-Fi</title></head><body><form action=/login>Please sign in</form></body></html>\"}"},
  {"gateway_error", NULL, "502 with an HTML page",
   "{\"status\":502,\"content_type\":\"text/html\",\"body\":\"<html><h1>502 Bad Gateway</h1></html>\"}"},
  {"throttled", NULL, "503 with Retry-After: 2",
   "{\"status\":503,\"retry_after\":2,\"content_type\":\"text/html\",\"body\":\"<html>busy</html>\"}"},
  {"json_type", NULL, "application/json instead of text/plain", "{\"content_type\":\"application/json; encoding=utf-8\"}"},
  {"no_type", NULL, "no Content-Type at all", "{\"content_type\":null}"},
  {"bom", NULL, "a byte order mark before the answer", "{\"bom\":true}"},
  {"reversed", NULL, "members in reverse order", "{\"reversed\":true}"},
  {"extra_members", NULL, "twenty unknown members", "{\"extra_members\":20}"},
  {"odd_expiry", "access_token", "expires_in -1", "{\"set\":{\"expires_in\":-1}}"},
  {"other_openid", "userinfo", "the openid of somebody else", "{\"set\":{\"openid\":\"oSomebodyElse-0000000000000\"}}"},
  {"became_base", "access_token", "the scope came back as snsapi_base", "{\"set\":{\"scope\":\"snsapi_base\"}}"},
  {"became_snapshot", "access_token", "is_snapshotuser 1", "{\"set\":{\"is_snapshotuser\":1}}"},
  {"jsonp", NULL, "the answer wrapped in a call", "{\"body\":\"callback({\\\"openid\\\":\\\"oX\\\"})\"}"},
  {"slow", NULL, "answers after 3 seconds", "{\"delay_ms\":3000}"},
  {"hanging", NULL, "answers after 10 minutes", "{\"delay_ms\":600000}"},
  {"dripping", NULL, "one byte a second", "{\"drip_ms\":1000}"},
  {"truncated", NULL, "closes after 20 bytes of the body", "{\"truncate_at\":20}"},
  {"closed", NULL, "closes without an answer; the call took effect", "{\"close\":true}"},
  {"reset", NULL, "resets the connection; the call took effect", "{\"reset\":true}"},
  {"redirected", NULL, "302 to somewhere else", "{\"redirect\":\"http://127.0.0.1:1/elsewhere\"}"},
  {"oversize", NULL, "8 MiB of blanks inside the answer", "{\"blanks\":8388608}"},
  {"endless_body", NULL, "a body that never ends", "{\"endless\":true}"},
  {"gzip", NULL, "compressed although nobody asked", "{\"gzip\":true}"},
  {"gzip_bomb", NULL, "a compressed body that becomes 256 MiB", "{\"gzip_bomb_bytes\":268435456}"},
  {"endless_headers", NULL, "header fields that never end (http only)",
   "{\"raw\":\"HTTP/1.1 200 OK\\r\\n\",\"raw_repeat\":\"X-Filler: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\\r\\n\"}"},
  {"endless_continue", NULL, "100 Continue again and again (http only)",
   "{\"raw\":\"\",\"raw_repeat\":\"HTTP/1.1 100 Continue\\r\\n\\r\\n\",\"raw_repeat_ms\":10}"},
  {"garbage", NULL, "bytes that are not HTTP (http only)", "{\"raw\":\"\\u0001\\u0002 weigate? never heard of it\\n\\n\"}"},
  {"double_same", "authorize", "the browser calls back twice with the same code", "{\"double_callback\":\"same_code\"}"},
  {"double_two", "authorize", "the browser calls back twice, same state, two codes", "{\"double_callback\":\"two_codes\"}"},
};
/* clang-format on */

const size_t fault_kinds_count = sizeof fault_kinds / sizeof fault_kinds[0];
