# SPDX-License-Identifier: Apache-2.0
"""Authorize links, the page that asks, and steering."""
import re

import pytest

from helpers import BINARY, CALLBACK, callback_query, link, problem
from sandbox import WEBSITE_APPID, WEBSITE_SECRET, Sandbox


def test_base_scope_goes_back_at_once(wechat):
    query = callback_query(wechat.get(wechat.authorize_url(CALLBACK, "snsapi_base", "abc")))
    assert list(query) == ["code", "state"] and query["state"] == "abc"
    assert wechat.token(query["code"]).json()["openid"] == wechat.openid("plain")


def test_callback_keeps_query_and_fragment(wechat):
    reply = wechat.get(wechat.authorize_url("https://localhost/cb?x=1#part", "snsapi_base"))
    assert re.fullmatch(r"https://localhost/cb\?x=1&code=\w{32}&state=state1#part", reply.headers["Location"])


def test_browser_is_asked_for_the_profile(wechat):
    reply = wechat.get(wechat.authorize_url(CALLBACK))
    assert reply.status == 200 and reply.headers["Content-Type"] == "text/html; charset=utf-8"
    assert all(mark in reply.text for mark in ("id=agree", "id=decline", "id=person", 'value="emoji"', "wechat_redirect"))


def test_page_speaks_chinese_and_english(wechat):
    path = wechat.authorize_url(CALLBACK)
    assert "允许" in wechat.get(path, {"Accept-Language": "zh-CN,zh;q=0.9"}).text
    assert "Agree" in wechat.get(path, {"Accept-Language": "en"}).text


def test_pages_load_nothing_from_elsewhere(wechat):
    for path in (wechat.authorize_url(CALLBACK), "/sandbox/", "/connect/oauth2/authorize"):
        reply = wechat.get(path)
        assert "default-src 'none'" in reply.headers["Content-Security-Policy"]
        assert not re.search(r"(src|href)=[\"']?(https?:)?//", reply.text)


def test_button_agree_brings_a_code_of_the_chosen_person(wechat):
    link = wechat.authorize_url(CALLBACK).split("?", 1)[1]
    reply = wechat.get("/connect/confirm", page="authorize", link=link, person="emoji", answer="agree")
    assert wechat.token(callback_query(reply)["code"]).json()["openid"] == wechat.openid("emoji")


def test_button_decline_brings_the_state_only(wechat):
    link = wechat.authorize_url(CALLBACK, state="s9").split("?", 1)[1]
    reply = wechat.get("/connect/confirm", page="authorize", link=link, person="emoji", answer="decline")
    assert callback_query(reply) == {"state": "s9"}


def test_person_is_remembered_for_the_next_page(wechat):
    path = wechat.authorize_url(CALLBACK)
    reply = wechat.get("/connect/confirm", page="authorize", link=path.split("?", 1)[1], person="html", answer="agree")
    again = wechat.get(path, {"Cookie": reply.headers["Set-Cookie"].split(";")[0]}).text
    assert re.search(r'value="html"[^>]* selected>', again)


def test_cookies_steer_one_client(wechat):
    headers = {"Cookie": "sandbox_person=p000042; sandbox_answer=agree"}
    code = callback_query(wechat.get(wechat.authorize_url(CALLBACK), headers))["code"]
    assert wechat.token(code).json()["openid"] == wechat.openid("p42")


def test_next_steers_everybody_until_changed(wechat):
    wechat.next_person("sql")
    for _ in range(3):
        code = callback_query(wechat.get(wechat.authorize_url(CALLBACK)))["code"]
        assert wechat.token(code).json()["openid"] == wechat.openid("sql")
    wechat.clear_next()
    assert wechat.get(wechat.authorize_url(CALLBACK)).status == 200


def test_next_can_be_counted(wechat):
    wechat.next_person("sql", count=1)
    assert wechat.get(wechat.authorize_url(CALLBACK)).status == 302
    assert wechat.get(wechat.authorize_url(CALLBACK)).status == 200


def test_cookie_wins_over_next(wechat):
    wechat.next_person("sql")
    code = callback_query(wechat.get(wechat.authorize_url(CALLBACK, "snsapi_base"), {"Cookie": "sandbox_person=html"}))["code"]
    assert wechat.token(code).json()["openid"] == wechat.openid("html")


