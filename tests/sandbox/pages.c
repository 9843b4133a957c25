/* SPDX-License-Identifier: Apache-2.0
 * pages: writes the visitor's pages; server threads. */
#include "pages.h"

#include <stdlib.h>

#include "base/json.h"
#include "base/scope.h"
#include "derive.h"
#include "people.h"

static const char common_style[] =
    ":root{color-scheme:light "
    "dark;--bg:#ededed;--card:#fff;--text:#191919;--soft:#7f7f7f;--line:#e5e5e5;--green:#07c160;--press:#06ad56;"
    "--grey:#f2f2f2;--red:#fa5151}"
    "@media(prefers-color-scheme:dark){:root{--bg:#111;--card:#1e1e1e;--text:#e6e6e6;--soft:#8f8f8f;--line:#2e2e2e;--grey:#"
    "2c2c2c}}"
    "*{box-sizing:border-box}html{-webkit-text-size-adjust:100%}"
    "body{margin:0;background:var(--bg);color:var(--text);font:16px/1.5 system-ui,-apple-system,'PingFang SC','Noto Sans CJK "
    "SC','Microsoft "
    "YaHei',sans-serif}"
    "button,select{font:inherit;color:inherit}a{color:#576b95}code{font-family:ui-monospace,'DejaVu Sans Mono',monospace}";

/* On a desktop the phone's screen stands in the middle, on a phone it is the page. */
static const char phone_style[] =
    ".stage{min-height:100vh;display:flex;align-items:center;justify-content:center;gap:56px;padding:32px}"
    ".phone{width:390px;min-height:760px;background:var(--card);border-radius:44px;border:10px solid #1b1b1d;box-shadow:0 24px "
    "60px #0003;"
    "display:flex;flex-direction:column;overflow:hidden}"
    ".bar{height:52px;display:flex;align-items:center;justify-content:center;font-weight:600;border-bottom:1px solid var(--line)}"
    ".tag{font-weight:400;font-size:12px;color:var(--soft);border:1px solid var(--line);border-radius:4px;padding:0 "
    "6px;margin-left:8px}"
    ".screen{flex:1;display:flex;flex-direction:column;padding:28px 24px 32px}"
    ".aside{max-width:340px;color:var(--soft);font-size:14px}.aside h2{color:var(--text);font-size:20px;margin:0 0 8px}"
    ".app{display:flex;align-items:center;gap:12px;font-size:15px}"
    ".logo{width:40px;height:40px;border-radius:8px;background:var(--green);display:grid;place-items:center;color:#fff;font-"
    "weight:700}"
    ".app small{display:block;color:var(--soft);font-size:12px}h1{font-size:21px;line-height:1.4;margin:28px 0 "
    "20px;font-weight:600}"
    ".who{display:flex;align-items:center;gap:14px;padding:16px 0;border:solid var(--line);border-width:1px 0}"
    ".who img{width:48px;height:48px;border-radius:6px;background:var(--grey)}"
    ".who select{flex:1;min-width:0;border:0;background:none;padding:10px 0;font-size:17px;outline-offset:4px}"
    ".who option{background:var(--card)}"
    "#provokes{color:var(--soft);font-size:13px;min-height:60px;margin:12px 0}"
    ".buttons{display:flex;gap:14px;justify-content:center;margin-top:auto;padding-top:28px}"
    ".buttons button{flex:1;max-width:150px;height:48px;border:0;border-radius:8px;font-size:17px;font-weight:600;cursor:pointer}"
    "#agree{background:var(--green);color:#fff}#agree:hover{background:var(--press)}#decline{background:var(--grey);color:var(--"
    "green)}"
    ".complaint{background:#fff4e5;color:#8a4b00;border-radius:8px;padding:10px 14px;font-size:13px;margin:0 0 16px}"
    ".complaint[hidden]{display:none}"
    ".mark{width:72px;height:72px;border-radius:50%;display:grid;place-items:center;font-size:40px;font-weight:700;color:#fff;"
    "margin:56px auto "
    "20px}.center{text-align:center}.why{color:var(--soft);font-size:14px;margin-top:auto;border-top:1px solid "
    "var(--line);padding-top:16px}"
    "@media(max-width:760px){.stage{padding:0;display:block}.aside{display:none}"
    ".phone{width:100%;min-height:100vh;border:0;border-radius:0;box-shadow:none}}";

