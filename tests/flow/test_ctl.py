# SPDX-License-Identifier: Apache-2.0
"""weigatectl as admins and their scripts use it. (L01, L04 to L06, L10; G04 to G06, G20)"""
import json
import os
import sqlite3
import stat
import subprocess

import pytest

from rig import IS_ROOT, give, write_private
from visitor import Visitor
from wait import SLACK


def run_to(rig, out, *arguments):
    return subprocess.run([str(rig.programs.weigatectl), '-c', str(rig.first.conf), *arguments], stdout=out, stderr=subprocess.PIPE, text=True,
                          timeout=30 * SLACK, env=rig.first.environment())


# --- people -------------------------------------------------------------------------------------------------------------------------

def test_a_person_is_one_json_object_a_line(rig, visitor, sandbox, person):
    visitor.sign_in(person)
    session = json.loads(visitor.get(rig.url + '/weixin/session').body)
    shown = json.loads(rig.ctl('people', 'show', sandbox.openid(person), '--json').stdout)
    assert set(shown) == set(session) | {'first_seen_at', 'last_seen_at', 'login_count'}
    for name in ('appid', 'openid', 'unionid', 'scope', 'snapshot', 'profile'):
        assert shown[name] == session[name], name
    assert shown['expires_at'] is None and shown['login_count'] == 1
    assert rig.people()[shown['openid']] == shown


def test_people_are_listed_by_account_and_limit(rig, new_visitor, people):
    for one in people(3):
        new_visitor(rig).sign_in(one)
    everybody = rig.ctl('people', 'list', '--json').stdout.splitlines()
    assert len(everybody) >= 3
    assert rig.ctl('people', 'list', '--json', '--limit', '2').stdout.splitlines() == everybody[:2]
    assert rig.ctl('people', 'list', '--json', '--account', 'default').stdout.splitlines() == everybody
    assert len(rig.ctl('people', 'list', '--plain').stdout.splitlines()) == len(everybody)
    assert 'no account "nobody"' in rig.ctl('people', 'list', '--account', 'nobody', check=False).stderr


def test_a_page_follows_a_page(rig, new_visitor, people):
    for one in people(5):
        new_visitor(rig).sign_in(one)
    openids = [json.loads(line)['openid'] for line in rig.ctl('people', 'list', '--json').stdout.splitlines()]
    assert openids == sorted(set(openids))


def test_a_hostile_nickname_does_not_steer_the_terminal(new_rig, sandbox):
    """L01: a store that was written to by somebody else."""
    rig = new_rig()
    Visitor(rig).sign_in('plain')
    with sqlite3.connect(rig.store_path) as store:
        store.execute("UPDATE person SET nickname = ?", ('\x1b]0;owned\x07\x1b[2J\r\x08\u202eevil\u2066',))
    for arguments in (['people', 'list'], ['people', 'list', '--plain'], ['people', 'show', sandbox.openid('plain')]):
        printed = rig.ctl(*arguments).stdout
        assert 'owned' in printed
        assert not set(printed) & ({chr(c) for c in range(32)} - {'\n', '\t'} | {'\x7f', '\u202e', '\u2066'}), printed
    assert 'owned' in json.loads(rig.ctl('people', 'list', '--json').stdout)['profile']['nickname']


@pytest.mark.parametrize('openid', ['%', '*', "o' OR '1'='1", '', 'o' * 129, 'a\nb', 'o?', '../x'])
def test_an_openid_is_matched_exactly_or_refused(rig, openid):
    """L06, L10"""
    run = rig.ctl('people', 'show', '--', openid, check=False)
    assert run.returncode == 1 and run.stdout == '' and run.stderr


def test_an_openid_may_begin_with_a_dash(rig):
    """L10"""
    assert 'nobody with the openid -x' in rig.ctl('people', 'show', '--', '-x', check=False).stderr
    assert rig.ctl('people', 'show', '-x', check=False).returncode == 2


def test_a_prefix_of_an_openid_is_nobody(rig, visitor, sandbox, person):
    """L06"""
    visitor.sign_in(person)
    assert rig.ctl('people', 'show', sandbox.openid(person)[:-1], check=False).returncode == 1


def test_a_full_disk_is_an_error(rig, visitor, person):
    """L04"""
    visitor.sign_in(person)
    with open('/dev/full', 'w') as full:
        for arguments in (['people', 'list', '--json'], ['config', 'show'], ['config', 'sample'], ['status']):
            run = run_to(rig, full, *arguments)
            assert run.returncode == 1 and 'No space left' in run.stderr, arguments


def test_a_reader_that_leaves_early_is_no_crash(rig):
    """L05"""
    reader, writer = os.pipe()
    os.close(reader)
    run = run_to(rig, writer, 'config', 'sample')
    os.close(writer)
    assert run.returncode in (-13, 1) and 'Sanitizer' not in run.stderr


