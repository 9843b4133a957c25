/* SPDX-License-Identifier: Apache-2.0
 * page_qr: libqrencode's modules, joined into runs. Any thread. */
#include "web/page_qr.h"

#include <qrencode.h>

/* ISO 18004: the light frame that a scanner needs, in modules. */
enum { QUIET_ZONE = 4 };
/* Version 40, level M, bytes. */
enum { TEXT_MAX_BYTES = 2331 };

/* "M4 5h7v1h-7z": a rectangle of one module's height for each run of dark modules. */
static void add_row(struct buf *out, const unsigned char *modules, int width, int y) {
  for (int x = 0; x < width;) {
    int run = 0;
    while (x + run < width && (modules[x + run] & 1)) run++;
    if (run > 0) buf_addf(out, "M%d %dh%dv1h-%dz", x + QUIET_ZONE, y + QUIET_ZONE, run, run);
    x += run ? run : 1;
  }
}

int page_qr_add(struct buf *out, struct str text, struct str label) {
  if (text.n == 0 || text.n > TEXT_MAX_BYTES) return -1;
  QRcode *code = QRcode_encodeData((int)text.n, (const unsigned char *)text.p, 0, QR_ECLEVEL_M);
  if (!code) return -1;
  int side = code->width + 2 * QUIET_ZONE;
  buf_addf(out, "<svg class=\"qr\" viewBox=\"0 0 %d %d\" shape-rendering=\"crispEdges\" role=\"img\" aria-label=\"", side, side);
  text_html_escape(out, label);
  buf_addf(out, "\"><path fill=\"#fff\" d=\"M0 0h%dv%dh-%dz\"/><path fill=\"#111\" d=\"", side, side, side);
  for (int y = 0; y < code->width; y++) add_row(out, code->data + y * code->width, code->width, y);
  buf_add_text(out, "\"/></svg>");
  QRcode_free(code);
  return 0;
}
