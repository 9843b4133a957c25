# SPDX-License-Identifier: Apache-2.0
"""weigatectl storage copy: from one store into another, whole, again, killed in between, and what it says of stores that it cannot copy."""
import itertools
import os
import shutil
import signal
import sqlite3

import pytest

import cluster as clusters
from stores import Stores
from wait import BUILD, eventually

HAS_POSTGRES = clusters.PROGRAMS is not None and list(BUILD.rglob('.libs/postgres.so'))
numbers = itertools.count(1)


@pytest.fixture
def stores(directory, programs):
    return Stores(directory / f'stores{next(numbers)}', programs)


@pytest.fixture(scope='module')
def cluster(directory):
    one = clusters.Cluster(directory / 'copy-cluster')
    yield one
    one.stop()


def test_people_erasures_tokens_events_and_tickets_go_round_through_every_plugin(directory, programs, request):
    """check 101"""
    way = ['file', 'memory', 'template']
    dsn = None
    if HAS_POSTGRES:
        cluster = request.getfixturevalue('cluster')
        cluster.sql('DROP DATABASE IF EXISTS weigate WITH (FORCE)', database='postgres')
        cluster.sql('CREATE DATABASE weigate', database='postgres')
        way, dsn = ['file', 'memory', 'postgres'], cluster.dsn('weigate')
    stores = Stores(directory / f'stores{next(numbers)}', programs, dsn)
    if dsn:
        missing = stores.ctl('storage', 'copy', '--from', 'file', '--to', 'postgres', check=False)
        assert missing.returncode == 1 and 'weigatectl storage init --plugin postgres' in missing.stderr, missing.stderr
        stores.ctl('storage', 'init', '--plugin', 'postgres')
    stores.fill('file', 600, erased=20, revoked=30)
    before = stores.people('file')
    for source, target in zip(way, way[1:]):
        done, end = stores.copy(source, target)
        assert done['people']['added'] == 600 and done['events']['added'] == 1800 and done['tickets']['added'] == 36, (target, done)
        assert not any(part['refused'] for part in done.values()) and end['done'], (target, done)
        assert stores.assert_equal(source, target) == {'people': 580, 'erasures': 20, 'events': 1800, 'tickets': 36}
        assert stores.people(target) == before, target
    # And home again, into a file that somebody has begun already.
    first_file = stores.options['file']['path']
    stores.options['file']['path'] = first_file.parent / 'other.db'
    stores.write_conf()
    stores.fill('file', 19, first=1)  # signed in here before they were erased there
    done, end = stores.copy(way[-1], 'file')
    assert stores.people('file') == before and end['done'], done
    assert {(line['part'], line['why']) for line in stores.verify(way[-1], 'file')[0]} == {('events', 'extra')}  # numbers, without names


def test_what_is_there_already_is_not_written_again(stores):
    """check 102"""
    stores.fill('file', 300, erased=5, revoked=5)
    stores.copy('file', 'memory')
    done, end = stores.copy('file', 'memory')
    assert [part['added'] for part in done.values()] == [0, 0, 0] and end == {'done': True, 'passes': 1, 'resumed': False}


def test_a_killed_copy_goes_on_where_it_was(stores):
    """check 104: kill -9, and a signal that may be caught."""
    stores.fill('file', 1200, erased=10, revoked=10)
    for number in (signal.SIGKILL, signal.SIGINT):
        before = len(stores.people('memory').splitlines())
        job = stores.start('storage', 'copy', '--from', 'file', '--to', 'memory', '--rate', '800')
        eventually(lambda: len(stores.people('memory').splitlines()) > before + 200, what='some more people copied')
        job.send_signal(number)
        said = job.communicate()[0]
        assert job.returncode == (-signal.SIGKILL if number == signal.SIGKILL else 1), said
        assert number == signal.SIGKILL or 'stopped; memory holds only a part of file; the same command goes on where it stopped' in said, said
    done, end = stores.copy('file', 'memory')
    assert end['done'] and end['resumed']
    assert stores.people('memory') == stores.people('file')
    assert stores.copy('file', 'memory')[1]['resumed'] is False


