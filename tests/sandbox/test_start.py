# SPDX-License-Identifier: Apache-2.0
"""Options, https, the end, and the manual page."""
import os
import re
import socket
import subprocess
import time

import pytest

from helpers import BINARY, run, sign_in
from sandbox import Sandbox


def test_codes_repeat_with_the_same_seed():
    with Sandbox(BINARY, seed=1) as one, Sandbox(BINARY, seed=1) as two, Sandbox(BINARY) as other:
        assert one.mint_codes(3) == two.mint_codes(3) != other.mint_codes(3)


def test_accounts_come_from_options(tmp_path):
    (tmp_path / "secret").write_text("from-a-file\n")
    process = subprocess.Popen([BINARY, "--listen", "127.0.0.1:0", "--appid", "wxa", "--secret", "one", "--appid=wxb",
                                "--secret-file", str(tmp_path / "secret")], stdout=subprocess.PIPE, text=True)
    lines = [process.stdout.readline() for _ in range(4)]
    process.terminate()
    assert process.wait(10) == 0
    process.stdout.close()
    assert re.fullmatch(r"weigate-sandbox listening on http://127\.0\.0\.1:\d+\n", lines[0])
    assert "account wxa secret one" in lines[1] and "account wxb secret from-a-file" in lines[2]


def test_delayed_and_endless_answers_do_not_hold_up_the_end():
    wechat = Sandbox(BINARY, quiet=True)
    wechat.fault(delay_ms=600000, count=1)
    wechat.fault("endless_headers")
    peers = [socket.create_connection((wechat.host, wechat.port)) for _ in range(2)]
    for peer in peers:
        peer.sendall(b"GET /sns/auth HTTP/1.1\r\nHost: x\r\n\r\n")
    while wechat.counts()["in_flight"] < 2:
        pass
    before = time.monotonic()
    assert wechat.stop() == 0 and time.monotonic() - before < 5
    for peer in peers:
        peer.close()


@pytest.mark.parametrize("arguments", [
    ["--bogus"], ["stray"], ["--listen"], ["--listen", "0.0.0.0:0"], ["--listen", "127.0.0.1"], ["--listen", "127.0.0.1:65536"],
    ["--secret", "x"], ["--appid", "wxa"], ["--appid", "wx a", "--secret", "x"], ["--https"], ["--latency-ms", "-1"],
    ["--latency-ms", "1e3"], ["--ledger", "0"], ["--quiet=yes"], ["--redirect-host", "http://x"], ["--secret-file", "/nowhere"],
    ["--appid", "wxa", "--secret", "x", "--appid", "wxa", "--secret", "y"]])
def test_odd_option_is_refused_with_a_sentence(arguments):
    left = run(*arguments)
    assert left.returncode == 1 and left.stderr.startswith("weigate-sandbox: ") and left.stdout == ""


def test_busy_port_is_named(running):
    left = run("--listen", f"127.0.0.1:{running.port}")
    assert left.returncode == 1 and str(running.port) in left.stderr and "in use" in left.stderr


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                    "-keyout", folder / "key.pem", "-out", folder / "cert.pem"], check=True, capture_output=True)
    return {"cert": folder / "cert.pem", "key": folder / "key.pem"}


def test_https_instead_of_http(certificate):
    with Sandbox(BINARY, https=True, quiet=True, **certificate) as wechat:
        assert wechat.url.startswith("https://")
        token = sign_in(wechat)
        assert wechat.userinfo(token["access_token"], token["openid"]).json()["headimgurl"].startswith("https://")
        assert [entry["tls"] for entry in wechat.ledger()] == [True, True]
        wechat.latency(50)
        assert "openid" in sign_in(wechat)


def test_https_beside_http_shares_everything(certificate):
    with Sandbox(BINARY, https_listen="127.0.0.1:0", quiet=True, **certificate) as wechat:
        assert [url.split(":")[0] for url in wechat.urls] == ["http", "https"]
        code = wechat.mint_code()
        wechat.url, wechat.port = wechat.urls[1], int(wechat.urls[1].rsplit(":", 1)[1])
        assert "openid" in wechat.token(code).json()


def test_wrong_certificate_files_are_named(certificate, tmp_path):
    left = run("--https", "--cert", str(tmp_path / "none"), "--key", str(certificate["key"]))
    assert left.returncode == 1 and str(tmp_path / "none") in left.stderr
    left = run("--listen", "127.0.0.1:0", "--https", "--cert", str(certificate["key"]), "--key", str(certificate["cert"]))
    assert left.returncode == 1 and "--cert" in left.stderr


def test_manual_and_help_name_the_same_options():
    manual = open(os.path.join(os.path.dirname(__file__), "weigate-sandbox.1"), encoding="utf-8").read()
    documented = {name.replace("\\-", "-") for name in re.findall(r"^\.(?:B|BI) \\-\\-([a-z\\-]+)", manual, re.M)}
    assert documented == set(re.findall(r"^  --([a-z-]+)", run("--help").stdout, re.M))


def test_manual_names_every_field_of_a_fault(wechat):
    manual = open(os.path.join(os.path.dirname(__file__), "weigate-sandbox.1"), encoding="utf-8").read()
    fields = {field["name"] for field in wechat.control("GET", "/sandbox/kinds")["fields"]}
    assert fields <= set(re.findall(r"[a-z_0-9]+", manual))
