/* SPDX-License-Identifier: Apache-2.0
 * side: start and end of what serves one store. In a worker, after fork. */
#include "store/side.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"

/* What a plugin's call may take beyond its time (100 ms by its promise), before a thread counts as lost. */
#define HANG_MS 1000

static size_t within(size_t value, size_t most) {
  return value == 0 ? 1 : value < most ? value : most;
}

/* A plugin with few writers gets threads of their own for them, the others read; one for which it does not matter gets threads
 * that do both. */
static size_t writers_of(const struct side *side, size_t threads) {
  size_t most = side->shared.plugin.desc->writers_max;
  return most == 0 || threads <= most ? threads : most;
}

static int start_runners(struct side *side, struct loop *loop, size_t threads, struct err *err) {
  size_t writers = writers_of(side, threads);
  if (queue_new(loop, writers == threads, writers, threads - writers, &side->shared.queue, err) != 0) return -1;
  resend_init(&side->resend, loop, side->shared.queue);
  for (size_t i = 0; i < threads; i++) {
    enum queue_lane lane = i < writers ? QUEUE_WRITES : QUEUE_READS;
    if (runner_start(&side->shared, lane, i == threads - 1, i == 0, &side->runners[i], err) != 0) return -1;
    side->runner_count++;
  }
  return 0;
}

int side_start(struct side *side, struct loop *loop, const struct plugin_settings *plugin, const struct store_settings *settings,
               struct err *err) {
  struct runner_shared *shared = &side->shared;
  side->target = plugin->plugin;
  if (plugin_load(plugin, &shared->plugin, err) != 0) return -1;
  if (runner_shared_init(shared) != 0) {
    plugin_unload(&shared->plugin);
    return err_set(err, "storage: cannot make its locks");
  }
  shared->batch_max = within(settings->batch_max, WEIGATE_BATCH_MAX);
  shared->deadline_ms = settings->deadline_ms;
  shared->has_spool = settings->spool.dir != NULL;
  shared->resend = &side->resend;
  shared->health.state = WEIGATE_DOWN;
  snprintf(shared->health.text, sizeof(shared->health.text), "not asked yet");
  if (start_runners(side, loop, within(settings->threads, SIDE_THREADS_MAX), err) != 0) return -1;
  log_info("storage: plugin %s %s from %s (sha256 %.16s…), %zu threads", shared->plugin.desc->name, shared->plugin.desc->version,
           shared->plugin.path, shared->plugin.digest, side->runner_count);
  if (!shared->plugin.tickets)
    log_warn("storage: plugin %s has no tickets: codes and revocations hold in one worker only", shared->plugin.desc->name);
  return 0;
}

int side_stop(struct side *side) {
  struct runner_shared *shared = &side->shared;
  if (!shared->plugin.desc) return 0;
  if (shared->queue) queue_stop(shared->queue);
  size_t lost = runner_wait_all(shared, clock_mono_ms() + shared->deadline_ms + HANG_MS);
  if (lost) {
    /* What they hold must not be freed under them; the process is about to end anyway. */
    log_error("storage: %zu threads hang in plugin %s", lost, shared->plugin.desc->name);
    return -1;
  }
  for (size_t i = 0; i < side->runner_count; i++) runner_join(side->runners[i]);
  drain_join(side->drain);
  resend_done(&side->resend);
  queue_free(shared->queue);
  plugin_unload(&shared->plugin);
  runner_shared_done(shared);
  return 0;
}
