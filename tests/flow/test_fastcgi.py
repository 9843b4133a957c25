# SPDX-License-Identifier: Apache-2.0
"""FastCGI by hand on weigate's socket: hostile and unusual peers harm nobody but themselves."""
import os
import stat
import struct

import pytest

import fastcgi
from fastcgi import Connection, begin, environment, pair, params, record, request, stdin, stream
from rig import rss_kib
from wait import MEMORY_SLACK, SLACK, Stopwatch, eventually

LIVE = '/weixin/status/live'


def live(**more):
    return request(LIVE, WEIGATE_STATUS='on', **more)


@pytest.fixture
def peer(rig):
    with Connection(rig.socket) as connection:
        yield connection


@pytest.fixture(autouse=True)
def the_next_request_is_served(rig):
    """Every case here ends with this."""
    workers = rig.first.workers()
    yield
    assert fastcgi.ask(rig.socket, LIVE, WEIGATE_STATUS='on').status == 200
    assert rig.first.workers() == workers, 'a worker died'


def test_a_kept_connection_answers_again(peer):
    """The base line of this file."""
    for _ in range(3):
        peer.send(live())
        assert peer.answer().status == 200


def test_a_connection_is_closed_after_the_answer_unless_kept(peer):
    peer.send(live(keep=False))
    assert peer.answer().status == 200
    assert peer.is_closed()


def test_silent_connections_keep_nobody_waiting(rig):
    """F01 F04"""
    silent = [Connection(rig.socket) for _ in range(100)]
    with Connection(rig.socket) as kept:
        kept.send(live())
        kept.answer()
        with Stopwatch() as took:
            assert fastcgi.ask(rig.socket, LIVE, WEIGATE_STATUS='on').status == 200
    assert took.ms < 100 * SLACK
    for connection in silent:
        connection.socket.close()


def test_a_request_that_comes_byte_by_byte_ends_at_its_deadline(rig):
    """F03: 5 s from the first byte to the last; more bytes do not prolong it."""
    whole = live()
    with Connection(rig.socket) as peer, Stopwatch() as took:
        peer.send(whole[:20])
        sent = iter(whole[20:-10])

        def is_closed_after_one_more_byte():
            try:
                peer.socket.send(bytes([next(sent)]))
                peer.socket.settimeout(0.2)
                return peer.socket.recv(1) == b''
            except TimeoutError:
                return False
            except (BrokenPipeError, ConnectionResetError):
                return True
        eventually(is_closed_after_one_more_byte, seconds=8)
    assert 4000 < took.ms < 7000 * SLACK


@pytest.mark.parametrize('lengths', [b'\xff\xff\xff\xff\xff\xff\xff\xff', b'\x80\x00\x00\x00\xff\xff\xff\xff', b'\xff\xff\xff\xff\x01', b'\x05\xff\xff\xff\xff',
                                     b'\x80\x00\xff\xff\x80\x00\xff\xff', b'\xff'])
def test_lengths_that_overflow_are_closed(rig, peer, lengths):
    """F05"""
    before = [rss_kib(pid) for pid in rig.first.workers()]
    peer.send(begin(), record(fastcgi.PARAMS, lengths + b'x' * 16), record(fastcgi.PARAMS), stdin())
    assert peer.is_closed()
    after = [rss_kib(pid) for pid in rig.first.workers()]
    assert all(new - old < 1024 * MEMORY_SLACK for old, new in zip(before, after))


