# SPDX-License-Identifier: Apache-2.0
"""A service that moves from store to store while people sign in, as docs/storage.md tells the admin to: mirror, copy, verify, cut over, with
the old store as a mirror of the new one until the next move."""
import itertools
import json
import os
import random
import shutil

import pytest

import cluster as clusters
from load import Load
from scale import report, scale
from wait import BUILD, eventually, sanitizer

pytestmark = pytest.mark.skipif(not list(BUILD.rglob('.libs/memory.so')), reason='built without the memory plugin')
HAS_POSTGRES = clusters.PROGRAMS is not None and list(BUILD.rglob('.libs/postgres.so'))


class Movable:
    """A rig whose stores have names."""

    def __init__(self, rig, plugins):
        self.rig, self.plugins, self.current = rig, plugins, 'file'
        self.shown = {}

    def configure(self, plugin, mirror):
        self.rig.overrides['storage'].update(plugin=plugin, mirror=mirror)
        self.rig.first.write_conf()
        self.rig.ctl('reload')

    def json(self, *arguments):
        return [json.loads(line) for line in self.rig.ctl('storage', *arguments, '--json', seconds=scale(30, 300)).stdout.splitlines()]

    def move_to(self, target):
        """The five steps; returns what the copy said."""
        source = self.current
        self.configure(source, target)
        copied = self.json('copy', '--from', source, '--to', target)
        self.verify(source, target)
        self.configure(target, source)
        self.current = target
        return copied

    def verify(self, source, target):
        parts = self.json('verify', '--from', source, '--to', target)
        assert all(part.get('differ', 0) == 0 for part in parts), parts

    def people(self, store):
        lines = self.rig.ctl('people', 'list', '--json', '--plugin', store).stdout.splitlines()
        return {person['openid']: person for person in map(json.loads, lines)}


@pytest.fixture
def new_movable(new_rig, programs, directory, request):
    def new(*names):
        folder = directory / f'swap{random.randrange(1 << 30)}'
        folder.mkdir()
        folder.chmod(0o755)
        for name in names:
            shutil.copy(programs.plugin(name), folder / f'{name}.so')
            (folder / f'{name}.so').chmod(0o755)
        shared = f'/dev/shm/weigate-swap-{os.getpid()}-{random.randrange(1 << 30)}'
        request.addfinalizer(lambda: [os.unlink(shared + end) for end in ('', '-lock', '-lmdb') if os.path.exists(shared + end)])
        conf = {'storage': {'plugin': 'file', 'plugin_dir': folder}, 'plugin memory': {'path': shared, 'size': '256M'}}
        if 'postgres' in names:
            cluster = clusters.Cluster(folder / 'cluster')
            request.addfinalizer(cluster.stop)
            conf['plugin postgres'] = {'dsn': cluster.dsn('weigate')}
        rig = new_rig(conf, start=False)
        rig.first.write_conf()
        if 'postgres' in names:
            rig.ctl('storage', 'init', '--plugin', 'postgres')
            rig.overrides['plugin postgres']['dsn'] = cluster.dsn()
        rig.start()
        return Movable(rig, list(names))
    return new


@pytest.mark.proof
@pytest.mark.figures
def test_reloads_and_swaps_under_load_fail_no_request_and_lose_nobody(new_movable, sandbox):
    """check 102 104: 200 reloads and 50 swaps at 100 sign-ins a second in the whole form."""
    movable = new_movable('file', 'memory', *(['postgres'] if HAS_POSTGRES else []))
    rig, swaps, reloads = movable.rig, scale(3, 50), scale(5, 200)
    order = itertools.cycle(movable.plugins[1:] + movable.plugins[:1])
    copied, renamed = [], {}
    with Load(rig, rate=scale(50, 100), people=scale(200, 2000)) as load:
        load.until(50)
        for n in range(swaps):
            person = load.people[n]
            sandbox.fault(person=person, call='userinfo', set={'nickname': f'after move {n}'})
            renamed[load.openids[person]] = f'after move {n}'
            copied.append(movable.move_to(next(order)))
            for _ in range(reloads // swaps):
                rig.ctl('reload')
        # And so that everybody who was renamed has been here since.
        load.more(scale(250, 2500))
    assert not load.trouble, load.trouble[:3]
    eventually(lambda: not any(value for name, value in rig.metrics().items() if name.startswith('weigate_spool_records')), what='nothing waits')
    last, others = movable.current, [name for name in movable.plugins if name != movable.current]
    people = movable.people(last)
    assert set(people) >= set(load.told), 'acknowledged and not stored'
    assert {openid: people[openid]['login_count'] for openid in load.told} == dict(load.told), 'lost or counted twice'
    assert all(people[openid]['profile']['nickname'] == name for openid, name in renamed.items()), 'the newest fields'
    finished = {entry['person'] for entry in sandbox.calls(call='userinfo')}
    assert set(people) <= {sandbox.openid(person) for person in finished}, 'nobody whom WeChat does not know'
    # The mirror of the last move is equal; the first store, which was left, still knows when each was seen first.
    movable.verify(last, next(name for name in others if rig.overrides['storage']['mirror'] == name))
    for openid, at in load.first_told.items():
        assert abs(seconds(people[openid]['first_seen_at']) - at) < 30, openid
    report('swaps', swaps=swaps, reloads=reloads // swaps * swaps + 2 * swaps, sign_ins=load.acknowledged, failed=0, lost=0, doubled=0, people=len(people),
           p99_ms=load.percentile_ms(0.99), slowest_ms=load.percentile_ms(1), passes=max(part['passes'] for parts in copied for part in parts if 'passes' in part))


def seconds(stamp):
    import datetime
    return datetime.datetime.fromisoformat(stamp.replace('Z', '+00:00')).timestamp()


def test_without_a_mirror_a_second_copy_after_the_cut_over_brings_the_rest(new_movable):
    """check 102"""
    movable = new_movable('file', 'memory')
    rig = movable.rig
    with Load(rig, rate=50, people=100, gate=False) as load:
        load.until(30)
        said = rig.ctl('storage', 'copy', '--from', 'file', '--to', 'memory', check=False)
        # A store as small as this may have a moment in which nothing is new.
        assert said.returncode == 0 or ('file is still written to' in said.stderr and 'storage.mirror = memory' in said.stderr), said.stderr
        movable.configure('memory', '')
        load.more(20)
    assert not load.trouble, load.trouble[:3]
    rig.ctl('storage', 'copy', '--from', 'file', '--to', 'memory')
    people = movable.people('memory')
    assert {openid: people[openid]['login_count'] for openid in load.told} == dict(load.told), 'lost or counted twice'


def test_a_store_that_was_copied_half_is_named_by_the_service_that_uses_it(new_movable):
    movable = new_movable('file', 'memory')
    rig = movable.rig
    with Load(rig, rate=50, people=100, gate=False) as load:
        load.until(60)
    job = rig.ctl_start('storage', 'copy', '--from', 'file', '--to', 'memory', '--rate', '40')
    eventually(lambda: movable.people('memory'), what='some people copied')
    job.kill()
    job.wait()
    movable.configure('memory', 'file')
    eventually(lambda: rig.log('holds only a part of file'), what='a line in the log')
    assert 'holds only a part of file' in rig.ctl('status').stdout
    rig.ctl('storage', 'copy', '--from', 'file', '--to', 'memory')
    movable.verify('file', 'memory')
