/* SPDX-License-Identifier: Apache-2.0
 * generations: asks the master now and then; the program's only thread. */
#include "ctl/generations.h"

#include <stdio.h>
#include <time.h>

#include <cjson/cJSON.h>

#include "base/json.h"
#include "base/scope.h"
#include "ctl/call.h"
#include "ctl/progress.h"

#define LOOK_EVERY_MS 100
/* Status of 256 workers, 4 KiB each. */
#define ANSWER_MAX_BYTES 1048576

static bool has_leaving_worker(const struct conf *conf) {
  SCOPE_BUF struct buf line;
  cJSON *answer = NULL;
  const cJSON *worker;
  struct str state;
  bool found = false;
  buf_init(&line, ANSWER_MAX_BYTES);
  if (call_master(conf, "status", &line, &answer, NULL) != 0) return false;
  cJSON_ArrayForEach(worker, cJSON_GetObjectItemCaseSensitive(answer, "workers")) found =
      found || (json_get_string(worker, "state", &state) == JSON_GOT && str_eq(state, STR("leaving")));
  cJSON_Delete(answer);
  return found;
}

bool generations_wait_for_last(const struct conf *conf) {
  if (!conf->server.control_socket) return true;
  for (bool is_first = true; has_leaving_worker(conf); is_first = false) {
    if (progress_is_interrupted()) return false;
    if (is_first) fprintf(stderr, "waiting for workers of the earlier configuration to finish their requests\n");
    nanosleep(&(struct timespec){.tv_nsec = LOOK_EVERY_MS * 1000000}, NULL);
  }
  return true;
}