def test_a_half_of_another_store_is_named(stores):
    stores.fill('file', 600)
    stores.fill('template', 10, first=5000)
    job = stores.start('storage', 'copy', '--from', 'file', '--to', 'memory', '--rate', '400')
    eventually(lambda: len(stores.people('memory').splitlines()) > 90, what='some people copied')
    job.kill()
    job.communicate()
    said = stores.ctl('storage', 'copy', '--from', 'template', '--to', 'memory', check=False)
    assert said.returncode == 1 and 'memory holds a part of another store (file, begun ' in said.stderr and '--restart' in said.stderr
    assert 'memory holds only a part of file: the copy that began' in stores.verify('file', 'memory')[2]
    stores.copy('template', 'memory', '--restart')
    stores.copy('file', 'memory')
    assert len(stores.people('memory').splitlines()) == 610


@pytest.mark.parametrize('arguments,sentence', [
    (['--from', 'file'], 'name both stores: --from PLUGIN --to PLUGIN'),
    (['--from', 'file', '--to', 'file'], '--from and --to are both file: name two stores'),
    (['--from', 'file', '--to', 'meory'], '--to: there is no plugin "meory" in '),
    (['--from', 'file', '--to', 'meory'], 'did you mean memory?'),
    (['--from', 'file', '--to', 'memory', '--rate', '0'], '--rate 0: not a number'),
])
def test_a_wrong_command_line_is_named_in_one_sentence(stores, arguments, sentence):
    said = stores.ctl('storage', 'copy', *arguments, check=False)
    assert said.returncode != 0 and sentence in said.stderr, said.stderr


def test_one_store_under_two_names_is_noticed(stores):
    stores.fill('file', 10)
    said = stores.ctl('storage', 'copy', '--from', 'file', '--to', str(stores.plugins / 'file.so'), check=False)
    assert said.returncode == 1 and 'one and the same store' in said.stderr
    assert stores.copy('file', 'memory')[1]['done']


def test_two_stores_of_one_plugin_are_two_names(stores):
    """As docs/storage.md says: a copy of the plugin, named by its path."""
    other = stores.plugins / 'file_new.so'
    shutil.copy(stores.plugins / 'file.so', other)
    other.chmod(0o755)
    stores.options['file_new'] = {'path': stores.dir / 'new.db'}
    stores.write_conf()
    stores.fill('file', 50)
    assert stores.copy('file', str(other))[1]['done']
    assert stores.people(str(other)) == stores.people('file')


def test_a_damaged_source_is_named_and_the_copy_does_not_pretend(stores):
    stores.fill('file', 600)
    path = stores.options['file']['path']
    connection = sqlite3.connect(path)
    connection.execute('PRAGMA wal_checkpoint(TRUNCATE)')
    connection.close()
    size = path.stat().st_size
    with path.open('r+b') as file:
        file.seek(4096)
        file.write(os.urandom(size - 4096))
    said = stores.ctl('storage', 'copy', '--from', 'file', '--to', 'memory', check=False)
    assert said.returncode == 1 and 'file' in said.stderr and 'damaged' in said.stderr, said.stderr


def test_a_full_target_is_named_and_takes_the_rest_when_there_is_room(stores):
    """check 75: memory is bounded, and lets the oldest go in place of failing; a file on a full disk fails."""
    if os.geteuid() != 0 or shutil.which('mount') is None:
        pytest.skip('needs a small disk')
    stores.fill('memory', 1500)
    disk = stores.dir / 'disk'
    disk.mkdir()
    if os.system(f'mount -t tmpfs -o size=700k,mode=0777 tmpfs {disk} 2>/dev/null') != 0:
        pytest.skip('cannot mount')
    try:
        stores.options['file']['path'] = disk / 'people.db'
        stores.write_conf()
        said = stores.ctl('storage', 'copy', '--from', 'memory', '--to', 'file', check=False)
        assert said.returncode == 1 and '(full)' in said.stderr and 'make room there; the same command goes on where it stopped' in said.stderr, said.stderr
        assert os.system(f'mount -o remount,size=64m {disk}') == 0
        assert stores.copy('memory', 'file')[1]['resumed']
        assert stores.people('file') == stores.people('memory')
    finally:
        os.system(f'umount {disk}')
