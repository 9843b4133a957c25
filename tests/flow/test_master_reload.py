# SPDX-License-Identifier: Apache-2.0
"""Reloads and plugins that must not take a running service down. (G10 to G12, G14, P06, P14, X06)"""
import json
import os
import signal
import subprocess
import threading

import pytest

from load import Load
from rig import give, rss_kib, write_private
from scale import report, scale
from visitor import Visitor
from wait import SLACK, Stopwatch, eventually

BAD_PLUGIN = '''
#include <stdlib.h>
#include <unistd.h>
__attribute__((constructor)) static void begin(void) { %s; }
'''


def make_plugin(rig, name, statement):
    """A shared object whose constructor misbehaves."""
    folder = rig.dir / f'plugin-{name}'
    folder.mkdir(mode=0o755)
    (folder / 'p.c').write_text(BAD_PLUGIN % statement)
    path = folder / f'{name}.so'
    subprocess.run(['cc', '-shared', '-fPIC', '-o', str(path), str(folder / 'p.c')], check=True)
    path.chmod(0o755)
    return path


def status(rig):
    return json.loads(rig.ctl('status', '--json').stdout)


def reload_with(rig, overrides):
    for section, values in overrides.items():
        rig.overrides.setdefault(section, {}).update(values)
    rig.first.write_conf()
    return rig.ctl('reload', check=False)


@pytest.mark.parametrize('name,statement,words', [('aborts', 'abort()', 'signal 6'), ('exits', 'exit(0)', 'may not call exit'), ('nothing', '', 'nothing')])
def test_a_plugin_that_breaks_its_process_changes_nothing(new_rig, person, name, statement, words):
    """G11, P06"""
    rig = new_rig()
    workers = set(rig.first.workers())
    run = reload_with(rig, {'storage': {'plugin': make_plugin(rig, name, statement)}})
    assert run.returncode == 1 and words in run.stderr, run.stderr
    assert set(rig.first.workers()) == workers
    assert Visitor(rig).sign_in(person).status == 200


def test_a_plugin_that_hangs_is_given_up(new_rig, person):
    """P06"""
    rig = new_rig()
    run = reload_with(rig, {'storage': {'plugin': make_plugin(rig, 'hangs', 'for (;;) pause()')}})
    assert run.returncode == 1 and 'did not finish its trial' in run.stderr
    assert Visitor(rig).sign_in(person).status == 200


def test_a_failed_reload_shows_in_status_and_metrics_until_one_is_good(new_rig):
    """G10"""
    rig = new_rig()
    (rig.dir / 'keys').rename(rig.dir / 'keys-away')
    assert rig.ctl('reload', check=False).returncode == 1
    assert 'keys' in status(rig)['reload']['error'] and not status(rig)['reload']['ok']
    assert rig.metrics()['weigate_config_good'] == 0 and rig.metrics()['weigate_reloads_total{result="failed"}'] == 1
    assert 'failed' in rig.ctl('status').stdout
    (rig.dir / 'keys-away').rename(rig.dir / 'keys')
    assert rig.ctl('reload').stdout == 'reloaded: generation 2 serves\n'
    assert status(rig)['reload']['ok'] and rig.metrics()['weigate_config_good'] == 1


def test_an_empty_keys_file_is_refused_and_sessions_go_on(new_rig, person):
    """G14"""
    rig = new_rig()
    visitor = Visitor(rig)
    visitor.sign_in(person)
    write_private(rig.dir / 'keys', '# none\n')
    assert rig.ctl('reload', check=False).returncode == 1
    assert visitor.get(rig.url + '/private/').status == 200


def test_a_rotated_key_seals_and_the_old_one_still_opens(new_rig, people):
    rig = new_rig()
    before, after = Visitor(rig), Visitor(rig)
    first, second = people(2)
    before.sign_in(first)
    give(rig.dir, 0o755)
    rig.ctl('keys', 'rotate')
    rig.ctl('reload')
    after.sign_in(second)
    assert before.get(rig.url + '/private/').status == 200 and after.get(rig.url + '/private/').status == 200
    assert len((rig.dir / 'keys').read_text().split()) == 2
    rig.known_secrets.update((rig.dir / 'keys').read_text().split())


