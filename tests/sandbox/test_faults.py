# SPDX-License-Identifier: Apache-2.0
"""Faults: whom they meet, and what arrives on the wire."""
import gzip
import http.client
import json
import re
import socket
import time

import pytest

from helpers import CALLBACK, errcode, problem, sign_in
from sandbox import APPID, SECRET, SandboxError


@pytest.mark.parametrize("code", [-1, 40001, 45009, 45011, 48004, 50002])
def test_any_errcode_can_be_asked_for(wechat, code):
    wechat.fault(errcode=code)
    assert errcode(wechat.token(wechat.mint_code())) == code


def test_busy_leaves_the_code_unused(wechat):
    code = wechat.mint_code()
    wechat.fault("busy", call="access_token", count=2)
    assert [wechat.token(code).json().get("errcode") for _ in range(3)] == [-1, -1, None]


def test_consumed_code_is_used_although_the_answer_was_an_error(wechat):
    code = wechat.mint_code()
    wechat.fault(errcode=-1, consume=True, count=1)
    assert errcode(wechat.token(code)) == -1
    assert errcode(wechat.token(code)) == 40163


def test_lost_answer_uses_the_code(wechat):
    code = wechat.mint_code()
    wechat.fault("closed", count=1)
    with pytest.raises(http.client.RemoteDisconnected):
        wechat.token(code)
    assert errcode(wechat.token(code)) == 40163


def test_most_particular_fault_is_met_first(wechat):
    wechat.fault(errcode=1)
    wechat.fault(errcode=2, call="access_token")
    wechat.fault(errcode=3, person="emoji")
    wechat.fault(errcode=4, person="emoji", call="access_token", count=1)
    assert [sign_in(wechat, "emoji")["errcode"] for _ in range(2)] == [4, 3]
    assert sign_in(wechat)["errcode"] == 2
    assert errcode(wechat.auth("x", "y")) == 1


def test_faults_of_one_kind_are_met_in_order(wechat):
    for code in (1, 2, 3):
        wechat.fault(errcode=code, call="access_token", count=1)
    assert [sign_in(wechat).get("errcode") for _ in range(4)] == [1, 2, 3, None]


def test_fault_of_one_generated_person_leaves_others_alone(wechat):
    wechat.fault(errcode=-1, person="p000007")
    assert sign_in(wechat, "p7")["errcode"] == -1 and "openid" in sign_in(wechat, "p8")


def test_faults_are_listed_and_removed(wechat):
    first, second = wechat.fault("busy", count=5), wechat.fault("slow", person="emoji", note="mine")
    sign_in(wechat)
    listed = {entry["id"]: entry for entry in wechat.faults()}
    assert listed[first]["left"] == 4 and listed[first]["hits"] == 1 and listed[second]["left"] is None
    assert wechat.clear_faults(first) == 1 and wechat.clear_faults() == 1 and wechat.faults() == []


@pytest.mark.parametrize("fault", [{"nonsense": 1}, {"kind": "nonsense"}, {"call": "nonsense"}, {"person": "nobody"},
                                   {"count": -1}, {"delay_ms": "soon"}, {"set": 1}, {"raw_base64": "*"}, {"close": "yes"}])
def test_odd_fault_is_refused_with_a_reason(wechat, fault):
    with pytest.raises(SandboxError, match=list(fault)[0] if "nonsense" in fault else '"'):
        wechat.control("POST", "/sandbox/faults", fault)
    assert wechat.faults() == []


def test_errcode_may_be_text(wechat):
    wechat.fault("errcode_text")
    assert sign_in(wechat)["errcode"] == "40029"


def test_error_and_openid_may_come_together(wechat):
    wechat.fault("errcode_with_openid")
    answer = sign_in(wechat)
    assert answer["errcode"] == 40029 and answer["openid"]


def test_members_can_be_replaced_added_and_removed(wechat):
    wechat.fault(set={"expires_in": -1, "unionid": None, "extra": [1]}, set_raw={"scope": "1e400"})
    body = wechat.token(wechat.mint_code()).text
    assert '"expires_in":-1' in body and "unionid" not in body and '"extra":[1]' in body and '"scope":1e400' in body


def test_value_can_be_any_bytes(wechat):
    token = sign_in(wechat)
    wechat.fault(call="userinfo", set_base64={"nickname": "Iv8AIg=="})
    assert b'"nickname":"\xff\x00"' in wechat.userinfo(token["access_token"], token["openid"]).body


def test_body_can_be_any_bytes(wechat):
    wechat.fault(body=b"\x00\xff{")
    assert wechat.token(wechat.mint_code()).body == b"\x00\xff{"


def test_members_can_be_reversed_and_follow_a_bom(wechat):
    wechat.fault(reversed=True, bom=True)
    body = wechat.token(wechat.mint_code()).body
    assert body.startswith(b"\xef\xbb\xbf") and list(json.loads(body.decode("utf-8-sig")))[-1] == "access_token"


def test_empty_gbk_answer(wechat):
    wechat.fault("empty_gbk")
    reply = wechat.token(wechat.mint_code())
    assert (reply.status, reply.headers["Content-Type"], reply.body) == (200, "text/html; charset=gbk", b"")