def test_ways_to_refuse(wechat):
    path = wechat.authorize_url(CALLBACK, state="s1")
    wechat.next_person(answer="decline")
    assert callback_query(wechat.get(path)) == {"state": "s1"}
    wechat.next_person(answer="authdeny")
    assert callback_query(wechat.get(path)) == {"code": "authdeny", "state": "s1"}
    wechat.next_person(answer="close")
    assert "id=closed" in wechat.get(path).text


@pytest.mark.parametrize("changes, expected", [
    ({"appid": None}, 10012), ({"appid": ""}, 10012), ({"appid": "wx1"}, 10005), ({"appid": WEBSITE_APPID}, 10016),
    ({"redirect_uri": None}, 10011), ({"redirect_uri": ""}, 10011), ({"redirect_uri": CALLBACK}, 10038),
    ({"redirect_uri": "https%253A%252F%252F127.0.0.1"}, 10003), ({"redirect_uri": "https%3A%2F%2Fevil.example%2F"}, 10003),
    ({"redirect_uri": "https%3A%2F%2F127.0.0.1.evil.example%2F"}, 10003), ({"redirect_uri": "ftp%3A%2F%2F127.0.0.1"}, 10003),
    ({"redirect_uri": "http%3A%2F%2F127.0.0.1%0D%0AX%3A1"}, 10038), ({"redirect_uri": "%zz"}, 10038),
    ({"response_type": None}, 10038), ({"response_type": "token"}, 10038), ({"scope": None}, 10010), ({"scope": ""}, 10010),
    ({"scope": "snsapi_login"}, 10005), ({"scope": "snsapi_base,snsapi_userinfo"}, 10005), ({"state": ""}, 10013),
    ({"state": "a-b"}, 10013), ({"state": "a" * 129}, 10013), ({"state": "s", "unknown": "1"}, 10038)])
def test_bad_link_is_complained_about(wechat, changes, expected):
    assert problem(wechat.get(link(**changes))) == expected


@pytest.mark.parametrize("changes", [{"state": None}, {"state": "a" * 128}, {"forcePopup": "true"}, {"connect_redirect": "1"}])
def test_good_link_is_taken(wechat, changes):
    assert wechat.get(link(**changes)).status == 302


def test_order_and_letter_case_are_enforced(wechat):
    good = link().split("?")[1].split("&")
    for order in ([1, 0, 2, 3, 4], [0, 1, 3, 2, 4], [0, 1, 2, 4, 3]):
        assert problem(wechat.get("/connect/oauth2/authorize?" + "&".join(good[i] for i in order))) == 10038
    assert problem(wechat.get(link().replace("scope=", "Scope="))) == 10038


def test_state_is_optional_and_then_not_returned(wechat):
    assert list(callback_query(wechat.get(link(state=None)))) == ["code"]


def test_head_mints_no_code(wechat):
    wechat.request("HEAD", link())
    assert wechat.counts()["codes_minted"] == 0


def test_qrconnect_signs_in_to_a_website(wechat):
    wechat.next_person("emoji")
    query = link(appid=WEBSITE_APPID, scope="snsapi_login").split("?")[1]
    code = callback_query(wechat.get("/connect/qrconnect?" + query))["code"]
    token = wechat.token(code, appid=WEBSITE_APPID, secret=WEBSITE_SECRET).json()
    assert token["openid"] == wechat.openid("emoji", WEBSITE_APPID) != wechat.openid("emoji")
    assert token["unionid"] == wechat.person("emoji")["unionid"]


def test_qrconnect_never_comes_back_when_declined(wechat):
    wechat.next_person("emoji", "decline")
    assert wechat.get("/connect/qrconnect?" + link(appid=WEBSITE_APPID, scope="snsapi_login").split("?")[1]).status == 200


def test_qrconnect_wants_a_website_account(wechat):
    assert problem(wechat.get("/connect/qrconnect?" + link(scope="snsapi_login").split("?")[1])) == 10005


def test_named_callback_hosts_are_exact():
    with Sandbox(BINARY, redirect_host="www.example.com,127.0.0.1:8080", quiet=True) as wechat:
        for address, expected in (("https://www.example.com/cb", 302), ("https://WWW.example.com", 302),
                                  ("http://127.0.0.1:8080/", 302), ("http://127.0.0.1/", 200),
                                  ("https://example.com/cb", 200), ("https://www.example.com:8443/cb", 200),
                                  ("https://www.example.com.evil/", 200), ("https://a@www.example.com/", 200)):
            assert wechat.get(wechat.authorize_url(address, "snsapi_base")).status == expected, address
