# SPDX-License-Identifier: Apache-2.0
"""people export and people import: whole records out and in, and a table of WeChat users of another system in. (L02 to L04, L14)"""
import csv
import io
import json
import os
import resource
import signal
import sqlite3
import subprocess

import pytest

from rig import APPID, SHOP_APPID, give
from visitor import Visitor
from wait import SLACK, eventually

FORMATS = ('jsonl', 'csv')
NAMES = ['=cmd|calc', '+86 1', '-1', '@x', '\tx', '\rx', "'=1", "'", 'a,b', 'say "hi"', ' blank ', 'two\r\nlines\n', '👨‍👩‍👧‍👦🇨🇳', 'e\u0301', '＝1', '\x1b[2J',
         '\u202eevil', '', 'NULL', '[]', '\\u0041']


def import_text(rig, text, *options):
    path = rig.dir / 'data/import.txt'
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    give(path, 0o600)
    return rig.ctl('people', 'import', str(path), *options, check=False)


def export(rig, *options):
    return rig.ctl('people', 'export', *options).stdout


def export_bytes(rig, *options):
    """To a file: a pipe that is read as text turns carriage returns into line feeds."""
    path = rig.dir / 'data/export'
    path.unlink(missing_ok=True)
    rig.ctl('people', 'export', *options, '--output', str(path))
    return path.read_bytes()


def without_counts(text):
    return [{key: value for key, value in json.loads(line).items() if key not in ('login_count', 'login_days', 'last_login_at')} for line in text.splitlines()]


@pytest.fixture
def full(new_rig, people):
    """A store with people whose names are trouble."""
    rig = new_rig(shop=True)
    for one in people(len(NAMES)):
        Visitor(rig).sign_in(one)
    with sqlite3.connect(rig.store_path) as store:
        for openid, name in zip([row[0] for row in store.execute('SELECT openid FROM person ORDER BY openid')], NAMES):
            store.execute('UPDATE person SET nickname = ?, city = ? WHERE openid = ?', (name, name, openid))
    return rig


@pytest.mark.parametrize('form', FORMATS)
def test_what_is_exported_comes_back_whole_in_an_empty_store(full, new_rig, form):
    """L03: equal when read back, stamps included; a second time changes nothing."""
    text = export_bytes(full, '--format', form)
    before = without_counts(export(full))
    assert len(before) == len(NAMES) and sorted(person['nickname'] for person in before) == sorted(NAMES)
    other = new_rig(shop=True)
    run = import_text(other, text)
    assert run.returncode == 0 and f'{len(NAMES)} records: {len(NAMES)} new' in run.stdout, run.stderr
    assert without_counts(export(other)) == before
    assert f'{len(NAMES)} there already' in import_text(other, text).stdout


def test_no_cell_of_a_csv_file_is_a_formula(full):
    """L02"""
    rows = list(csv.reader(io.StringIO(export(full, '--format', 'csv'), newline='')))
    assert len(rows) == len(NAMES) + 1
    for cell in (cell for row in rows for cell in row if cell):
        assert cell[0] not in '=+-@\t\r\n＝＋－＠', cell


def test_an_export_holds_no_token_and_says_so_in_the_log(full):
    """L14: who, what and how many; and not whom."""
    text = export(full, '--erased')
    assert 'token' not in text and 'sealed' not in text
    begun, done = [line for line in full.first.lines('audit') if 'people export' in line][-2:]
    assert 'begins people export: all accounts' in begun and f'has done people export: {len(NAMES)} people' in done
    assert begun.split('audit ')[1][:8] == done.split('audit ')[1][:8] and 'uid ' in done


def test_accounts_and_limits_hold(full):
    assert export(full, '--account', 'shop') == ''
    assert len(export(full, '--account', 'default', '--limit', '3').splitlines()) == 3


def run_limited(rig, bytes_max, *words):
    """weigatectl on a disk that takes so many bytes of a file and no more."""
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_max, bytes_max))
    return subprocess.run([str(rig.programs.weigatectl), '-c', str(rig.first.conf), *words], capture_output=True, text=True, timeout=30 * SLACK,
                          env=rig.first.environment(), preexec_fn=limit)


