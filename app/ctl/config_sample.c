/* SPDX-License-Identifier: Apache-2.0
 * config_sample: weigatectl config sample; the installed sample file is made of it. The program's only thread. */
#include <stdio.h>

#include "base/scope.h"
#include "conf/print.h"
#include "ctl/ctl.h"

int config_sample_run(const struct ctl *ctl, struct err *err) {
  SCOPE_BUF struct buf out;
  (void)ctl;
  buf_init(&out, 65536);
  conf_print_sample(&out);
  if (out.failed) return err_set(err, "out of memory");
  fputs(buf_text(&out), stdout);
  return 0;
}