@pytest.mark.skipif(not IS_ROOT, reason='only root can become somebody else')
def test_root_leaves_no_file_of_its_own_in_the_store(new_rig, person):
    rig = new_rig()
    Visitor(rig).sign_in(person)
    owner = rig.store_path.stat().st_uid
    run_to(rig, subprocess.PIPE, 'people', 'list')
    rig.stop()
    for path in (rig.dir / 'data').iterdir():
        path.unlink()
    assert run_to(rig, subprocess.PIPE, 'people', 'list').returncode == 0
    assert {path.stat().st_uid for path in (rig.dir / 'data').iterdir()} <= {owner} and owner != 0


def test_output_goes_to_a_new_file_whole_or_not_at_all(rig, visitor, person, tmp_path):
    """L04: an existing file, a symbolic link and a folder that is not there are refused; nothing unfinished stays behind."""
    visitor.sign_in(person)
    target = tmp_path / 'people.txt'
    assert run_to(rig, subprocess.PIPE, 'people', 'list', '--json', '--output', str(target)).returncode == 0
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert target.read_text() == rig.ctl('people', 'list', '--json').stdout
    (tmp_path / 'link').symlink_to(tmp_path / 'nowhere')
    for path, said in ((target, 'exists already'), (tmp_path / 'link', 'exists already'), (tmp_path / 'a/b', 'cannot be made'), ('/dev/full', 'exists already')):
        run = run_to(rig, subprocess.PIPE, 'people', 'list', '--json', '--output', str(path))
        assert run.returncode == 1 and said in run.stderr
    assert run_to(rig, subprocess.PIPE, 'people', 'list', '--account', 'nobody', '--output', str(tmp_path / 'new')).returncode == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ['link', 'people.txt']


# --- keys ---------------------------------------------------------------------------------------------------------------------------

def test_a_keys_file_is_made_once(new_rig):
    rig = new_rig(start=False)
    rig.first.write_conf()
    give(rig.dir, 0o755)
    (rig.dir / 'keys').unlink()
    rig.ctl('keys', 'new')
    first = (rig.dir / 'keys').read_text()
    assert stat.S_IMODE((rig.dir / 'keys').stat().st_mode) == 0o600 and len(first.strip()) == 64
    assert 'there already' in rig.ctl('keys', 'new', check=False).stderr
    assert (rig.dir / 'keys').read_text() == first


def test_rotation_puts_a_new_key_first_and_keeps_at_most_eight(new_rig):
    rig = new_rig(start=False)
    rig.first.write_conf()
    give(rig.dir, 0o755)
    keys = (rig.dir / 'keys').read_text().split()
    for _ in range(9):
        rig.ctl('keys', 'rotate')
        now = (rig.dir / 'keys').read_text().split()
        assert now[1:] == keys[:7] and now[0] not in keys
        keys = now
    assert len(keys) == 8 and stat.S_IMODE((rig.dir / 'keys').stat().st_mode) == 0o600
    assert sorted(path.name for path in rig.dir.iterdir() if path.name.startswith('keys')) == ['keys']


def test_rotation_refuses_what_it_does_not_understand(new_rig):
    rig = new_rig(start=False)
    rig.first.write_conf()
    give(rig.dir, 0o755)
    write_private(rig.dir / 'keys', 'no key\n')
    run = rig.ctl('keys', 'rotate', check=False)
    assert run.returncode == 1 and 'keys' in run.stderr and (rig.dir / 'keys').read_text() == 'no key\n'


def test_what_is_done_to_keys_is_in_the_log_without_them(new_rig):
    """L14"""
    rig = new_rig()
    give(rig.dir, 0o755)
    rig.ctl('keys', 'rotate')
    key = (rig.dir / 'keys').read_text().split()[0]
    begun, done = rig.first.lines('audit')
    assert 'begins keys rotate' in begun and f'has done keys rotate: {rig.dir}/keys' in done and key not in begun + done
    assert rig.ctl('keys', 'new', check=False).returncode == 1
    assert 'could not finish keys new' in rig.first.lines('audit')[-1]


def test_audit_lines_reach_the_service_where_its_log_is_no_file(new_rig):
    """L14: with log.destination = stderr the running service writes them."""
    rig = new_rig({'log': {'destination': 'stderr'}})
    give(rig.dir, 0o755)
    rig.ctl('keys', 'rotate')
    assert len([line for line in rig.first.lines('audit') if 'keys rotate' in line]) == 2


