/* SPDX-License-Identifier: Apache-2.0
 * fuzz_conf: whatever stands in weigate.conf, it is refused with a sentence that names the file, or its settings keep their
 * limits. */
#include "base/seal.h"
#include "base/utf8.h"
#include "conf/conf.h"
#include "conf/print.h"
#include "fuzz.h"

static void check_account(const struct account_settings *account) {
  FUZZ_CHECK(account->id[0] && account->appid && account->appid[0] && account->secret);
  FUZZ_CHECK(account->prefix[0] == '/' && account->prefix[strlen(account->prefix) - 1] != '/');
  FUZZ_CHECK(account->public_url.is_https || account->public_url.is_loopback);
  FUZZ_CHECK(account->api_urls_count <= WECHAT_HOSTS_MAX && account->allowed_origins_count <= SIGNIN_ORIGINS_MAX);
  for (size_t i = 0; i < account->allowed_origins_count; i++)
    FUZZ_CHECK(account->allowed_origins[i].is_https || account->allowed_origins[i].is_loopback);
  FUZZ_CHECK(account->connect_timeout_ms <= account->request_timeout_ms);
  FUZZ_CHECK(account->time_zone_minutes >= -840 && account->time_zone_minutes <= 840);
}

static void check_conf(const struct conf *conf) {
  FUZZ_CHECK(conf->accounts_count >= 1 && conf->accounts_count <= SIGNIN_ACCOUNTS_MAX);
  for (size_t i = 0; i < conf->accounts_count; i++) check_account(&conf->accounts[i]);
  FUZZ_CHECK(conf->server.workers >= 1 && conf->server.workers <= SERVER_WORKERS_MAX);
  FUZZ_CHECK(conf->session.idle_ms <= conf->session.lifetime_ms);
  FUZZ_CHECK(conf->store.batch_max >= 1 && conf->store.batch_max <= WEIGATE_BATCH_MAX);
}

static void check_printing(const struct conf *conf) {
  struct buf text;
  buf_init(&text, 1u << 26);
  conf_print_text(&text, conf);
  conf_print_json(&text, conf);
  FUZZ_CHECK(!text.failed && utf8_is_valid(buf_str(&text)) && !str_has(buf_str(&text), '\0') && !str_has(buf_str(&text), '\033'));
  buf_done(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct conf *conf = NULL;
  struct err err = {""};
  seal_start(NULL);
  if (conf_parse(str_make((const char *)data, size), "weigate.conf", CONF_WITHOUT_SECRETS, &conf, &err) != 0) {
    FUZZ_CHECK(conf == NULL && strncmp(err.text, "weigate.conf:", 13) == 0);
    return 0;
  }
  check_conf(conf);
  check_printing(conf);
  conf_free(conf);
  return 0;
}
