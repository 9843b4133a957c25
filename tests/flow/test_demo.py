# SPDX-License-Identifier: Apache-2.0
"""scripts/demo, as a newcomer runs it."""
import json
import os
import pathlib
import signal
import socket
import subprocess

import pytest

import cluster as clusters
from rig import SOURCE, free_port
from visitor import Visitor
from wait import BUILD, SLACK, eventually, sanitizer


def environment():
    """Without the place for sanitizer reports of the tests' own processes: the demo's run as another user, who may not write there."""
    return {name: value for name, value in os.environ.items() if not name.endswith('SAN_OPTIONS')}


def demo(*arguments, **options):
    return subprocess.run([str(SOURCE / 'scripts/demo'), '--build', str(BUILD), *arguments], capture_output=True, text=True, timeout=60 * SLACK,
                          stdin=subprocess.DEVNULL, env=environment(), **options)


def person_in(output):
    return next(json.loads(line) for line in output.splitlines() if line.startswith('{'))


def directories():
    return {path for path in pathlib.Path('/tmp').glob('weigate-demo.*')}


def test_once_prints_the_stored_person_and_leaves_nothing():
    before = directories()
    run = demo('--once', '--port', str(free_port()))
    assert run.returncode == 0, run.stderr
    person = person_in(run.stdout)
    assert person['profile']['nickname'] == '李平' and person['login_count'] == 1
    assert directories() == before


@pytest.mark.skipif(clusters.PROGRAMS is None or sanitizer() != '', reason='no PostgreSQL server; or a build with a sanitizer, which this would tell nothing new')
def test_a_new_analyst_sees_a_year_and_three_answers_at_once():
    before = directories()
    run = demo('--once', '--plugin', 'postgres', '--port', str(free_port()))
    assert run.returncode == 0, run.stderr
    assert person_in(run.stdout)['profile']['nickname'] == '李平'
    today = next(line.split('|') for line in run.stdout.splitlines() if line.rstrip().endswith('| t'))
    dau, _, mau = (int(cell) for cell in today[1:4])
    assert dau == 1 and mau > 1000  # the person who just signed in, and the history
    assert [line.split(':')[0] for line in run.stdout.splitlines() if line.startswith('Question')] == ['Question 1', 'Question 4', 'Question 5']
    assert 'user=weigate_analyst' in run.stdout and directories() == before


def test_it_stays_up_until_it_is_stopped(sandbox):
    before, port = directories(), free_port()
    process = subprocess.Popen([str(SOURCE / 'scripts/demo'), '--build', str(BUILD), '--port', str(port)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                               stdin=subprocess.DEVNULL, env=environment())
    lines = []
    while not any('Ctrl-C' in line for line in lines):
        line = process.stdout.readline()
        assert line, ''.join(lines)
        lines.append(line)

    class Site:
        """What a Visitor wants to know of a rig."""
        url, prefix = f'http://127.0.0.1:{port}', '/weixin'
        sandbox_agree = staticmethod(sandbox.agree)

        @staticmethod
        def remember_secret(_value):
            pass
    visitor = Visitor(Site)
    assert visitor.sign_in('second').status == 200
    assert visitor.session()['profile']['nickname'] == '王二'
    assert '<svg' in Visitor(Site, agent='Desktop').open('/desk/').text
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=20 * SLACK) == 143
    process.stdout.close()
    eventually(lambda: directories() == before)


@pytest.mark.parametrize('arguments,sentence', [(['--plugin', 'nosuch'], 'nosuch'), (['--port', 'eighty'], 'eighty'), (['--port', '99999'], '99999'), (['--what'], '--what'),
                                                (['--port'], 'value')])
def test_what_it_cannot_do_is_said_in_one_sentence(arguments, sentence):
    run = demo(*arguments)
    assert run.returncode != 0 and sentence in run.stderr and len(run.stderr.splitlines()) == 1


def test_a_busy_port_is_said_so():
    with socket.socket() as taken:
        taken.bind(('127.0.0.1', 0))
        taken.listen()
        run = demo('--once', '--port', str(taken.getsockname()[1]))
    assert run.returncode != 0 and 'in use' in run.stderr and '--port' in run.stderr