def test_status_with_retry_after(wechat):
    wechat.fault("throttled")
    reply = wechat.token(wechat.mint_code())
    assert reply.status == 503 and reply.headers["Retry-After"] == "2"


def test_content_type_can_be_missing(wechat):
    wechat.fault("no_type")
    assert "Content-Type" not in wechat.token(wechat.mint_code()).headers


def test_redirect_elsewhere(wechat):
    wechat.fault("redirected")
    reply = wechat.token(wechat.mint_code())
    assert reply.status == 302 and reply.headers["Location"] == "http://127.0.0.1:1/elsewhere"


def test_body_is_cut_at_each_byte_asked_for(wechat):
    for at in (0, 1, 100):
        wechat.fault(truncate_at=at, count=1)
        with pytest.raises(http.client.IncompleteRead) as cut:
            wechat.token(wechat.mint_code())
        assert len(cut.value.partial) == at


def test_delay_comes_before_the_answer(wechat):
    wechat.fault(delay_ms=150)
    code, before = wechat.mint_code(), time.monotonic()
    assert "openid" in wechat.token(code).json()
    assert 0.15 <= time.monotonic() - before < 2


def test_dripping_body_arrives_byte_by_byte(wechat):
    wechat.fault(drip_ms=5, body="0123456789")
    code, before = wechat.mint_code(), time.monotonic()
    assert wechat.token(code).text == "0123456789"
    assert time.monotonic() - before >= 0.05


def test_compressed_although_nobody_asked(wechat):
    wechat.fault("gzip")
    reply = wechat.token(wechat.mint_code())
    assert reply.headers["Content-Encoding"] == "gzip" and json.loads(gzip.decompress(reply.body))["openid"]


def test_bomb_is_small_and_becomes_large(wechat):
    wechat.fault(gzip_bomb_bytes=8 << 20)
    body = wechat.token(wechat.mint_code()).body
    assert len(body) < 16384 and len(gzip.decompress(body)) == 8 << 20


def test_oversize_answer_is_still_json(wechat):
    wechat.fault(blanks=1 << 20)
    reply = wechat.token(wechat.mint_code())
    assert len(reply.body) > 1 << 20 and reply.json()["openid"]


def read_some(wechat, wanted):
    """At least so many bytes of an answer that does not end, with the peer left alone afterwards."""
    path = f"/sns/oauth2/access_token?appid={APPID}&secret={SECRET}&code={wechat.mint_code()}&grant_type=authorization_code"
    got = b""
    with socket.create_connection((wechat.host, wechat.port), 10) as peer:
        peer.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        while len(got) < wanted:
            piece = peer.recv(65536)
            assert piece, got[-100:]
            got += piece
    return got


def test_endless_body_goes_on(wechat):
    wechat.fault("endless_body")
    assert b"chunked" in read_some(wechat, 1 << 20)


def test_endless_headers_go_on(wechat):
    wechat.fault("endless_headers")
    got = read_some(wechat, 1 << 20)
    assert got.startswith(b"HTTP/1.1 200 OK\r\nX-Filler: a") and b"\r\n\r\n" not in got


def test_endless_continues_go_on(wechat):
    wechat.fault("endless_continue", raw_repeat_ms=1)
    assert set(read_some(wechat, 500).split(b"\r\n\r\n")[:-1]) == {b"HTTP/1.1 100 Continue"}


def test_raw_bytes_replace_the_answer(wechat):
    wechat.fault(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n\x00\x01junk")
    assert wechat.token(wechat.mint_code()).body == b"\x00\x01"


def test_garbage_is_not_http(wechat):
    wechat.fault("garbage")
    with pytest.raises(http.client.BadStatusLine):
        wechat.token(wechat.mint_code())


def test_reset_instead_of_an_answer(wechat):
    wechat.fault("reset")
    with pytest.raises(ConnectionResetError):
        wechat.token(wechat.mint_code())


def test_reset_in_the_middle_of_the_body(wechat):
    wechat.fault(reset=True, truncate_at=10)
    with pytest.raises(ConnectionResetError):
        wechat.token(wechat.mint_code())


def test_double_callback_with_one_code_or_two(wechat):
    for kind, codes in (("double_same", 1), ("double_two", 2)):
        wechat.fault(kind, count=1)
        wechat.next_person("plain")
        page = wechat.get(wechat.authorize_url(CALLBACK)).text
        found = re.findall(r"code=(\w{32})&state=state1", page)
        assert len(found) == 2 and len(set(found)) == codes
        assert all("openid" in wechat.token(code).json() for code in set(found))


def test_authorize_page_can_complain_on_request(wechat):
    wechat.fault(call="authorize", errcode=10006)
    assert problem(wechat.get(wechat.authorize_url(CALLBACK))) == 10006


def test_every_ready_made_fault_is_accepted(wechat):
    for kind in wechat.kinds():
        wechat.fault(kind)
    assert len(wechat.faults()) == len(wechat.kinds())
