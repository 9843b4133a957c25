/* SPDX-License-Identifier: Apache-2.0
 * audit: finds the log that the service writes to; the program's only thread. */
#include "ctl/audit.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/random.h"
#include "base/scope.h"
#include "conf/file.h"
#include "ctl/call.h"
#include "store/host.h"

#define LINE_MAX_BYTES 1024
/* 16 hex digits tell people of one site apart, and are searched for by who knows the openid. */
#define PERSON_DIGEST_BYTES 8

/* As the program was started; commands become the service's user on their way. */
static uid_t started_uid;

void audit_start(void) {
  started_uid = getuid();
}

/* The kernel keeps who logged in through sudo and su; 4294967295 stands for nobody. */
static void name_user(char *to, size_t size) {
  char text[16] = "";
  FILE *file = fopen("/proc/self/loginuid", "re");
  if (file && !fgets(text, sizeof text, file)) text[0] = '\0';
  if (file) fclose(file);
  uint64_t login;
  bool is_known = text_parse_u64(str_of(text), UINT32_MAX - 1, &login) == 0;
  if (is_known && login != started_uid)
    snprintf(to, size, "uid %u (login %llu)", (unsigned)started_uid, (unsigned long long)login);
  else
    snprintf(to, size, "uid %u", (unsigned)started_uid);
}

/* A file that is not there yet is not made here: it would belong to whoever runs weigatectl. */
static int write_to(const char *destination, const struct log_settings *log, const char *text) {
  struct log_settings settings = *log;
  settings.destination = destination;
  if (log_open(&settings, NULL) != 0) return -1;
  log_audit("%s", text);
  log_open(&(struct log_settings){.level = LOG_LEVEL_INFO, .destination = "stderr"}, NULL); /* the rest belongs to our user */
  return 0;
}

static void write_line(const struct conf *conf, const char *text) {
  const char *destination = conf->log.destination;
  bool is_file = str_starts(str_of(destination), STR("/")) && access(destination, W_OK) == 0;
  if (is_file && write_to(destination, &conf->log, text) == 0) return;
  if (call_audit(conf, text) != 0) write_to("syslog", &conf->log, text);
}

void audit_begin(struct audit *audit, const struct conf *conf, const char *what, const char *details) {
  uint8_t id[4] = {0};
  char text[LINE_MAX_BYTES];
  *audit = (struct audit){.conf = conf, .what = what};
  name_user(audit->who, sizeof audit->who);
  (void)random_bytes(id, sizeof id);
  text_hex_encode(audit->id, id, sizeof id);
  snprintf(text, sizeof text, "audit %s: %s begins %s%s%s", audit->id, audit->who, what, *details ? ": " : "", details);
  write_line(conf, text);
}

void audit_end(const struct audit *audit, int result, const char *format, ...) {
  char details[LINE_MAX_BYTES / 2], text[LINE_MAX_BYTES];
  va_list args;
  va_start(args, format);
  vsnprintf(details, sizeof details, format, args);
  va_end(args);
  snprintf(text, sizeof text, "audit %s: %s %s %s: %s", audit->id, audit->who, result == 0 ? "has done" : "could not finish",
           audit->what, details);
  write_line(audit->conf, text);
}

void audit_name_person(struct str appid, struct str openid, char to[AUDIT_PERSON_BYTES]) {
  SCOPE_BUF struct buf key;
  uint8_t hash[32];
  char hex[2 * PERSON_DIGEST_BYTES + 1];
  buf_init(&key, WEIGATE_APPID_MAX + WEIGATE_OPENID_MAX + 1);
  buf_add_str(&key, appid);
  buf_add_char(&key, '\0');
  buf_add_str(&key, openid);
  host_services.digest(key.data, key.len, hash);
  text_hex_encode(hex, hash, PERSON_DIGEST_BYTES);
  snprintf(to, AUDIT_PERSON_BYTES, "person %s", hex);
}
