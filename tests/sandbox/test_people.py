# SPDX-License-Identifier: Apache-2.0
"""What the virtual people provoke."""

import pytest

from helpers import errcode, sign_in
from sandbox import APPID, SandboxError


def nickname_bytes(wechat, person):
    token = sign_in(wechat, person)
    body = wechat.userinfo(token["access_token"], token["openid"]).body
    return body.split(b'"nickname":"')[1].split(b'","sex"')[0]


def test_nicknames_are_sent_as_bytes_nobody_repaired(wechat):
    assert nickname_bytes(wechat, "control_bytes") == b"A\x14B\x07C"
    assert b"\\ud83d and" in nickname_bytes(wechat, "lone_surrogate")
    assert b"\xc0\x80" in nickname_bytes(wechat, "ill_formed")
    assert nickname_bytes(wechat, "empty") == b""
    assert "\u202e" in nickname_bytes(wechat, "right_to_left").decode()


def test_long_nicknames_have_their_length(wechat):
    assert len(nickname_bytes(wechat, "long64").decode()) == 64
    assert len(nickname_bytes(wechat, "emoji200")) == 800
    assert nickname_bytes(wechat, "combining").decode().count("\u0301") == 1000


def test_region_may_be_gbk(wechat):
    token = sign_in(wechat, "gbk_city")
    body = wechat.userinfo(token["access_token"], token["openid"]).body
    assert b'"province":"' + "广东".encode("gbk") + b'"' in body


@pytest.mark.parametrize("lang, expected", [("zh_CN", ("zh_CN", "广东", "中国")), ("zh_TW", ("zh_TW", "廣東", "中国")),
                                            ("en", ("en", "Guangdong", "China"))])
def test_old_account_tells_its_region_in_the_language_asked_for(wechat, lang, expected):
    token = sign_in(wechat, "old_account")
    profile = wechat.userinfo(token["access_token"], token["openid"], lang).json()
    assert (profile["language"], profile["province"], profile["country"]) == expected and profile["sex"] == 1


def test_snapshot_visitor_is_virtual_with_userinfo_only(wechat):
    person, full, base = wechat.person("snapshot"), sign_in(wechat, "snapshot"), sign_in(wechat, "snapshot", "snsapi_base")
    assert full["is_snapshotuser"] == 1 and full["openid"] == person["snapshot_openids"][APPID]
    assert full["unionid"] != person["unionid"]
    assert "is_snapshotuser" not in base and base["openid"] == person["openids"][APPID]


def test_flag_of_snapshots_is_absent_for_others(wechat):
    assert "is_snapshotuser" not in sign_in(wechat)


def test_unionid_comes_with_the_second_sign_in(wechat):
    assert "unionid" not in sign_in(wechat, "unionid_later")
    assert sign_in(wechat, "unionid_later")["unionid"] == wechat.person("unionid_later")["unionid"]


def test_some_never_have_a_unionid(wechat):
    token = sign_in(wechat, "no_unionid")
    assert "unionid" not in token and "unionid" not in wechat.userinfo(token["access_token"], token["openid"]).json()


@pytest.mark.parametrize("person, expected", [("frozen", 50002), ("high_risk", 40226)])
def test_blocked_people_get_no_token(wechat, person, expected):
    assert sign_in(wechat, person)["errcode"] == expected


def test_changed_password_voids_both_tokens_at_the_first_refresh(wechat):
    token = sign_in(wechat, "password_changed")
    assert "nickname" in wechat.userinfo(token["access_token"], token["openid"]).json()
    assert errcode(wechat.refresh(token["refresh_token"])) == 42007
    assert errcode(wechat.userinfo(token["access_token"], token["openid"])) == 42007


def test_generated_people_are_distinct_and_stable(wechat):
    codes = wechat.mint_codes(50, "p000101")
    openids = [wechat.token(code).json()["openid"] for code in codes]
    assert len(set(openids)) == 50 and openids[6] == wechat.openid("p107")
    assert wechat.person("p107")["id"] == "p000107" and wechat.person("p123456789")["id"] == "p123456789"


@pytest.mark.parametrize("person", ["p", "p0123456789", "p-1", "nobody", "P1", ""])
def test_there_are_no_other_people(wechat, person):
    with pytest.raises(SandboxError):
        wechat.mint_code(person)
