/* SPDX-License-Identifier: Apache-2.0
 * page: one card in the middle of a quiet page; phone first, light and dark, nothing loaded from anywhere. Any thread. */
#include "web/page.h"

#include "base/random.h"
#include "web/page_qr.h"

/* 128 bits, as CSP Level 3 recommends; 22 characters of base64url. */
enum { NONCE_BYTES = 16, NONCE_TEXT_BYTES = 24 };

/* #07c160 is WeChat's green. The Chinese fonts are those that phones and desktops bring: PingFang (Apple), HarmonyOS and MiSans
 * (Android), Microsoft YaHei (Windows), Noto (Linux). */
static const char style[] =
    ":root{color-scheme:light dark;--bg:#ededed;--card:#fff;--text:#191919;--soft:#5d6166;--faint:#8a8f95;--line:#e3e5e8;"
    "--accent:#07c160;--press:#06ad56;--plain:#f2f2f2}"
    "@media (prefers-color-scheme:dark){:root{--bg:#111;--card:#1e1e1e;--text:#ececec;--soft:#a6abb1;--faint:#7d8288;"
    "--line:#2e2e2e;--plain:#2c2c2c}}"
    "*{box-sizing:border-box}"
    "html{height:100%;-webkit-text-size-adjust:100%}"
    "body{min-height:100%;margin:0;padding:24px 16px;display:flex;align-items:center;justify-content:center;"
    "background:var(--bg);color:var(--text);font:17px/1.6 -apple-system,BlinkMacSystemFont,\"PingFang SC\",\"HarmonyOS Sans SC\","
    "\"MiSans\",\"Microsoft YaHei\",\"Noto Sans CJK SC\",\"Noto Sans SC\",\"Segoe UI\",Roboto,\"Helvetica Neue\",sans-serif;"
    "-webkit-font-smoothing:antialiased}"
    "main{width:100%;max-width:408px;padding:40px 28px 32px;border-radius:16px;background:var(--card);text-align:center;"
    "box-shadow:0 1px 2px rgba(0,0,0,.04),0 12px 40px rgba(0,0,0,.06)}"
    ".icon{display:block;width:72px;height:72px;margin:0 auto 20px;fill:none;stroke:currentColor;stroke-width:4;"
    "stroke-linecap:round;stroke-linejoin:round;color:var(--accent)}"
    ".icon.denied{color:#fa9d3b}.icon.error{color:#fa5151}.icon.wait,.icon.info{color:#10aeff}"
    ".icon circle{fill:currentColor;stroke:none;opacity:.12}"
    "h1{margin:0 0 10px;font-size:22px;line-height:1.35;font-weight:600;overflow-wrap:anywhere;text-wrap:balance}"
    "p{margin:0;color:var(--soft);overflow-wrap:anywhere;text-wrap:pretty}"
    ".qr{display:block;width:248px;height:248px;margin:24px auto 4px;border:1px solid var(--line);border-radius:12px;"
    "background:#fff}"
    "nav{margin-top:28px;display:flex;flex-direction:column;gap:12px}"
    "form{margin:0}"
    ".button,.second{display:block;width:100%;padding:11px 20px;border:0;border-radius:8px;font:inherit;font-weight:500;"
    "text-align:center;text-decoration:none;cursor:pointer;-webkit-appearance:none;appearance:none}"
    ".button{background:var(--accent);color:#fff}.button:active,.button:hover{background:var(--press)}"
    ".second{background:var(--plain);color:var(--text)}.second:active,.second:hover{filter:brightness(.96)}"
    ":focus-visible{outline:3px solid #10aeff;outline-offset:2px}"
    ".qr~nav{margin-top:20px}"
    "small{display:block;margin-top:24px;padding-top:16px;border-top:1px solid var(--line);color:var(--faint);font-size:13px;"
    "line-height:1.5;overflow-wrap:anywhere}"
    "@media (max-width:480px){body{align-items:flex-start;padding-top:12vh}}"
    "@media (max-width:480px) and (max-height:600px){body{padding-top:16px}}";

static const struct {
  const char *name, *path;
} icons[] = {
    [PAGE_ICON_INFO] = {"info", "M36 33v17M36 23v.5"}, [PAGE_ICON_WAIT] = {"wait", "M36 21v16l10 6"},
    [PAGE_ICON_DENIED] = {"denied", "M24 36h24"},      [PAGE_ICON_ERROR] = {"error", "M36 21v19M36 50v.5"},
    [PAGE_ICON_DONE] = {"done", "M23 37l9 9 17-19"},
};

static void add_nonce(struct buf *out, const char *nonce) {
  buf_addf(out, " nonce=\"%s\"", nonce);
}

static void add_element(struct buf *out, const char *tag, struct str text) {
  if (text.n == 0) return;
  buf_addf(out, "<%s>", tag);
  text_html_escape(out, text);
  buf_addf(out, "</%s>", tag);
}

static void add_link(struct buf *out, const char *class_name, struct str text, struct str href) {
  if (text.n == 0) return;
  buf_addf(out, "<a class=\"%s\" href=\"", class_name);
  text_html_escape(out, href);
  buf_add_text(out, "\">");
  text_html_escape(out, text);
  buf_add_text(out, "</a>");
}