@pytest.mark.parametrize('text', ['', '# none\n', 'ab\n', '0' * 64 + '\n', 'z' * 64 + '\n', 'a' * 63 + '\n', ('12' * 32 + '\n') * 2, '\n'.join(f'{n:064x}' for n in range(1, 10))])
def test_a_bad_keys_file_is_refused(new_rig, text):
    """G04"""
    rig = new_rig(start=False)
    rig.first.write_conf()
    write_private(rig.dir / 'keys', text)
    run = rig.ctl('config', 'check', check=False)
    assert run.returncode == 1 and str(rig.dir / 'keys') in run.stderr


# --- configuration ------------------------------------------------------------------------------------------------------------------

def test_a_good_configuration_is_shown_and_reads_back(rig):
    shown = rig.ctl('config', 'show').stdout
    assert 'workers = 2\n' in shown and 'lifetime = 7d ; default\n' in shown
    document = json.loads(rig.ctl('config', 'show', '--json').stdout)
    options = {(section['section'], option['name']): option for section in document['sections'] for option in section['options']}
    assert options['server', 'workers']['value'] == '2' and not options['server', 'workers']['default'] and options['server', 'workers']['line'] > 0
    assert options['session', 'lifetime']['default'] and not options['server', 'control_socket']['reloadable']


def test_the_sample_is_good_when_its_files_are_there(new_rig):
    """G20"""
    rig = new_rig(start=False)
    sample = subprocess.run([str(rig.programs.weigatectl), 'config', 'sample'], capture_output=True, text=True, check=True).stdout
    sample = sample.replace('/etc/weigate/appsecret', str(rig.dir / 'appsecret')).replace('/var/lib/weigate', str(rig.dir / 'data'))
    sample = sample.replace('[session]', f'[session]\nkeys_file = {rig.dir}/keys').replace('[storage]', f'[storage]\nplugin = {rig.programs.file_plugin}\nspool_dir = {rig.dir}/data/spool')
    write_private(rig.first.conf, sample)
    assert 'is good' in rig.ctl('config', 'check').stdout


def test_a_configuration_that_everybody_can_write_is_refused(new_rig):
    """G06"""
    rig = new_rig(start=False)
    rig.first.write_conf()
    rig.first.conf.chmod(0o646)
    run = rig.ctl('config', 'check', check=False)
    assert run.returncode == 1 and 'chmod 0644' in run.stderr


def test_a_secret_of_a_stranger_is_refused(new_rig):
    """G05"""
    if not IS_ROOT:
        pytest.skip('needs another user')
    rig = new_rig(start=False)
    rig.first.write_conf()
    os.chown(rig.dir / 'appsecret', 1, -1)
    os.chmod(rig.dir / 'appsecret', 0o640)
    run = rig.weigate('-t')
    assert run.returncode == 1 and 'appsecret' in run.stderr


# --- the command line ------------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize('arguments', [[], ['frob'], ['people'], ['people', 'list', 'x'], ['people', 'show'], ['status', '--limit', '1'], ['people', 'list', '--limit'],
                                       ['people', 'list', '--limit', 'x'], ['--nonsense'], ['keys', 'new', '--json'], ['people', 'show', 'a', 'b']])
def test_a_wrong_command_line_is_told_apart(rig, arguments):
    run = rig.ctl(*arguments, check=False)
    assert run.returncode == 2 and run.stdout == '' and run.stderr


@pytest.mark.parametrize('arguments', [['--help'], ['people', '--help'], ['people', 'list', '-h'], ['-V']])
def test_help_and_version_are_no_error(rig, arguments):
    run = rig.ctl(*arguments)
    assert run.stdout and not run.stderr


def test_what_does_not_run_is_told_so(new_rig):
    rig = new_rig(start=False)
    rig.first.write_conf()
    for command in ('status', 'reload'):
        run = rig.ctl(command, check=False)
        assert run.returncode == 1 and 'weigate is not running' in run.stderr


# --- the command line itself ----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize('words, said', [
    (['people', 'list', '--limit', 'x'], 'not a number from 0'),
    (['people', 'list', '--limit', '-1'], 'not a number from 0'),
    (['people', 'list', '--limit'], '--limit needs N'),
    (['people', 'list', '--limit=3', '--limit=3'], 'given twice'),
    (['people', 'list', '--json=yes'], '--json takes no value'),
    (['people', 'list', '--running'], 'people list takes no --running'),
    (['people', 'list', '--colour'], 'unknown option --colour'),
    (['people', 'show'], 'people show needs OPENID'),
    (['status', 'now'], 'unexpected word "now"'),
    (['people', 'rename', 'x'], 'unknown command "rename"'),
])
def test_a_wrong_command_line_is_told_apart_from_a_failure(rig, words, said):
    run = rig.ctl(*words, check=False)
    assert run.returncode == 2 and said in run.stderr and not run.stdout
