/* SPDX-License-Identifier: Apache-2.0
 * people_table: the virtual persons, one row each; read-only. Nicknames are the bytes WeChat would send between the quotes. */
#include "people.h"

#define TIMES_5(text)   text text text text text
#define TIMES_10(text)  TIMES_5(text) TIMES_5(text)
#define TIMES_50(text)  TIMES_10(text) TIMES_10(text) TIMES_10(text) TIMES_10(text) TIMES_10(text)
#define TIMES_200(text) TIMES_50(text) TIMES_50(text) TIMES_50(text) TIMES_50(text)

#define EMOJI_FAMILY           "\xf0\x9f\x91\xa8\xe2\x80\x8d\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x91\xa7\xe2\x80\x8d\xf0\x9f\x91\xa6"
#define EMOJI_RAINBOW_FLAG     "\xf0\x9f\x8f\xb3\xef\xb8\x8f\xe2\x80\x8d\xf0\x9f\x8c\x88"
#define EMOJI_FIREFIGHTER      "\xf0\x9f\x91\xa9\xf0\x9f\x8f\xbd\xe2\x80\x8d\xf0\x9f\x9a\x92"
#define EMOJI_FLAG_CN          "\xf0\x9f\x87\xa8\xf0\x9f\x87\xb3"
#define EMOJI_GRIN             "\xf0\x9f\x98\x80"
#define COMBINING_ACUTE        "\xcc\x81"
#define RIGHT_TO_LEFT_OVERRIDE "\xe2\x80\xae"
#define RIGHT_TO_LEFT_ISOLATE  "\xe2\x81\xa7"

/* STR() is no constant expression in a static table. */
#define BYTES(literal)                                                                                                           \
  { (literal), sizeof(literal) - 1 }

