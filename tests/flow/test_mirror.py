# SPDX-License-Identifier: Apache-2.0
"""Every write goes to two stores: what one does not take waits for it alone, and a service moves from one to the other without a pause."""
import contextlib
import json
import os
import shutil
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest

from visitor import Visitor
from wait import eventually


@pytest.fixture(scope='module')
def second_plugin(programs):
    """The file plugin once more under another name, with a section of its own."""
    path = programs.directory / 'second.so'
    shutil.copy(programs.file_plugin, path)
    path.chmod(0o755)
    return path


@pytest.fixture
def mirror_conf(programs, second_plugin):
    """The configuration for these roles: 'A' and 'B' are the two stores."""
    stores = {'A': programs.file_plugin, 'B': second_plugin}

    def conf(roles):
        return {'storage': {'plugin': stores[roles[0]], 'mirror': stores[roles[1]] if len(roles) > 1 else None, 'deadline': '500ms'},
                'plugin second': {'path': lambda rig: rig.dir / 'data/second.db'}}
    return conf


def in_store(rig, name):
    """How often each person of that store has signed in, by openid."""
    path = {'A': rig.store_path, 'B': rig.dir / 'data/second.db'}[name]
    connection = sqlite3.connect(f'file:{path}?mode=ro', uri=True)
    try:
        return dict(connection.execute('SELECT openid, login_count FROM people').fetchall())
    finally:
        connection.close()


@contextlib.contextmanager
def locked(rig, name):
    """Somebody else holds the write lock of that store."""
    connection = sqlite3.connect({'A': rig.store_path, 'B': rig.dir / 'data/second.db'}[name], isolation_level=None)
    connection.execute('BEGIN IMMEDIATE')
    try:
        yield
    finally:
        connection.execute('ROLLBACK')
        connection.close()


def waiting(rig, store):
    return rig.metrics()[f'weigate_spool_records{{store="{store}"}}']


def test_a_sign_in_is_in_both_stores(new_rig, mirror_conf, sandbox, people):
    rig = new_rig(mirror_conf('AB'))
    who, = people(1)
    for _ in range(2):
        assert Visitor(rig).sign_in(who).status == 200
    assert in_store(rig, 'A') == in_store(rig, 'B') == {sandbox.openid(who): 2}
    status = json.loads(rig.ctl('status', '--json').stdout)['workers'][0]['store']
    assert status['mirror']['plugin'] == 'file' and status['mirror']['connected']
    assert 'mirror' in rig.ctl('status').stdout


@pytest.mark.parametrize('down,up,store', [('B', 'A', 'mirror'), ('A', 'B', 'plugin')])
def test_what_one_store_does_not_take_waits_for_that_one_alone(new_rig, mirror_conf, sandbox, people, down, up, store):
    """Q16"""
    rig = new_rig(mirror_conf('AB'))
    first, *others = people(4)
    assert Visitor(rig).sign_in(first).status == 200
    with locked(rig, down):
        assert [Visitor(rig).sign_in(who).status for who in others] == [200] * 3
        assert len(in_store(rig, up)) == 4
        eventually(lambda: waiting(rig, store) == 3, what='three records for that one')
    eventually(lambda: waiting(rig, store) == 0, what='all delivered')
    expected = {sandbox.openid(who): 1 for who in (first, *others)}
    assert in_store(rig, 'A') == in_store(rig, 'B') == expected


def test_workers_that_were_started_with_other_roles_exchange_a_code_once(new_rig, mirror_conf, sandbox, people):
    """The moments of a swap: one process has A and its mirror B, another B and its mirror A."""
    rig = new_rig(mirror_conf('AB'), instances=2, start=False)
    first, second = rig.instances
    other = {name: dict(values) for name, values in rig.overrides.items()}
    other.update(mirror_conf('BA'))

    def write_swapped():
        kept, rig.overrides = rig.overrides, other
        try:
            type(second).write_conf(second)
        finally:
            rig.overrides = kept
    second.write_conf = write_swapped
    rig.start()
    for who in people(8):
        visitor = Visitor(rig)
        address = visitor.agree_at(visitor.start(), who)
        cookie = visitor.cookie_header(urlsplit(rig.url + '/'))
        barrier = threading.Barrier(4)

        def call(instance):
            barrier.wait()
            return instance.ask('/weixin/callback', query=urlsplit(address).query, cookie=cookie)
        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(call, [first, second, first, second]))
        assert [answer.status for answer in answers] == [303] * 4
        assert len(sandbox.calls(person=who, call='access_token')) == 1
    assert in_store(rig, 'A') == in_store(rig, 'B')
    assert set(in_store(rig, 'A').values()) == {1}


def test_one_store_takes_the_place_of_the_other_without_a_pause(new_rig, mirror_conf, sandbox, people):
    rig = new_rig(mirror_conf('A'))
    crowd = people(8)
    expected = {}
    for roles in ('AB', 'BA', 'B'):
        visitor = Visitor(rig)
        callback = visitor.agree_at(visitor.start(), crowd[0])
        rig.overrides.update(mirror_conf(roles))
        rig.reload()
        assert visitor.follow(visitor.get(callback)).status == 200  # begun with the old roles, ended with the new ones
        for who in (crowd.pop(), crowd.pop()):
            assert Visitor(rig).sign_in(who).status == 200
            expected[sandbox.openid(who)] = 1
    expected[sandbox.openid(crowd[0])] = 3
    assert in_store(rig, 'B') == expected


def test_a_sign_out_reaches_both_stores(new_rig, mirror_conf, people):
    rig = new_rig(mirror_conf('AB'))
    who, = people(1)
    visitor = Visitor(rig)
    assert visitor.sign_in(who).status == 200
    kept = dict(visitor.cookies)
    assert visitor.get(rig.url + '/weixin/session', method='DELETE', headers={'Accept': 'application/json', 'Sec-Fetch-Site': 'same-origin'}).status == 204
    rig.overrides.update(mirror_conf('B'))
    rig.reload()
    visitor.cookies = kept
    assert visitor.get(rig.url + '/private/').status != 200


def test_a_mirror_that_is_not_there_is_refused_by_its_line(new_rig, mirror_conf):
    rig = new_rig(mirror_conf('AB'), start=False)
    rig.overrides['storage']['mirror'] = '/nonexistent/third.so'
    rig.first.write_conf()
    said = rig.weigate('-t')
    assert said.returncode != 0 and 'storage.mirror = /nonexistent/third.so' in said.stderr, said.stderr