def test_many_reloads_at_once_are_one_after_another(new_rig, person):
    """X06"""
    rig = new_rig()
    runs = []
    threads = [threading.Thread(target=lambda: runs.append(rig.ctl('reload', check=False))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for _ in range(20):
        rig.first.signal(signal.SIGHUP)
    for thread in threads:
        thread.join()
    assert [run.returncode for run in runs] == [0] * 6
    eventually(lambda: not status(rig)['reload']['running'] and len(rig.first.workers()) == 2, what='the last generation alone')
    assert Visitor(rig).sign_in(person).status == 200


def test_a_stop_in_a_reload_is_a_stop(new_rig):
    """X06"""
    rig = new_rig()
    rig.first.signal(signal.SIGHUP)
    rig.first.signal(signal.SIGTERM)
    rig.first.process.wait(timeout=10 * SLACK)
    assert rig.first.process.returncode == 0 and not (rig.first.dir / 'control.sock').exists()


def test_the_number_of_workers_follows_a_reload(new_rig):
    rig = new_rig()
    assert reload_with(rig, {'server': {'workers': '3'}}).returncode == 0
    eventually(lambda: len(rig.first.workers()) == 3)
    assert reload_with(rig, {'server': {'workers': '1'}}).returncode == 0
    eventually(lambda: len(rig.first.workers()) == 1)


def test_a_reload_moves_the_log(new_rig):
    rig = new_rig()
    moved = rig.first.dir / 'moved.log'
    assert reload_with(rig, {'log': {'destination': moved}}).returncode == 0
    eventually(lambda: 'generation 2 serves' in moved.read_text())


def test_what_takes_a_restart_is_said_so(new_rig):
    rig = new_rig()
    rig.overrides['server'] = {'control_socket': rig.first.dir / 'other.sock'}
    rig.first.write_conf()
    rig.first.signal(signal.SIGHUP)
    eventually(lambda: rig.log('takes a restart'))


def test_workers_that_die_young_come_back_within_a_second_each_time(new_rig):
    """P14"""
    rig = new_rig()
    for _ in range(6):
        victims = eventually(lambda: rig.first.workers() if len(rig.first.workers()) == 2 else None)
        with Stopwatch() as took:
            os.kill(victims[0], signal.SIGKILL)
            eventually(lambda: victims[0] not in rig.first.workers() and len(rig.first.workers()) == 2)
        assert took.ms < 1000 * SLACK
    assert rig.metrics()['weigate_worker_deaths_total{by="signal"}'] == 6


@pytest.mark.figures
def test_reloads_under_load_leave_descriptors_and_memory_as_they_were(new_rig, person):
    """X05"""
    rig = new_rig()
    reloads = scale(60, 1000)

    def figures():
        eventually(lambda: len(rig.first.workers()) == 2, what='the last generation alone')
        return len(os.listdir(f'/proc/{rig.first.master}/fd')), rss_kib(rig.first.master)
    rig.ctl('reload')
    descriptors, memory = figures()
    with Load(rig, rate=20, people=100) as load:
        for _ in range(reloads):
            rig.ctl('reload')
    assert not load.trouble, load.trouble[:3]
    after = figures()
    report('reloads', reloads=reloads, sign_ins=load.acknowledged, failed=0, descriptors=after[0] - descriptors, kib=after[1] - memory)
    assert after[0] == descriptors and after[1] < memory + 512, (descriptors, memory, after)
    assert Visitor(rig).sign_in(person).status == 200


def install(source, path, version):
    """As an upgrade does: another file takes the name. The version is the only difference."""
    code = source.read_bytes()
    assert code.count(b'\x000.1.0\x00') == 1
    new = path.with_suffix('.new')
    new.write_bytes(code.replace(b'\x000.1.0\x00', b'\x00' + version + b'\x00'))
    new.chmod(0o755)
    new.rename(path)


def versions(rig):
    """What the workers' plugins say of themselves, in their status."""
    return {worker['store']['version'] for worker in status(rig)['workers']}


@pytest.mark.proof
def test_replacing_the_plugin_file_disturbs_nobody_and_a_reload_brings_the_new_code(new_rig, programs, person):
    """P08"""
    rig = new_rig(start=False)
    swaps, path = scale(10, whole=1000), rig.dir / 'file.so'
    rig.dir.chmod(0o755)
    install(programs.plugin('file'), path, b'0.1.1')
    rig.overrides.setdefault('storage', {})['plugin'] = path
    rig.start()
    with Load(rig, rate=scale(30, whole=100), people=100) as load:
        for number in range(swaps):
            version = f'0.2.{number % 10}'
            before = versions(rig)
            install(programs.plugin('file'), path, version.encode())
            assert versions(rig) == before  # what runs goes on running
            rig.ctl('reload')
            eventually(lambda: versions(rig) == {version}, what='the new code')
        load.more(5)
    assert not load.trouble, load.trouble[:3]
    assert load.acknowledged == sum(one['login_count'] for one in rig.people().values())
    report('plugin files replaced', swaps=swaps, sign_ins=load.acknowledged, failed=0)
    assert Visitor(rig).sign_in(person).status == 200
