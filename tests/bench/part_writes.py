# SPDX-License-Identifier: Apache-2.0
"""Sign-ins a second into each plugin, from one and from four processes, against a bare loop on the same library with the same batches."""
import json
import os
import subprocess

import cluster as clusters
from figures import median, per_round
from rig import Programs
from wait import BUILD

BATCH = 64
WORKERS = (1, 4)
AIM = 0.8
WRITES = BUILD / 'tests/bench/writes'


class Store:
    """One library: the plugin and the bare loop, each with a store of its own."""

    def __init__(self, name, plugin_where, bare_where):
        self.name = name
        self.subjects = {'plugin': (Programs.plugin(name), plugin_where), 'bare': ({'file': 'bare-sqlite', 'memory': 'bare-lmdb', 'postgres': 'bare-postgres'}[name], bare_where)}

    def call(self, which, *arguments):
        subject, where = self.subjects[which]
        return subprocess.run([WRITES, subject, where, *map(str, arguments)], check=True, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, env={**os.environ, 'PGOPTIONS': ''}).stdout

    def fill(self, first, count):
        for which in self.subjects:
            self.call(which, 'fill', first, count)

    def run(self, which, size, workers, seconds):
        return json.loads(self.call(which, 'run', size, workers, BATCH, seconds))


def make_stores(bench):
    directory = bench.directory / 'writes'
    directory.mkdir()
    shared = f'/dev/shm/weigate-bench-{os.getpid()}'
    stores = [Store('file', f'path={directory}/file.db', f'{directory}/bare.db')]
    if Programs.plugin('memory'):
        stores.append(Store('memory', f'path={shared};size=8G', f'{shared}-bare'))
    cluster = None
    if clusters.PROGRAMS and Programs.plugin('postgres'):
        # As it is shipped: commits wait for the disk.
        cluster = type('Durable', (clusters.Cluster,), {'OPTIONS': '-c shared_buffers=256MB'})(bench.directory / 'writes-cluster')
        dsn = cluster.dsn('weigate')
        stores.append(Store('postgres', f'dsn={dsn}', dsn))
    for store in stores:
        store.call('plugin', 'setup')
    return stores, cluster, shared


def measure(bench, report, store, size):
    for workers in WORKERS:
        figures = {'plugin': [], 'bare': []}
        for turn in range(bench.signin_rounds):
            order = ('plugin', 'bare') if turn % 2 == 0 else ('bare', 'plugin')
            for which in order:
                figures[which].append(store.run(which, size, workers, bench.seconds))
        rates = {which: [run['signins_per_s'] for run in runs] for which, runs in figures.items()}
        tails = {which: '/'.join(f'{median([run[key] for run in runs]):.1f}' for key in ('p50_ms', 'p99_ms', 'max_ms')) for which, runs in figures.items()}
        cpu = per_round([run['cpu_us'] for run in figures['plugin']], [run['cpu_us'] for run in figures['bare']])
        bench.say(f'  {store.name}, {size:,} people, {workers} writers: {median(rates["plugin"]):,.0f}/s, bare {median(rates["bare"]):,.0f}/s')
        report.raw.setdefault('writes', {})[f'{store.name} {size} {workers}'] = figures
        report.add('writes', f'{store.name}, {size:,} people, {workers} writer{"s" if workers > 1 else ""}', f'{median(rates["plugin"]):,.0f}/s', f'{median(rates["bare"]):,.0f}/s',
                   ratio=per_round(rates['plugin'], rates['bare']), at_least=AIM, note=f'batch p50/p99/max {tails["plugin"]} ms, bare {tails["bare"]} ms; CPU {cpu:.1f} x')


def run(bench, report):
    stores, cluster, shared = make_stores(bench)
    try:
        filled = 0
        for size in sorted({0, *(bench.sizes or ([20_000] if bench.quick else [100_000]))}):
            for store in stores:
                if size > filled:
                    bench.say(f'writes: {store.name}: {size:,} people')
                    store.fill(filled, size - filled)
                measure(bench, report, store, size)
            filled = size
    finally:
        if cluster:
            cluster.stop()
        for suffix in ('', '-lock', '-bare', '-bare-lock'):
            if os.path.exists(shared + suffix):
                os.unlink(shared + suffix)