def test_an_export_that_does_not_fit_leaves_no_file_behind(full):
    """L04"""
    before = sorted((full.dir / 'data').iterdir())
    run = run_limited(full, 4096, 'people', 'export', '--output', str(full.dir / 'data/export'))
    assert run.returncode not in (0, 2)
    assert sorted((full.dir / 'data').iterdir()) == before


def test_a_reader_of_an_export_may_leave_early(full):
    """L05: `weigatectl people export | head -1`"""
    reader, writer = os.pipe()
    run = subprocess.Popen([str(full.programs.weigatectl), '-c', str(full.first.conf), 'people', 'export'], stdout=writer, stderr=subprocess.PIPE, text=True,
                           env=full.first.environment())
    os.close(writer)
    os.read(reader, 1)
    os.close(reader)
    _, err = run.communicate(timeout=30 * SLACK)
    assert run.returncode in (0, 1, -signal.SIGPIPE) and 'Sanitizer' not in err


def test_exports_imports_and_reloads_at_once_do_not_harm_each_other(full):
    """L09"""
    path = full.dir / 'data/everybody'
    full.ctl('people', 'export', '--output', str(path))
    before = export(full)
    works = [['people', 'import', str(path)], ['people', 'export'], ['reload'], ['people', 'import', str(path)], ['status'], ['reload'], ['people', 'export']]
    running = [subprocess.Popen([str(full.programs.weigatectl), '-c', str(full.first.conf), *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                env=full.first.environment()) for words in works]
    for words, run in zip(works, running):
        out, err = run.communicate(timeout=60 * SLACK)
        assert run.returncode == 0, (words, err)
        assert words != ['people', 'export'] or out == before
    assert export(full) == before


# --- other systems --------------------------------------------------------------------------------------------------------------------

WECHAT = {'openid': 'o6_bmjrPTlm6_2sgVt7hMZOPfL2M', 'unionid': 'o6_bmasdasdsad6_2sgVt7hMZOPfL', 'nickname': 'Band\x07 🎸', 'sex': 1, 'province': 'PROVINCE',
          'city': 'CITY', 'country': 'COUNTRY', 'headimgurl': 'https://thirdwx.qlogo.cn/x/46', 'privilege': ['P1'], 'level': 7,
          'subscribe_time': 1434093047}


def stored(rig, openid=WECHAT['openid']):
    return next((json.loads(line) for line in export(rig).splitlines() if json.loads(line)['openid'] == openid), None)


def test_wechats_own_objects_are_imported_as_they_are(new_rig):
    rig = new_rig()
    run = import_text(rig, json.dumps(WECHAT) + '\n', '--observed-at', '2020-05-06T07:08:09Z')
    assert run.returncode == 0, run.stderr
    person = stored(rig)
    assert person['appid'] == APPID and person['nickname'] == 'Band 🎸' and person['privilege'] == ['P1'] and person['raw'] == {'level': 7}
    assert person['profile_stamp'].startswith('2020-05-06T07:08:09.000000Z ') and person['first_seen_at'] == '2015-06-12T07:10:47.000000Z'
    assert '1 there already' in import_text(rig, json.dumps(WECHAT) + '\n', '--observed-at', '2020-05-06T07:08:09Z').stdout


def test_a_spreadsheet_with_other_names_is_imported(new_rig):
    rig = new_rig(shop=True)
    table = '\ufeffopen_id,nick,sex,city,vip\r\n' + ''.join(f'o{i:027},"名,{i}",{i % 3},,yes\r\n' for i in range(600))
    assert 'which account' in import_text(rig, table, '--field', 'openid=open_id').stderr
    run = import_text(rig, table, '--field', 'openid=open_id', '--field', 'nickname=nick', '--account', 'shop', '--observed-at', '2021-01-01')
    assert run.returncode == 0 and '600 new' in run.stdout, run.stderr
    person = stored(rig, f'o{7:027}')
    assert (person['appid'], person['nickname'], person['sex'], person['raw']) == (SHOP_APPID, '名,7', 1, {'vip': 'yes'})


def test_what_was_imported_does_not_beat_what_is_newer(new_rig, sandbox, person):
    rig = new_rig()
    Visitor(rig).sign_in(person)
    before = stored(rig, sandbox.openid(person))
    run = import_text(rig, json.dumps({'openid': sandbox.openid(person), 'nickname': 'long ago', 'first_seen_at': '2019-01-01'}), '--observed-at', '2020-01-01')
    assert '1 older than what is stored' in run.stdout
    after = stored(rig, sandbox.openid(person))
    assert after['nickname'] == before['nickname'] and after['first_seen_at'] == '2019-01-01T00:00:00.000000Z'


# --- what is wrong with a file --------------------------------------------------------------------------------------------------------

def test_bad_lines_are_named_and_counted_and_the_others_stored(new_rig):
    rig = new_rig()
    good = [json.dumps({'openid': f'good{i}', 'nickname': 'x'}) for i in range(3)]
    bad = ['{', '{"openid":"a b"}', '{"errcode":40003,"errmsg":"invalid openid"}', '{"openid":"x","appid":"wxother"}', '{"openid":"y","observed_at":"3000-01-01"}',
           '{"openid":"z","profile":{}}', '{"openid":"' + 'a' * 200000 + '"}', '{"openid":"p","nickname_stamp":"2020-01-01"}']
    run = import_text(rig, '\n'.join([good[0], *bad, '', good[1]]) + '\n' + good[2])
    assert run.returncode == 1 and '11 records: 3 new, 8 refused' in run.stdout, run.stdout + run.stderr
    for number, said in enumerate(['too early', 'openid', '40003', 'belongs to no account', 'future', 'people export', 'longer than', 'unknown member'], 2):
        assert any(line.startswith(f'line {number}: ') and said in line for line in run.stderr.splitlines()), (number, said, run.stderr)
    assert {person['openid'] for person in map(json.loads, export(rig).splitlines())} == {'good0', 'good1', 'good2'}


def test_csv_lines_are_counted_through_cells_with_line_breaks(new_rig):
    rig = new_rig()
    run = import_text(rig, 'openid,nickname\no1,"a\nb\nc"\no 2,x\no3\no4,"open\n')
    assert run.returncode == 1 and '1 new' in run.stdout
    assert 'line 5: ' in run.stderr and 'line 6: 1 cells where the first line names 2' in run.stderr and 'line 7: a quote out of place' in run.stderr


@pytest.mark.parametrize('text, said', [('openid,openid\n', 'two columns'), (b'\x00\x01', 'no column is called openid'), ('openid,\n', 'no name')])
def test_a_file_of_another_kind_is_refused(new_rig, text, said):
    run = import_text(new_rig(), text)
    assert run.returncode == 1 and said in run.stderr, run.stderr


def test_a_trial_changes_nothing(new_rig):
    rig = new_rig()
    run = import_text(rig, json.dumps(WECHAT) + '\n{', '--dry-run')
    assert run.returncode == 1 and '1 could be stored, 1 refused' in run.stdout and export(rig) == ''


def test_standard_input_is_read_too(new_rig):
    rig = new_rig()
    run = subprocess.run([str(rig.programs.weigatectl), '-c', str(rig.first.conf), 'people', 'import', '-'], input=json.dumps(WECHAT), capture_output=True,
                         text=True, timeout=30 * SLACK, env=rig.first.environment())
    assert run.returncode == 0 and '1 new' in run.stdout, run.stderr


def test_an_interrupted_import_says_where_to_go_on(new_rig):
    rig = new_rig()
    lines = [json.dumps({'openid': f'person{i:05}', 'nickname': 'x'}) for i in range(2000)]
    path = rig.dir / 'data/import.txt'
    path.write_text('\n'.join(lines) + '\n')
    give(path, 0o600)
    command = [str(rig.programs.weigatectl), '-c', str(rig.first.conf), 'people', 'import', str(path)]
    run = subprocess.Popen([*command, '--rate', '256'], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=rig.first.environment())
    eventually(lambda: 'person00000' in rig.people(), what='the first batch')
    run.send_signal(signal.SIGINT)
    out, err = run.communicate(timeout=30 * SLACK)
    assert run.returncode == 1 and 'interrupted' in err
    go_on = err.split('--from-line ')[1].split()[0]
    assert len(rig.people()) == int(go_on) - 1 < 2000
    assert 'could not finish people import' in rig.first.lines('audit')[-1]
    assert rig.ctl('people', 'import', str(path), '--from-line', go_on).returncode == 0
    assert len(rig.people()) == 2000
