# SPDX-License-Identifier: Apache-2.0
"""Export, import, erase and refresh with Postgres behind, and from one plugin to another. (L03, L08)"""
import subprocess

import pytest

import test_postgres
from rig import give
from test_erase import erase, is_out_everywhere
from test_export_import import FORMATS, export, export_bytes, full, import_text, without_counts  # noqa: F401 (a fixture among them)
from test_postgres import closed_rig, cluster, one_cluster, postgres_rig  # noqa: F401 (fixtures)
from test_refresh import check_plugin
from visitor import Visitor
from wait import SLACK, eventually

pytestmark = test_postgres.pytestmark


@pytest.mark.parametrize('form', FORMATS)
def test_people_move_from_file_to_postgres_and_back_by_export_and_import(full, new_rig, postgres_rig, form):  # noqa: F811
    """L03: stamps, emoji, quotes and line breaks included."""
    before = without_counts(export(full))
    there = postgres_rig(shop=True)
    run = import_text(there, export_bytes(full, '--format', form))
    assert run.returncode == 0 and f'{len(before)} new' in run.stdout, run.stderr
    assert without_counts(export(there)) == before
    back = new_rig(shop=True)
    assert import_text(back, export_bytes(there, '--format', form)).returncode == 0
    assert without_counts(export(back)) == before


def rows_with(cluster, words):  # noqa: F811
    """Tables of all our schemas that hold one of the words in any column."""
    tables = cluster.sql("SELECT table_schema, table_name FROM information_schema.tables WHERE table_schema LIKE 'weigate%' AND table_type = 'BASE TABLE'")
    assert len(tables) > 5
    condition = ' OR '.join(f"t::text LIKE '%{word}%'" for word in words)
    return [name for schema, name in tables if cluster.sql(f'SELECT count(*) FROM "{schema}"."{name}" t WHERE {condition}') != [['0']]]


def test_an_erased_person_is_in_no_table_any_more(postgres_rig, cluster, people, sandbox):  # noqa: F811
    """L08: profile, history, tokens, tickets; sign-ins stay as numbers, and the next one begins anew."""
    rig = postgres_rig()
    one, other = people(2)
    visitor = Visitor(rig)
    visitor.sign_in(one)
    Visitor(rig).sign_in(one)
    Visitor(rig).sign_in(other)
    openid, unionid = sandbox.openid(one), rig.person(sandbox.openid(one))['unionid']
    assert rows_with(cluster, [openid])
    events = cluster.sql('SELECT count(*) FROM weigate.login_event')
    run = erase(rig, openid)
    assert 'LEFT' not in run.stdout
    assert rows_with(cluster, [openid, unionid]) == []
    assert cluster.sql('SELECT count(*) FROM weigate.login_event') == events
    eventually(lambda: is_out_everywhere(rig, visitor), seconds=5)
    Visitor(rig).sign_in(one)
    assert rig.person(openid)['login_count'] == 1 and rig.person(sandbox.openid(other))['login_count'] == 1


def test_an_import_goes_on_through_a_restart_of_the_database(postgres_rig, cluster):  # noqa: F811
    """Nothing is lost and nothing said twice: the batch whose outcome is unknown is sent again."""
    rig = postgres_rig()
    path = rig.dir / 'data/people'
    path.write_text('\n'.join('{"openid":"o%027d","nickname":"x"}' % i for i in range(3000)))
    give(path, 0o600)
    run = subprocess.Popen([str(rig.programs.weigatectl), '-c', str(rig.first.conf), 'people', 'import', str(path), '--rate', '2000'], stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, text=True, env=rig.first.environment())
    eventually(lambda: cluster.sql('SELECT count(*) FROM weigate.profile') != [['0']], what='the first batch')
    cluster.restart()
    out, err = run.communicate(timeout=60 * SLACK)
    assert run.returncode == 0 and '3000 records' in out, err
    assert cluster.sql('SELECT count(*) FROM weigate.profile') == [['3000']]


def test_stale_people_are_refreshed_by_the_role_of_the_service(postgres_rig, sandbox, people):  # noqa: F811
    """Profiles are pulled again and void tokens forgotten, with the rights that weigate_app has."""
    check_plugin(postgres_rig(), sandbox, people)