/* Escapes into the page. */
static void add(struct exchange *exchange, const char *text) {
  text_html_escape(&exchange->reply.body, str_of(text));
}

static void put(struct exchange *exchange, const char *html) {
  buf_add_text(&exchange->reply.body, html);
}

static void begin_phone(struct exchange *exchange, const char *title, const char *bar) {
  pages_begin(exchange, title, phone_style);
  put(exchange, "<main class=stage><div class=phone><div class=bar>");
  put(exchange, bar);
  put(exchange, pages_is_chinese(exchange) ? "<span class=tag>沙盒</span>" : "<span class=tag>sandbox</span>");
  put(exchange, "</div><div class=screen>");
}

static void end_phone(struct exchange *exchange, bool zh) {
  put(exchange, "</div></div><aside class=aside>");
  put(exchange,
      zh ? "<h2>weigate 沙盒</h2><p>这不是微信。这里的每个人都是虚拟的，选一个人，看看你的应用会遇到什么。</p>"
           "<p><a href=/sandbox/>有哪些人，如何操控</a></p>"
         : "<h2>weigate sandbox</h2><p>This is not WeChat. Everybody here is made up: choose who you are and see what your "
           "application meets.</p><p><a href=/sandbox/>Who there is, and how to steer</a></p>");
  put(exchange, "</aside></main></body></html>\n");
}

static void add_option(struct exchange *exchange, const struct person *row, bool chosen, bool zh) {
  put(exchange, "<option value=\"");
  add(exchange, row->id);
  put(exchange, "\" data-provokes=\"");
  add(exchange, zh ? row->provokes_zh : row->provokes);
  put(exchange, chosen ? "\" selected>" : "\">");
  add(exchange, zh ? row->name_zh : row->name_en);
  put(exchange, "</option>");
}

static void add_people(struct exchange *exchange, uint32_t chosen, bool zh) {
  char id[PERSON_ID_BYTES];
  put(exchange, "<div class=who><img id=face alt=\"\" src=\"/mmopen/vi_32/");
  people_id(chosen, id);
  add(exchange, id);
  put(exchange, "/132\"><select id=person name=person aria-label=\"");
  put(exchange, zh ? "以谁的身份" : "Sign in as");
  put(exchange, "\">");
  for (size_t i = 0; i < people_table_count; i++) add_option(exchange, &people_table[i], i == chosen, zh);
  struct person generated = *people_row(PERSON_GENERATED);
  if (chosen >= PERSON_GENERATED) generated.id = id;
  add_option(exchange, &generated, chosen >= PERSON_GENERATED, zh);
  put(exchange, "</select></div><p id=provokes></p>");
}

static void add_hidden(struct exchange *exchange, const char *name, struct str value) {
  buf_addf(&exchange->reply.body, "<input type=hidden name=%s value=\"", name);
  text_html_escape(&exchange->reply.body, value);
  put(exchange, "\">");
}

static void add_question(struct exchange *exchange, const struct page_ask *page, bool zh) {
  put(exchange, "<div class=app><span class=logo>W</span><span>");
  put(exchange, zh ? "你的应用" : "Your application");
  put(exchange, "<small>");
  add(exchange, page->appid);
  put(exchange, "</small></span></div><h1>");
  if (page->qrconnect)
    put(exchange, zh ? "扫码登录，获取你的昵称、头像" : "Wants to sign you in with your name and picture");
  else if (page->scope == SCOPE_BASE)
    put(exchange, zh ? "申请获取你的 openid" : "Wants to know your openid");
  else
    put(exchange, zh ? "申请获取并使用你的昵称、头像" : "Wants to use your name and picture");
  put(exchange, "</h1>");
}

