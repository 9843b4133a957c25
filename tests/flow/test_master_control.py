# SPDX-License-Identifier: Apache-2.0
"""The control socket, and what protects the processes. (L09, L11 to L13, G15 to G18, X08)"""
import json
import os
import pathlib
import re
import socket
import stat
import subprocess
import threading

import pytest

from rig import IS_ROOT, give
from wait import SLACK, eventually


def call(rig, question):
    """One line to the master; its answer, or None when it hangs up."""
    with socket.socket(socket.AF_UNIX) as peer:
        peer.settimeout(20 * SLACK)
        peer.connect(str(rig.first.dir / 'control.sock'))
        peer.sendall(question)
        answer = b''
        while not answer.endswith(b'\n'):
            more = peer.recv(65536)
            if not more:
                return None
            answer += more
        return json.loads(answer)


def ask(rig, command, version=None):
    version = version or rig.ctl('-V').stdout.split()[1]
    return call(rig, json.dumps({'command': command, 'version': version}).encode() + b'\n')


def test_status_tells_of_master_workers_store_and_accounts(rig):
    answer = ask(rig, 'status')
    assert answer['ok'] and answer['pid'] == rig.first.master and answer['state'] == 'running'
    assert sorted(worker['pid'] for worker in answer['workers']) == sorted(rig.first.workers())
    for worker in answer['workers']:
        assert worker['state'] == 'serving' and worker['ready'] and worker['answering'] and worker['store']['connected']
        assert worker['accounts'][0]['breaker'] == 'closed'


def test_a_stopped_worker_does_not_hold_the_status_up(new_rig):
    """X10"""
    rig = new_rig()
    os.kill(rig.first.workers()[0], 19)
    answering = sorted(worker['answering'] for worker in ask(rig, 'status')['workers'])
    os.kill(rig.first.workers()[0], 18)
    assert answering == [False, True]


def test_the_running_configuration_is_told_without_secrets(rig):
    """L12"""
    answer = ask(rig, 'config')
    assert {'account', 'server', 'storage'} <= {section['section'] for section in answer['config']['sections']}
    text = json.dumps(answer) + json.dumps(ask(rig, 'status')) + rig.ctl('config', 'show').stdout + rig.ctl('config', 'show', '--running').stdout
    assert not [secret for secret in rig.known_secrets if secret in text]


def test_another_version_is_told_so(rig):
    """L13"""
    answer = ask(rig, 'status', version='99.0')
    assert not answer['ok'] and '99.0' in answer['error'] and 'restart' in answer['error']


@pytest.mark.parametrize('question', [b'\n', b'status\n', b'{}\n', b'{"command":"status"}\n', b'{"command":1,"version":"x"}\n', b'[' * 4000 + b'\n', b'x' * 5000])
def test_a_question_that_is_none_is_answered_so(rig, question):
    assert call(rig, question)['ok'] is False
    assert ask(rig, 'status')['ok']


def test_an_unknown_command_is_refused(rig):
    assert ask(rig, 'halt')['error'] == 'unknown command'


def test_silent_clients_keep_nobody_out_for_long(rig):
    """L09: sixteen hold their connection, the seventeenth is answered when they are cut off."""
    idle = []
    for _ in range(16):
        peer = socket.socket(socket.AF_UNIX)
        peer.connect(str(rig.first.dir / 'control.sock'))
        idle.append(peer)
    assert ask(rig, 'status')['ok']
    for peer in idle:
        peer.close()


def test_a_client_that_leaves_before_its_answer_harms_nobody(rig):
    for _ in range(40):
        with socket.socket(socket.AF_UNIX) as peer:
            peer.connect(str(rig.first.dir / 'control.sock'))
            peer.sendall(b'{"command":"status","version":"' + rig.ctl('-V').stdout.split()[1].encode() + b'"}\n')
    assert ask(rig, 'status')['ok']


def test_several_admins_are_answered_at_once(rig):
    """L09"""
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(ask(rig, 'status'))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer['ok'] for answer in answers] == [True] * 8


def test_the_socket_is_the_owners_alone(rig):
    """L11"""
    assert stat.S_IMODE((rig.first.dir / 'control.sock').stat().st_mode) == 0o600