/* clang-format off */
const struct person people_table[] = {
  {.id = "plain", .name_en = "Plain Li", .name_zh = "李平", .nickname = BYTES("李平"),
   .provokes = "Nothing: an ordinary answer of today, with unionid and an own picture.",
   .provokes_zh = "没有特别之处：今天的普通应答，有 unionid 和自己的头像。"},
  {.id = "second", .name_en = "Second Wang", .name_zh = "王二", .nickname = BYTES("王二"),
   .provokes = "Nothing either: somebody else to sign in as.",
   .provokes_zh = "同样没有特别之处：可以换成另一个人登录。"},
  {.id = "emoji", .name_en = "Emoji family", .name_zh = "表情一家",
   .nickname = BYTES(EMOJI_FAMILY EMOJI_RAINBOW_FLAG EMOJI_FIREFIGHTER EMOJI_FLAG_CN),
   .provokes = "A nickname of joined emoji, a flag and a skin tone: must come back byte for byte.",
   .provokes_zh = "昵称由组合表情、旗帜和肤色组成，必须逐字节还原。"},
  {.id = "emoji_escaped", .name_en = "Escaped emoji", .name_zh = "转义表情", .nickname = BYTES("\\ud83d\\ude00 \\u5c0f\\u660e"),
   .provokes = "The same kind of nickname as \\u escapes with surrogate pairs.",
   .provokes_zh = "同类昵称，以 \\u 转义的代理对发送。"},
  {.id = "control_bytes", .name_en = "Control bytes", .name_zh = "控制字符", .nickname = BYTES("A\x14" "B\x07" "C"),
   .provokes = "Raw bytes 0x14 and 0x07 inside the nickname, which no strict JSON parser takes.",
   .provokes_zh = "昵称里有原始字节 0x14 和 0x07，严格的 JSON 解析器不接受。"},
  {.id = "lone_surrogate", .name_en = "Lone surrogate", .name_zh = "半个表情",
   .nickname = BYTES("half \\ud83d and \\ude00 back"),
   .provokes = "Half an emoji as a \\u escape: many parsers refuse the whole answer.",
   .provokes_zh = "半个表情的 \\u 转义，许多解析器因此拒绝整个应答。"},
  {.id = "ill_formed", .name_en = "Ill-formed UTF-8", .name_zh = "非法编码",
   .nickname = BYTES("x\xc0\x80y\xed\xa0\xbd\xed\xb8\x80z\xf5\x80\x80\x80w\xff"),
   .provokes = "Overlong, CESU-8 and impossible bytes in the nickname.",
   .provokes_zh = "昵称里有超长、CESU-8 和不存在的字节。"},
  {.id = "nul", .name_en = "Escaped NUL", .name_zh = "空字节", .nickname = BYTES("before\\u0000after"),
   .provokes = "An escaped NUL in the nickname, where C programs stop reading.",
   .provokes_zh = "昵称里有转义的空字节，C 程序会在此截断。"},
  {.id = "right_to_left", .name_en = "Right to left", .name_zh = "从右到左",
   .nickname = BYTES("\xd9\x85\xd8\xad\xd9\x85\xd8\xaf" RIGHT_TO_LEFT_OVERRIDE "gpj.exe" RIGHT_TO_LEFT_ISOLATE "x"),
   .provokes = "Arabic with an override and an isolate that turn the rest of the line around.",
   .provokes_zh = "阿拉伯文加方向控制符，会把后面的文字反过来。"},
  {.id = "combining", .name_en = "Combining marks", .name_zh = "组合符号",
   .nickname = BYTES("e" TIMES_200(TIMES_5(COMBINING_ACUTE))),
   .provokes = "One letter with 1,000 combining marks.",
   .provokes_zh = "一个字母带 1,000 个组合符号。"},
  {.id = "empty", .name_en = "Empty name", .name_zh = "无名氏", .nickname = BYTES(""),
   .provokes = "An empty nickname: pages need something else to say.",
   .provokes_zh = "昵称为空，页面需要别的称呼。"},
  {.id = "blank", .name_en = "Blank name", .name_zh = "空白昵称", .nickname = BYTES(" \xe3\x80\x80\xe3\x85\xa4 "),
   .provokes = "A nickname of blanks that look like nothing.",
   .provokes_zh = "昵称全是看不见的空白。"},
  {.id = "long64", .name_en = "64 characters", .name_zh = "六十四字",
   .nickname = BYTES(TIMES_5(TIMES_10("长")) TIMES_10("名") "一二三四"),
   .provokes = "64 Chinese characters, 192 bytes.",
   .provokes_zh = "64 个汉字，192 字节。"},
  {.id = "emoji200", .name_en = "200 emoji", .name_zh = "两百表情", .nickname = BYTES(TIMES_200(EMOJI_GRIN)),
   .provokes = "200 four-byte emoji: 800 bytes that must not land in a cookie or header.",
   .provokes_zh = "200 个四字节表情，800 字节，不能进入 cookie 或响应头。"},
  {.id = "gbk_city", .name_en = "GBK city", .name_zh = "乱码城市",
   .nickname = BYTES("乱码"), .sex = "1", .country = BYTES("\xd6\xd0\xb9\xfa"),
   .province = BYTES("\xb9\xe3\xb6\xab"), .city = BYTES("\xc9\xee\xdb\xda\xbf"),
   .provokes = "City, province and country in GBK bytes, the last character cut in half.",
   .provokes_zh = "城市、省份、国家是 GBK 字节，最后一个字被截断。"},
  {.id = "html", .name_en = "HTML name", .name_zh = "脚本昵称",
   .nickname = BYTES("<script>alert(1)<\\/script><b title='\\\"'>&amp;"),
   .provokes = "A nickname that runs as a script wherever it is not escaped.",
   .provokes_zh = "没有转义的地方，昵称会作为脚本运行。"},
  {.id = "crlf", .name_en = "Line break name", .name_zh = "换行昵称",
   .nickname = BYTES("a\\r\\nSet-Cookie: weigate=evil\\r\\nX-Accel-Redirect: /secret\\n"),
   .provokes = "Line breaks that split a response header or a log line.",
   .provokes_zh = "换行会拆开响应头或日志行。"},
  {.id = "escape_codes", .name_en = "Terminal codes", .name_zh = "终端控制",
   .nickname = BYTES("\\u001b[31mred\\u001b]0;title\\u0007\\u009b2J"),
   .provokes = "Escape sequences that colour or clear an administrator's terminal.",
   .provokes_zh = "终端控制序列，会给管理员的终端上色或清屏。"},
  {.id = "sql", .name_en = "SQL name", .name_zh = "注入昵称", .nickname = BYTES("Robert'); DROP TABLE person;-- $1 \\\\' \\\""),
   .provokes = "Quotes, a backslash and a statement.",
   .provokes_zh = "引号、反斜杠和一条语句。"},
  {.id = "format", .name_en = "Format name", .name_zh = "格式昵称",
   .nickname = BYTES("%n%s%x%100000d {0} ${jndi:ldap:x} {{7*7}}"),
   .provokes = "printf, template and logger placeholders.",
   .provokes_zh = "printf、模板和日志的占位符。"},
  {.id = "formula", .name_en = "Formula name", .name_zh = "公式昵称",
   .nickname = BYTES("=HYPERLINK(\\\"http:\\/\\/evil.example\\\",\\\"x\\\")"),
   .provokes = "A spreadsheet formula in an export.",
   .provokes_zh = "导出后会成为表格公式。"},
  {.id = "odd_types", .name_en = "Odd types", .name_zh = "类型错乱",
   .nickname = BYTES("类型"), .sex = "\"1\"", .privilege = "null",
   .avatar = AVATAR_NULL, .provokes = "sex as a string, headimgurl and privilege null: the sign-in goes on with defaults.",
   .provokes_zh = "sex 是字符串，headimgurl 和 privilege 是 null：登录照常，用默认值。"},
  {.id = "no_avatar", .name_en = "No picture", .name_zh = "没有头像", .nickname = BYTES("没有头像"), .avatar = AVATAR_NONE,
   .provokes = "An empty headimgurl.",
   .provokes_zh = "headimgurl 为空。"},
  {.id = "grey", .name_en = "WeChat user", .name_zh = "微信用户", .nickname = BYTES("微信用户"), .avatar = AVATAR_GREY,
   .provokes = "The grey picture and the name everybody has who withheld theirs: must not overwrite a better name.",
   .provokes_zh = "灰色头像和\"微信用户\"，不能覆盖更好的昵称。"},
  {.id = "old_account", .name_en = "Old account", .name_zh = "老用户", .nickname = BYTES("老用户"), .sex = "1",
   .country = BYTES("中国"), .province = BYTES("广东"), .city = BYTES("深圳"), .country_en = "China", .province_en = "Guangdong",
   .city_en = "Shenzhen", .province_tw = "廣東", .city_tw = "深圳", .privilege = "[\"chinaunicom\"]",
   .provokes = "Sex, region and privilege as before 2021, in the language asked for.",
   .provokes_zh = "2021 年以前那样的性别、地区和特权，按请求的语言返回。"},
  {.id = "no_unionid", .name_en = "No unionid", .name_zh = "无联合号", .nickname = BYTES("无联合号"), .unionid = UNION_NO,
   .provokes = "Never a unionid, as for accounts outside an Open Platform.",
   .provokes_zh = "从来没有 unionid，未绑定开放平台。"},
  {.id = "unionid_later", .name_en = "Unionid later", .name_zh = "后来联合", .nickname = BYTES("后来联合"), .unionid = UNION_LATER,
   .provokes = "No unionid at the first sign-in, one from the second on: must stay one person.",
   .provokes_zh = "第一次登录没有 unionid，第二次起有：必须仍是同一个人。"},
  {.id = "snapshot", .name_en = "Snapshot visitor", .name_zh = "快照访客",
   .nickname = BYTES("微信用户"), .avatar = AVATAR_GREY, .snapshot = true,
   .provokes = "With snsapi_userinfo: is_snapshotuser 1 and a virtual openid, unionid and name. Never a person.",
   .provokes_zh = "snsapi_userinfo 时 is_snapshotuser 为 1，openid、unionid、昵称都是虚拟的，不能存成人。"},
  {.id = "frozen", .name_en = "Frozen account", .name_zh = "冻结账号", .nickname = BYTES("冻结"), .token_errcode = 50002,
   .provokes = "50002 instead of a token: the account is frozen or closed.",
   .provokes_zh = "换令牌时返回 50002：账号被冻结或注销。"},
  {.id = "high_risk", .name_en = "High-risk user", .name_zh = "高风险", .nickname = BYTES("高风险"), .token_errcode = 40226,
   .provokes = "40226 instead of a token: blocked as high risk.",
   .provokes_zh = "换令牌时返回 40226：高风险用户被拦截。"},
  {.id = "password_changed", .name_en = "Changed password", .name_zh = "改过密码",
   .nickname = BYTES("改过密码"), .refresh_errcode = 42007,
   .provokes = "Signs in well; 42007 at the first refresh, and both tokens are void from then on.",
   .provokes_zh = "登录正常；第一次刷新返回 42007，此后两个令牌都失效。"},
};
/* clang-format on */

const size_t people_table_count = sizeof people_table / sizeof people_table[0];