bool pages_is_chinese(const struct exchange *exchange) {
  const char *accepted = exchange_header(exchange, "Accept-Language");
  return accepted && str_starts_nocase(str_of(accepted), STR("zh"));
}

void pages_begin(struct exchange *exchange, const char *title, const char *style) {
  reply_set(exchange, 200, "text/html; charset=utf-8");
  reply_header(exchange, "Cache-Control", STR("no-store"));
  reply_header(exchange, "Referrer-Policy", STR("no-referrer"));
  reply_header(exchange, "Content-Security-Policy",
               STR("default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'; frame-src "
                   "*; frame-ancestors 'none'"));
  buf_clear(&exchange->reply.body);
  put(exchange, pages_is_chinese(exchange) ? "<!DOCTYPE html><html lang=zh-CN>" : "<!DOCTYPE html><html lang=en>");
  put(exchange, "<head><meta charset=utf-8><meta name=viewport content=\"width=device-width,initial-scale=1\">"
                "<link rel=icon href=\"data:,\"><title>");
  add(exchange, title);
  put(exchange, "</title><style>");
  put(exchange, common_style);
  put(exchange, style);
  put(exchange, "</style></head><body>");
}

void pages_ask(struct exchange *exchange, const struct page_ask *page) {
  bool zh = pages_is_chinese(exchange);
  begin_phone(exchange, zh ? "微信登录（沙盒）" : "Sign in (sandbox)", zh ? "微信登录" : "WeChat sign-in");
  put(exchange, "<div id=complaint class=complaint hidden>");
  put(exchange, zh ? "链接末尾缺少 <code>#wechat_redirect</code>：微信里打不开。"
                   : "The link does not end in <code>#wechat_redirect</code>: WeChat would not open it.");
  put(exchange, "</div>");
  add_question(exchange, page, zh);
  put(exchange, "<form method=get action=/connect/confirm style=\"display:contents\">");
  add_hidden(exchange, "page", page->qrconnect ? STR("qrconnect") : STR("authorize"));
  add_hidden(exchange, "link", page->link);
  if (page->double_callback.n > 0) add_hidden(exchange, "double", page->double_callback);
  add_people(exchange, page->person, zh);
  put(exchange, "<div class=buttons><button id=decline name=answer value=decline>");
  put(exchange, zh ? "拒绝" : "Decline");
  put(exchange, "</button><button id=agree name=answer value=agree>");
  put(exchange, zh ? "允许" : "Agree");
  put(exchange, "</button></div></form>"
                "<script>(function(){var s=document.getElementById('person');function show(){var o=s.options[s.selectedIndex];"
                "document.getElementById('provokes').textContent=o.dataset.provokes;"
                "document.getElementById('face').src='/mmopen/vi_32/'+o.value+'/132'}s.onchange=show;show();"
                "document.getElementById('complaint').hidden=location.hash==='#wechat_redirect'})()</script>");
  end_phone(exchange, zh);
}

void pages_problem(struct exchange *exchange, int errcode, const char *why) {
  bool zh = pages_is_chinese(exchange);
  begin_phone(exchange, zh ? "出错了（沙盒）" : "Error (sandbox)", zh ? "微信" : "WeChat");
  put(exchange, "<div class=center><div class=mark style=\"background:var(--red)\">!</div><h1 style=\"margin:0\">");
  switch (errcode) {
  case 10003:
    put(exchange, zh ? "redirect_uri 域名与后台配置不一致" : "The redirect_uri's domain is not the configured one");
    break;
  case 10005:
    put(exchange, zh ? "Scope 权限不足" : "No permission for this scope");
    break;
  case 10010:
    put(exchange, zh ? "Scope 参数错误或没有 Scope 权限" : "scope is missing");
    break;
  default:
    put(exchange, zh ? "链接无法访问，请检查参数" : "The link cannot be opened");
    break;
  }
  put(exchange, zh ? "</h1><p>错误码：" : "</h1><p>Error ");
  buf_addf(&exchange->reply.body, "<span id=errcode>%d</span></p></div><p class=why>", errcode);
  add(exchange, why);
  put(exchange, "</p>");
  end_phone(exchange, zh);
}

