/* SPDX-License-Identifier: Apache-2.0
 * Unit tests of app/wechat/authorize_url.c. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#include "wechat/authorize_url.h"

static void assert_link(const struct authorize_link *link, const char *wanted) {
  struct buf out;
  buf_init(&out, 4096);
  authorize_url_add(&out, link);
  assert_string_equal(buf_text(&out), wanted);
  buf_done(&out);
}

static struct authorize_link make_link(void) {
  return (struct authorize_link){.base = STR("https://open.weixin.qq.com/connect/oauth2/authorize"),
                                 .appid = STR("wx0123456789abcdef"),
                                 .redirect_uri = STR("https://www.example.com/weixin/callback"),
                                 .scope = STR("snsapi_userinfo"),
                                 .state = STR("Ab9")};
}

static void parameters_stand_in_the_order_that_wechat_enforces(void **state) {
  (void)state;
  struct authorize_link link = make_link();
  assert_link(&link, "https://open.weixin.qq.com/connect/oauth2/authorize?appid=wx0123456789abcdef"
                     "&redirect_uri=https%3A%2F%2Fwww.example.com%2Fweixin%2Fcallback&response_type=code&scope=snsapi_userinfo"
                     "&state=Ab9#wechat_redirect");
}

static void force_popup_stands_in_front_of_the_fragment(void **state) {
  (void)state;
  struct authorize_link link = make_link();
  link.redirect_uri = STR("https://e.cn/");
  link.force_popup = true;
  assert_link(&link,
              "https://open.weixin.qq.com/connect/oauth2/authorize?appid=wx0123456789abcdef&redirect_uri=https%3A%2F%2Fe.cn%2F"
              "&response_type=code&scope=snsapi_userinfo&state=Ab9&forcePopup=true#wechat_redirect");
}

static void website_link_names_its_language(void **state) {
  (void)state;
  struct authorize_link link = make_link();
  link.base = STR("https://open.weixin.qq.com/connect/qrconnect");
  link.redirect_uri = STR("https://e.cn/");
  link.scope = STR("snsapi_login");
  link.lang = STR("en");
  assert_link(&link, "https://open.weixin.qq.com/connect/qrconnect?appid=wx0123456789abcdef&redirect_uri=https%3A%2F%2Fe.cn%2F"
                     "&response_type=code&scope=snsapi_login&state=Ab9&lang=en#wechat_redirect");
}

static void redirect_uri_cannot_add_parameters_or_a_second_fragment(void **state) {
  (void)state;
  struct authorize_link link = make_link();
  link.redirect_uri = STR("https://e.cn/?a=1&scope=evil#wechat_redirect\r\n");
  assert_link(&link, "https://open.weixin.qq.com/connect/oauth2/authorize?appid=wx0123456789abcdef"
                     "&redirect_uri=https%3A%2F%2Fe.cn%2F%3Fa%3D1%26scope%3Devil%23wechat_redirect%0D%0A"
                     "&response_type=code&scope=snsapi_userinfo&state=Ab9#wechat_redirect");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(parameters_stand_in_the_order_that_wechat_enforces),
      cmocka_unit_test(force_popup_stands_in_front_of_the_fragment),
      cmocka_unit_test(website_link_names_its_language),
      cmocka_unit_test(redirect_uri_cannot_add_parameters_or_a_second_fragment),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
