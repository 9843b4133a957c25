# SPDX-License-Identifier: Apache-2.0
"""weigatectl plugins list, describe and check, as an author and an admin use them."""
import json
import os
import re
import subprocess

import pytest

import cluster as clusters
from rig import SOURCE
from scale import report, scale
from test_master_reload import BAD_PLUGIN
from wait import BUILD

CTL = BUILD / 'weigatectl'


def ctl(*words, **options):
    return subprocess.run([CTL, '-c', '/nonexistent', 'plugins', *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


@pytest.fixture
def plugin(programs):
    return lambda name: programs.plugin(name)


def build(directory, name, statement):
    (directory / f'{name}.c').write_text(BAD_PLUGIN % statement)
    path = directory / f'{name}.so'
    subprocess.run(['cc', '-shared', '-fPIC', '-o', path, directory / f'{name}.c'], check=True)
    path.chmod(0o755)
    return path


def test_a_kept_promise_is_a_line_and_the_end_counts_them(plugin):
    run = ctl('check', plugin('file'), '--only', 'tickets', '--seed', '7')
    assert run.returncode == 0 and run.stdout.startswith('TAP version 13\n') and 'level core, seed 7' in run.stdout
    assert re.search(r'^ok 1 - tickets: the first claim wins and the second is told what is there$', run.stdout, re.M)
    assert re.search(r'^# (\d+) of \1 promises kept$', run.stdout, re.M)


def test_json_lines_say_the_same(plugin):
    lines = [json.loads(line) for line in ctl('check', plugin('file'), '--only', '27', '--json').stdout.splitlines()]
    assert lines[-1] == {'kept': len(lines) - 1, 'broken': 0, 'skipped': 0}
    assert lines[0]['check'] == 'a_new_person_comes_back_byte_for_byte' and lines[0]['result'] == 'kept'


@pytest.mark.parametrize('words,sentence', [
    ((), 'needs --option dsn='),
    (('--option', 'dsn=host=/tmp dbname=weigate'), 'every check wants a store of its own'),
    (('--option', 'dsn=host=/tmp dbname=@NAME@'), '@NAME@ is a store that does not exist yet'),
    (('--option', 'dsn=host=/tmp dbname=@NAME@', '--fresh', '/bin/false'), 'did not make a store'),
    (('--option', 'dsn'), 'write NAME=VALUE'),
])
def test_no_store_that_somebody_may_use_is_touched(plugin, words, sentence):
    run = ctl('check', plugin('postgres'), *words)
    assert run.returncode != 0 and sentence in run.stderr and '\nok' not in run.stdout, run.stderr


@pytest.mark.parametrize('statement,sentence', [('abort()', 'crashes when it is loaded: signal 6'), ('_exit(0)', 'ends the process when it is loaded'), ('', 'has no function')])
def test_a_plugin_that_breaks_its_process_is_told_of(directory, statement, sentence):
    """P06"""
    path = build(directory, f'bad{len(statement)}', statement)
    for words in (('describe', path), ('check', path)):
        run = ctl(*words)
        assert run.returncode != 0 and sentence in run.stderr, run.stderr


def test_a_check_that_crashes_fails_alone(plugin, directory):
    """A plugin that kills its process in one call: that check names the signal, the others have run."""
    run = ctl('check', BUILD / 'tests/store/saboteurs/calls_exit.so', '--only', 'life')
    if 'No such file' in run.stderr:
        pytest.skip('the saboteurs are made by make check')
    assert run.returncode == 1 and 'a plugin never calls exit' in run.stdout and run.stdout.count('\nok ') >= 5


def test_describe_shows_options_file_and_digest(plugin):
    shown = ctl('describe', plugin('memory')).stdout
    assert re.search(r'^an OK survives +all processes$', shown, re.M) and re.search(r'^sha256 +[0-9a-f]{64}$', shown, re.M)
    assert 'size = 256M  (size from 4M to 1024G)' in shown
    card = json.loads(ctl('describe', plugin('memory'), '--json').stdout)
    assert card['name'] == 'memory' and card['extensions'] == ['weigate.tickets.v1'] and [option['name'] for option in card['options']] == ['path', 'size']


def test_what_others_may_write_is_not_loaded(plugin, directory):
    """P02"""
    path = directory / 'loose.so'
    path.write_bytes(plugin('file').read_bytes())
    path.chmod(0o777)
    assert 'chmod go-w' in ctl('describe', path).stderr


@pytest.mark.proof
def test_a_thousand_kills_lose_nothing_of_what_was_acknowledged(plugin):
    """D23: 25 kills a round."""
    rounds = scale(2, whole=40)
    for seed in range(rounds):
        run = ctl('check', plugin('file'), '--level', 'crash', '--only', 'what_was_acknowledged_survives_the_kill_of_its_writer', '--seed', str(seed))
        assert run.returncode == 0, run.stdout
    report('file plugin, kill -9', kills=25 * rounds, lost=0)


@pytest.mark.proof
@pytest.mark.skipif(clusters.PROGRAMS is None, reason='no PostgreSQL server')
def test_postgres_keeps_every_promise_of_the_longest_checks_too(plugin, directory):
    if not scale(0, whole=1):
        pytest.skip('make check runs the shorter ones')
    cluster = clusters.Cluster(directory / 'kit-cluster')
    try:
        run = ctl('check', plugin('postgres'), '--option', f'dsn=host={cluster.dir} dbname=@NAME@ user=weigate', '--fresh', SOURCE / 'plugins/postgres/fresh.sh',
                  '--level', 'soak', '--soak', '2m', env={**os.environ, 'PGHOST': str(cluster.dir), 'PGUSER': 'weigate'})
        assert run.returncode == 0, run.stdout
        report('postgres, all levels', promises=re.search(r'^# (\d+ of \d+) promises', run.stdout, re.M).group(1))
    finally:
        cluster.stop()