@pytest.mark.skipif(not IS_ROOT, reason='needs another user')
def test_another_user_is_refused_even_when_the_socket_is_open_to_all(new_rig):
    """L11"""
    rig = new_rig()
    (rig.first.dir / 'control.sock').chmod(0o666)
    rig.first.dir.chmod(0o755)
    script = ('import socket,sys; s=socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); '
              's.sendall(b\'{"command":"status","version":"0"}\\n\'); sys.exit(len(s.recv(10)))')
    run = subprocess.run(['/usr/bin/python3', '-c', script, str(rig.first.dir / 'control.sock')], user='nobody', extra_groups=[], capture_output=True)
    assert run.returncode == 0 or b'reset' in run.stderr.lower() or b'Broken pipe' in run.stderr, run.stderr


def test_a_socket_left_behind_is_replaced(new_rig):
    """X08"""
    rig = new_rig()
    rig.exit_codes_expected |= {-9}
    rig.first.kill()
    assert (rig.first.dir / 'control.sock').exists()
    rig.first.socket.unlink()
    rig.first.start()
    assert ask(rig, 'status')['ok']


def test_a_socket_that_another_answers_at_is_refused(rig, new_rig):
    """X08"""
    other = new_rig({'server': {'control_socket': rig.first.dir / 'control.sock'}}, start=False)
    with pytest.raises(AssertionError, match='another weigate answers'):
        other.first.start()
    other.exit_codes_expected |= {1}
    assert ask(rig, 'status')['ok']


@pytest.mark.parametrize('path,words', [('/nonexistent/control.sock', 'create its folder'), ('/etc/passwd', 'is not a socket'), ('/' + 'x' * 120, 'longer than')])
def test_a_socket_that_cannot_be_made_names_the_fix(new_rig, path, words):
    rig = new_rig({'server': {'control_socket': path}}, start=False)
    with pytest.raises(AssertionError, match=words):
        rig.first.start()
    rig.exit_codes_expected |= {1}


def test_no_control_socket_is_a_choice(new_rig):
    rig = new_rig({'server': {'control_socket': 'off'}})
    assert 'control_socket is off' in rig.ctl('status', check=False).stderr


@pytest.mark.skipif(not IS_ROOT, reason='only root can start as root')
def test_root_is_refused(new_rig):
    """G18"""
    rig = new_rig(start=False)
    rig.first.write_conf()
    run = subprocess.run(['spawn-fcgi', '-n', '-s', str(rig.dir / 'root.sock'), '--', str(rig.programs.weigate), '-c', str(rig.first.conf)],
                         capture_output=True, text=True, timeout=30 * SLACK)
    assert run.returncode == 1 and 'does not run as root' in run.stderr and '-u www-data' in run.stderr


def test_files_are_private_whatever_the_umask_was(new_rig):
    """G18"""
    before = os.umask(0)
    try:
        rig = new_rig()
    finally:
        os.umask(before)
    made = [rig.first.log, rig.first.dir / 'control.sock', *(rig.dir / 'data').iterdir()]
    assert [path for path in made if stat.S_IMODE(path.stat().st_mode) & 0o077] == []


def test_no_secret_stands_in_command_line_or_environment(rig):
    """G15"""
    for pid in [rig.first.master, *rig.first.workers()]:
        text = pathlib.Path(f'/proc/{pid}/cmdline').read_bytes() + (pathlib.Path(f'/proc/{pid}/environ').read_bytes() if IS_ROOT else b'')
        assert not [secret for secret in rig.known_secrets if secret.encode() in text]


def test_no_core_is_ever_written(rig):
    """G16"""
    for pid in [rig.first.master, *rig.first.workers()]:
        limits = pathlib.Path(f'/proc/{pid}/limits').read_text()
        assert re.search(r'Max core file size +0 +0 ', limits), limits


def test_proxies_of_the_environment_are_not_obeyed(new_rig, person):
    from visitor import Visitor
    rig = new_rig(environment={'http_proxy': 'http://127.0.0.1:1', 'ALL_PROXY': 'http://127.0.0.1:1', 'SSLKEYLOGFILE': '/nonexistent/keys'})
    assert Visitor(rig).sign_in(person).status == 200
    assert rig.log('http_proxy in the environment is ignored')


def test_a_preloaded_library_is_reported(new_rig, person):
    """P17"""
    rig = new_rig(environment={'LD_LIBRARY_PATH': '/nonexistent'})
    eventually(lambda: rig.log('LD_LIBRARY_PATH=/nonexistent is in force'))