/* A percent-encoded part as the value of an attribute; what cannot be decoded is left out. */
static void add_decoded(struct buf *out, struct str encoded) {
  struct buf decoded;
  buf_init(&decoded, encoded.n);
  if (text_percent_decode(&decoded, encoded, true) == 0) text_html_escape(out, buf_str(&decoded));
  buf_done(&decoded);
}

static void add_hidden_fields(struct buf *out, struct str fields) {
  struct str field, name;
  while (str_split(&fields, '&', &field)) {
    if (field.n == 0 || !str_split(&field, '=', &name)) continue;
    buf_add_text(out, "<input type=\"hidden\" name=\"");
    add_decoded(out, name);
    buf_add_text(out, "\" value=\"");
    add_decoded(out, field);
    buf_add_text(out, "\">");
  }
}

static void add_form(struct buf *out, const struct page *page) {
  if (page->post_button.n == 0 || page->post_href.n == 0) return;
  buf_add_text(out, "<form method=\"post\" action=\"");
  text_html_escape(out, page->post_href);
  buf_add_text(out, "\">");
  add_hidden_fields(out, page->post_fields);
  buf_add_text(out, "<button class=\"button\" type=\"submit\">");
  text_html_escape(out, page->post_button);
  buf_add_text(out, "</button></form>");
}

static void add_icon(struct buf *out, enum page_icon icon) {
  buf_addf(out,
           "<svg class=\"icon %s\" viewBox=\"0 0 72 72\" aria-hidden=\"true\"><circle cx=\"36\" cy=\"36\" r=\"36\"/><path "
           "d=\"%s\"/></svg>",
           icons[icon].name, icons[icon].path);
}

static void add_head(struct buf *out, const struct page *page, const char *nonce) {
  buf_addf(out, "<!doctype html><html lang=\"%s\"><head><meta charset=\"utf-8\">", page->is_chinese ? "zh-CN" : "en");
  buf_add_text(out, "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1,viewport-fit=cover\">"
                    "<meta name=\"robots\" content=\"noindex\"><meta name=\"color-scheme\" content=\"light dark\">");
  /* Under no-referrer a form is sent with "Origin: null", which an old browser's POST could not be told from a foreign one by. */
  if (page->post_button.n > 0) buf_add_text(out, "<meta name=\"referrer\" content=\"origin\">");
  if (page->refresh_s > 0) buf_addf(out, "<meta http-equiv=\"refresh\" content=\"%d\">", page->refresh_s);
  add_element(out, "title", page->title);
  if (!*nonce) return; /* no random bytes, no nonce: the page stays plain */
  buf_add_text(out, "<style");
  add_nonce(out, nonce);
  buf_addf(out, ">%s</style>", style);
}

static void add_card(struct buf *out, const struct page *page) {
  bool has_ways = page->button.n || page->second.n || page->post_button.n;
  if (page->qr_text.n == 0) add_icon(out, page->icon);
  add_element(out, "h1", page->title);
  add_element(out, "p", page->sentence);
  if (page->qr_text.n > 0) page_qr_add(out, page->qr_text, page->title);
  if (has_ways) buf_add_text(out, "<nav>");
  add_form(out, page);
  add_link(out, "button", page->button, page->button_href);
  add_link(out, "second", page->second, page->second_href);
  if (has_ways) buf_add_text(out, "</nav>");
  add_element(out, "small", page->detail);
}

static void add_script(struct buf *out, struct str script, const char *nonce) {
  if (script.n == 0 || !*nonce) return;
  buf_add_text(out, "<script");
  add_nonce(out, nonce);
  buf_add_text(out, ">");
  buf_add_str(out, script);
  buf_add_text(out, "</script>");
}

/* 'none' for everything, and back in what this page has. */
static void add_policy(struct response *response, const struct page *page, const char *nonce) {
  struct buf text;
  buf_init(&text, 512);
  buf_add_text(&text, "default-src 'none'; ");
  if (*nonce) buf_addf(&text, "style-src 'nonce-%s'; ", nonce);
  if (*nonce && page->script.n > 0) buf_addf(&text, "script-src 'nonce-%s'; connect-src 'self'; ", nonce);
  buf_add_text(&text, "img-src data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'");
  response_header(response, "Content-Security-Policy", buf_str(&text));
  if (text.failed) response->refused = true;
  buf_done(&text);
}

void page_write(struct response *response, const struct page *page) {
  uint8_t random[NONCE_BYTES];
  char nonce[NONCE_TEXT_BYTES] = "";
  struct buf *out = &response->body;
  if (random_bytes(random, sizeof random) == 0) text_base64url_encode(nonce, random, sizeof random);
  response_status(response, page->status);
  response_private(response);
  response_type(response, "text/html; charset=utf-8");
  add_policy(response, page, nonce);
  response_header(response, "X-Frame-Options", STR("DENY"));
  add_head(out, page, nonce);
  buf_add_text(out, "</head><body><main>");
  add_card(out, page);
  buf_add_text(out, "</main>");
  add_script(out, page->script, nonce);
  buf_add_text(out, "</body></html>\n");
}
