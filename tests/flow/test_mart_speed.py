# SPDX-License-Identifier: Apache-2.0
"""Every view of the analysts' schema, asked its typical question on virtual history: at full size a million people and twelve million events."""
import os
import re
import subprocess

import pytest

import cluster as clusters
from mart_questions import QUESTIONS, TODAY
from rig import SOURCE
from scale import IS_WHOLE, report, scale
from wait import sanitizer

pytestmark = [pytest.mark.proof, pytest.mark.skipif(clusters.PROGRAMS is None or sanitizer() != '', reason='no PostgreSQL server, or a build of C that this does not run')]

NOW = "2026-06-30 23:30+08"
MEMORY = '-c shared_buffers=2GB -c maintenance_work_mem=512MB -c max_wal_size=8GB -c effective_cache_size=8GB -c random_page_cost=1.1'


class LargeCluster(clusters.Cluster):
    """With the memory that docs/analysts.md advises."""

    def start(self):
        self.run('pg_ctl', '-D', self.data, '-w', '-l', self.dir / 'server.log', '-o', f"-k {self.dir} -h '' -F {MEMORY if IS_WHOLE else ''}", 'start')

    def psql(self, *arguments, user='weigate_migrator', now=None, stdin=None):
        environment = {**os.environ, 'PGOPTIONS': '-c client_min_messages=warning' + (f" -c weigate.now={now}".replace(' 23', '\\ 23') if now else '')}
        run = subprocess.run(['psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-h', self.dir, '-d', 'weigate', '-U', user, *map(str, arguments)], input=stdin, text=True,
                             capture_output=True, env=environment)
        assert run.returncode == 0, run.stderr
        return run.stdout


@pytest.fixture(scope='module')
def history(directory):
    """A year of it, counted up to yesterday; today has been going on until half past eleven in the evening."""
    one = LargeCluster(directory / 'history')
    one.psql('-f', SOURCE / 'sql/roles.sql', user='weigate')
    for file in sorted((SOURCE / 'sql').glob('[0-9]*.sql')):
        one.psql('-1', '-f', file)
    one.psql('-c', 'SELECT weigate.grant_roles()', '-v', f'people={scale(1500, whole=1000000)}', '-v', 'seed=1', '-v', 'today=2026-07-01', '-f', SOURCE / 'sql/examples/history.sql')
    one.psql('-c', "DELETE FROM weigate.daily_rollup WHERE day = '2026-06-30'", '-c', 'VACUUM (ANALYZE)', user='weigate')
    one.psql('-c', 'SELECT weigate.mart_refresh()', now=NOW)
    one.psql('-c', 'VACUUM (ANALYZE)', user='weigate')
    yield one
    one.stop()


def best_ms(cluster, question, times):
    """The machine has other things to do: the best of several."""
    said = cluster.psql(user='weigate_analyst', now=NOW, stdin='\\timing on\n\\o /dev/null\n' + f'{question};\n' * times)
    return min(float(ms) for ms in re.findall(r'Time: ([\d.]+) ms', said))


def test_typical_questions_are_answered_at_once(history):
    times = scale(1, whole=7)
    took = {name: best_ms(history, question, times) for name, question in {**TODAY, **QUESTIONS}.items()}
    for name, ms in took.items():
        print(f'  {name:28} {ms:8.1f} ms')
    report('typical questions to the mart', slowest=max(took, key=took.get), slowest_ms=round(max(took.values())), today_ms=round(min(took[name] for name in TODAY)))
    assert set(QUESTIONS) == {name for (name,) in history.sql("SELECT relname FROM pg_class WHERE relnamespace = 'weigate_mart'::regnamespace AND relkind = 'v' "
                                                              "AND relname !~ '_pii$' UNION SELECT 'profile_asof(date)'")}
    assert [name for name in QUESTIONS if took[name] >= 2000] == [] and [name for name in TODAY if took[name] >= 200] == []


def test_what_it_takes_on_disk(history):
    rows = history.sql('SELECT schema_name, table_name, rows_estimate, table_bytes, index_bytes FROM weigate_mart.table_sizes WHERE table_bytes + index_bytes > 1000000 ORDER BY table_bytes + index_bytes DESC')
    for schema, table, count, heap, index in rows:
        print(f'  {schema}.{table:20} {int(count):>10} rows {int(heap) / 1e6:8.0f} MB and {int(index) / 1e6:6.0f} MB of indexes')
    people, events, took, total = history.sql("SELECT (SELECT count(*) FROM weigate.profile), (SELECT count(*) FROM weigate.login_event), (SELECT took_ms FROM weigate.mart_state), "
                                              "(SELECT sum(table_bytes + index_bytes) FROM weigate_mart.table_sizes)")[0]
    report('size of a year', people=people, events=events, total_mb=round(int(total) / 1e6), counting_everything_s=round(int(took) / 1000))
    assert int(total) < int(events) * 700 + 50e6