void pages_closed(struct exchange *exchange) {
  bool zh = pages_is_chinese(exchange);
  begin_phone(exchange, zh ? "已关闭（沙盒）" : "Closed (sandbox)", zh ? "微信" : "WeChat");
  put(exchange, "<div class=center id=closed><div class=mark style=\"background:var(--soft)\">×</div><h1 style=\"margin:0\">");
  put(exchange, zh ? "页面已关闭" : "The page was closed");
  put(exchange, "</h1><p>");
  put(exchange, zh ? "访客离开了，不会有回调。" : "The visitor left; there will be no callback.");
  put(exchange, "</p></div>");
  end_phone(exchange, zh);
}

/* A JSON string is a JavaScript string; "</script>" cannot arise, since the addresses hold no raw "<". */
static void add_address(struct exchange *exchange, struct str address) {
  for (size_t i = 0; i < address.n; i++)
    if (address.p[i] == '<') return;
  json_add_string(&exchange->reply.body, address);
}

void pages_double(struct exchange *exchange, struct str first, struct str second) {
  bool zh = pages_is_chinese(exchange);
  begin_phone(exchange, zh ? "回调两次（沙盒）" : "Calling back twice (sandbox)", zh ? "微信" : "WeChat");
  put(exchange, "<div class=center><div class=mark style=\"background:var(--green)\">2</div><p>");
  put(exchange, zh ? "浏览器正在回调两次……" : "The browser calls back twice…");
  put(exchange, "</p></div><script>var a=");
  add_address(exchange, first);
  put(exchange, ",b=");
  add_address(exchange, second);
  /* A frame, since both visits of a real WebView are navigations; a moment later, so that the first is on its way. */
  put(exchange, ";var f=document.createElement('iframe');f.hidden=true;f.src=a;document.body.append(f);"
                "setTimeout(function(){location.replace(b)},50)</script>");
  end_phone(exchange, zh);
}

void pages_remember(struct exchange *exchange, uint32_t person) {
  SCOPE_BUF struct buf cookie;
  char id[PERSON_ID_BYTES];
  people_id(person, id);
  buf_init(&cookie, 256);
  buf_addf(&cookie, "sandbox_last=%s; Path=/connect/; HttpOnly; SameSite=Lax", id);
  reply_header(exchange, "Set-Cookie", buf_str(&cookie));
}

/* The person's first character on a colour of their own; a grey figure for those who withheld theirs. */
void pages_avatar(struct exchange *exchange) {
  struct str rest = str_from(exchange->path, sizeof "/mmopen/" - 1), part, id = STR_NONE;
  struct buf *body = &exchange->reply.body;
  while (str_split(&rest, '/', &part))
    if (rest.p && rest.n > 0) id = part;
  uint32_t person = people_find(id);
  reply_set(exchange, 200, "image/svg+xml");
  reply_header(exchange, "Cache-Control", STR("public, max-age=3600"));
  put(exchange, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 132 132\" width=\"132\" height=\"132\">");
  if (person == PERSON_NONE || people_row(person)->avatar == AVATAR_GREY) {
    put(exchange, "<rect width=\"132\" height=\"132\" fill=\"#dcdcdc\"/><circle cx=\"66\" cy=\"52\" r=\"24\" fill=\"#fff\"/>"
                  "<path d=\"M20 132a46 46 0 0 1 92 0z\" fill=\"#fff\"/></svg>");
    return;
  }
  unsigned hue = (unsigned)(derive_seed(id, 0) % 360);
  buf_addf(
      body,
      "<rect width=\"132\" height=\"132\" fill=\"hsl(%u 55%% 52%%)\"/><text x=\"66\" y=\"88\" font-size=\"64\" fill=\"#fff\" ",
      hue);
  buf_addf(body, "text-anchor=\"middle\" font-family=\"sans-serif\">%.3s</text></svg>", people_row(person)->name_zh);
}
