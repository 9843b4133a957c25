/* SPDX-License-Identifier: Apache-2.0
 * docs: prints the sample file or the options of the manual page; built and run by make, not installed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/scope.h"
#include "conf/print.h"

int main(int argc, char **argv) {
  SCOPE_BUF struct buf out;
  buf_init(&out, 1u << 20);
  if (argc == 2 && strcmp(argv[1], "sample") == 0) {
    conf_print_sample(&out);
  } else if (argc == 2 && strcmp(argv[1], "man") == 0) {
    conf_print_man(&out);
  } else {
    fputs("usage: conf-docs sample|man\n", stderr);
    return EXIT_FAILURE;
  }
  fwrite(out.data, 1, out.len, stdout);
  return !out.failed && fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