def test_parameters_without_end_are_closed_at_the_limit(rig, peer):
    """F06"""
    before = [rss_kib(pid) for pid in rig.first.workers()]
    chunk = record(fastcgi.PARAMS, pair('X' * 100, 'y' * 8000))
    peer.send(begin())
    with pytest.raises((BrokenPipeError, ConnectionResetError)):
        for _ in range(60_000_000 // len(chunk)):
            peer.send(chunk)
    after = [rss_kib(pid) for pid in rig.first.workers()]
    assert all(new - old < 1024 * MEMORY_SLACK for old, new in zip(before, after))


def test_ten_thousand_parameters_are_closed(peer):
    """F07"""
    peer.send(begin(), params([('A', '')] * 10_000), stdin())
    assert peer.is_closed()


def test_a_parameter_without_a_name_is_refused(peer):
    """F07"""
    peer.send(begin(), params([*environment(LIVE, WEIGATE_STATUS='on').items(), ('', 'value')]), stdin())
    answer = peer.answer()
    assert answer is None or answer.status == 400


@pytest.mark.parametrize('kind', [0, 12, 100, 255])
def test_unknown_record_types_are_named(peer, kind):
    """F09"""
    peer.send(record(kind, b'anything', request_id=0))
    got = peer.record()
    assert got is not None and got[0] == fastcgi.UNKNOWN_TYPE and got[2][0] == kind
    peer.send(live())
    assert peer.answer().status == 200


def test_ten_thousand_unknown_records_hold_nobody_up(rig, peer):
    """F09"""
    peer.socket.setblocking(False)
    try:
        peer.socket.send(record(200, request_id=0) * 10_000)
    except OSError:
        pass
    with Stopwatch() as took:
        assert fastcgi.ask(rig.socket, LIVE, WEIGATE_STATUS='on').status == 200
    assert took.ms < 200 * SLACK


def test_get_values_is_answered(peer):
    peer.send(record(fastcgi.GET_VALUES, pair('FCGI_MPXS_CONNS', ''), request_id=0))
    kind, _, content = peer.record()
    assert kind == fastcgi.GET_VALUES_RESULT and pair('FCGI_MPXS_CONNS', '0') in content


@pytest.mark.parametrize('bytes_sent', [begin(version=0), begin(version=2), begin(version=255), begin(request_id=0), begin(body=b'\0\1\0\0'),
                                        begin(body=b'\0\1' + bytes(14))], ids=['version 0', 'version 2', 'version 255', 'id 0', 'short', 'long'])
def test_a_malformed_begin_is_closed(peer, bytes_sent):
    """F10"""
    peer.send(bytes_sent, params(environment(LIVE)), stdin())
    assert peer.is_closed()


@pytest.mark.parametrize('role', [fastcgi.AUTHORIZER, fastcgi.FILTER, 9, 0, 0xffff])
def test_other_roles_are_refused(peer, role):
    """F11"""
    peer.send(begin(role=role))
    got = peer.record()
    assert got is not None and got[0] == fastcgi.END_REQUEST and got[2][4] == fastcgi.UNKNOWN_ROLE


def test_a_second_begin_is_refused_and_the_first_request_unharmed(peer):
    """F12"""
    peer.send(begin(request_id=1), begin(request_id=2))
    kind, request_id, content = peer.record()
    assert (kind, request_id, content[4]) == (fastcgi.END_REQUEST, 2, fastcgi.CANT_MPX_CONN)
    peer.send(params(environment(LIVE, WEIGATE_STATUS='on')), stdin())
    assert peer.answer().status == 200


def test_an_abort_before_the_request_is_whole_is_answered(peer):
    """F13"""
    peer.send(begin(), stream(fastcgi.PARAMS, b'')[:0], record(fastcgi.ABORT_REQUEST))
    got = peer.record()
    assert got is None or got[0] == fastcgi.END_REQUEST


def test_a_body_that_ends_early_is_refused_at_once(rig, peer):
    """F14"""
    peer.send(begin(keep=False), params(environment('/weixin/session', method='POST', CONTENT_LENGTH='100', CONTENT_TYPE='application/json')),
              stdin(b'{"c'))
    with Stopwatch() as took:
        assert peer.answer().status == 400
    assert took.ms < 1000 * SLACK


@pytest.mark.parametrize('length', ['4294967296', '-1', '0x10', '1e9', ' 5', '5 ', '+5', '18446744073709551621', '5,5'])
def test_an_odd_content_length_is_refused(peer, length):
    """F15"""
    peer.send(begin(), params(environment('/weixin/session', method='POST', CONTENT_LENGTH=length, CONTENT_TYPE='application/json')), stdin(b'{"a":'))
    answer = peer.answer()
    assert answer.status in (400, 413)


def test_a_body_without_a_length_is_refused(peer):
    """F15"""
    peer.send(begin(), params(environment('/weixin/session', method='POST', CONTENT_LENGTH='', CONTENT_TYPE='application/json')), stdin(b'{"a":1}'))
    assert peer.answer().status in (400, 411, 413)


def test_a_longer_body_does_not_reach_the_next_request(peer):
    """F16"""
    peer.send(begin(), params(environment('/weixin/session', method='POST', CONTENT_LENGTH='2', CONTENT_TYPE='application/json')),
              stdin(b'{}' + live()))
    first = peer.answer()
    if first is not None:
        assert first.status == 400
        peer.send(live())
        second = peer.answer()
        assert second is None or second.status == 200
        assert peer.pending == b''


def test_padding_and_small_records_are_read_right(peer):
    """F18"""
    content = b''.join(pair(name, value) for name, value in environment(LIVE, WEIGATE_STATUS='on').items())
    peer.send(begin(), *(record(fastcgi.PARAMS, content[i:i + 1], padding=255) for i in range(len(content))), record(fastcgi.PARAMS, padding=7), stdin())
    assert peer.answer().status == 200


def test_a_large_record_with_padding_is_read_right(peer):
    """F18: the largest that fits the limit of a request."""
    filler = 'x' * 60_000
    peer.send(begin(), params({**environment(LIVE, WEIGATE_STATUS='on'), 'HTTP_X_FILLER': filler}, padding=255), stdin())
    assert peer.answer().status == 200


def test_a_request_cut_anywhere_gets_the_same_answer(rig):
    """F19"""
    whole = request('/weixin/session', HTTP_ACCEPT='application/json')
    for cut in range(1, len(whole)):
        with Connection(rig.socket) as peer:
            peer.send(whole[:cut])
            peer.send(whole[cut:])
            answer = peer.answer()
            assert (answer.status, answer.header('Content-Type')) == (401, 'application/problem+json'), cut


@pytest.mark.parametrize('name', ['REQUEST_METHOD', 'QUERY_STRING', 'SCRIPT_NAME', 'REQUEST_URI'])
def test_a_repeated_deciding_parameter_is_refused(peer, name):
    """F20"""
    values = environment(LIVE, WEIGATE_STATUS='on')
    peer.send(begin(), params([*values.items(), (name, values[name] or 'x')]), stdin())
    assert peer.answer().status == 400


def test_both_cookie_parameters_are_looked_at(rig, visitor, person, peer):
    """F20"""
    visitor.sign_in(person)
    cookie = f'{visitor.session_cookie.name}={visitor.session_cookie.value}'
    peer.send(begin(), params([*environment('/weixin/auth', cookie='theme=dark').items(), ('HTTP_COOKIE', cookie)]), stdin())
    assert peer.answer().status == 204


@pytest.mark.parametrize('name', ['REQUEST_METHOD', 'QUERY_STRING', 'SCRIPT_NAME', 'HTTP_COOKIE', 'REQUEST_URI'])
def test_a_nul_in_a_value_is_refused(peer, name):
    """F22"""
    values = environment(LIVE, WEIGATE_STATUS='on')
    values[name] += '\0x'
    peer.send(begin(), params(values), stdin())
    assert peer.answer().status == 400


@pytest.mark.parametrize('name', ['REQUEST_METHOD', 'REQUEST_URI', 'QUERY_STRING'])
def test_a_missing_deciding_parameter_is_refused(peer, name):
    """F23"""
    peer.send(begin(), params(environment('/weixin/login', **{name: None})), stdin())
    assert peer.answer().status == 400


def test_no_parameters_at_all_are_refused(peer):
    """F23"""
    peer.send(begin(), params({}), stdin())
    assert peer.answer().status == 400


def test_a_peer_that_vanishes_harms_nobody(rig):
    """F28"""
    for _ in range(50):
        with Connection(rig.socket) as peer:
            peer.send(request('/weixin/login', keep=True) * 1)


@pytest.mark.parametrize('value', ['a\nX-Accel-Redirect: /secret', 'a\r\nSet-Cookie: x=y', 'a\x01b'])
def test_no_parameter_splits_a_header(rig, peer, value):
    """F29"""
    peer.send(begin(), params(environment('/weixin/login', query='next=/x', REQUEST_URI='/private/' + value, HTTP_USER_AGENT='MicroMessenger ' + value,
                                          HTTP_HOST=value, HTTP_ACCEPT_LANGUAGE=value)), stdin())
    answer = peer.answer()
    names = {name.lower() for name, _ in answer.headers}
    assert 'x-accel-redirect' not in names and not any('x=y' in line for line in answer.all('Set-Cookie'))


def test_raw_high_bytes_are_refused_or_ignored_and_escaped_in_logs(rig, peer):
    """F31"""
    peer.send(begin(), params(environment('/weixin/login', query='next=/\xff\xfe\x80', cookie='weigate=\xff\x80; \xfe=1', HTTP_USER_AGENT='\x80\xff')), stdin())
    assert peer.answer().status in (200, 302, 400)
    rig.first.said_all().encode('utf-8')
    assert b'\xff' not in rig.first.log.read_bytes()


def test_the_socket_belongs_to_its_group(rig):
    """F32"""
    assert stat.S_IMODE(os.stat(rig.socket).st_mode) == 0o660
    assert stat.S_IMODE(os.stat(rig.socket.parent).st_mode) == 0o750


def test_a_large_answer_fits_nginx(rig, visitor, people):
    """F30: the largest header block is that of a login with all its cookies."""
    for one in people(5):
        visitor.get(rig.url + '/private/?x=' + 'y' * 700)
    answer = rig.ask('/weixin/login', query='next=/' + 'a' * 1000, cookie='; '.join(f'{c.name}={c.value}' for c in visitor.login_cookies()),
                     HTTP_USER_AGENT='MicroMessenger')
    assert answer.status in (200, 302) and answer.head_bytes <= 3584


def test_record_length_field_larger_than_sent_waits_and_ends(rig):
    """F14 in framing: a record that promises more than it brings is closed at the deadline, not answered."""
    with Connection(rig.socket) as peer:
        peer.send(begin(), record(fastcgi.PARAMS, b'abc', length=1000))
        assert peer.is_closed()


def test_the_protocol_status_of_an_answer_is_complete(peer):
    peer.send(live())
    assert peer.answer().protocol_status == fastcgi.REQUEST_COMPLETE
    assert struct.calcsize('>BBHHBx') == 8
