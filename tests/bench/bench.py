#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""make bench: measures weigate against its yardsticks, alternating in one run, and prints one table.

    WEIGATE_BUILD=BUILD tests/bench/bench.py [--quick] [--json FILE] [--people N …] [auth] [signins] [memory] [writes] [drain]

Ends with status 0 when everything was measured, whether an aim was met or not; README.md says what the figures mean.
"""
import argparse
import contextlib
import os
import pathlib
import shutil
import sys
import tempfile
import time

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / 'flow')]

import part_auth  # noqa: E402
import part_drain  # noqa: E402
import part_memory  # noqa: E402
import part_signins  # noqa: E402
import part_writes  # noqa: E402
from figures import Report  # noqa: E402
from programs import Codes, start_front  # noqa: E402
from rig import APPID, APPSECRET, Programs, Rig, children, give, make_certificate  # noqa: E402
from sandbox_run import SandboxRun  # noqa: E402
from visitor import Visitor  # noqa: E402
from wait import BUILD, eventually  # noqa: E402

PARTS = {'auth': part_auth, 'signins': part_signins, 'memory': part_memory, 'writes': part_writes, 'drain': part_drain}


class Site:
    """A rig with one worker, and the processes whose CPU is counted."""

    def __init__(self, rig):
        self.rig = rig
        self.worker = rig.first.workers()[0]
        self.nginx_worker = eventually(lambda: children(rig.nginx.pid), what='a worker of nginx')[0]
        self.cookie = None

    def sign_in(self):
        visitor = Visitor(self.rig)
        visitor.sign_in('plain')
        self.cookie = visitor.session_cookie


class Bench:
    def __init__(self, directory, quick, sizes):
        self.directory, self.quick, self.sizes = directory, quick, sizes
        self.seconds, self.warm_up = (1, 0.5) if quick else (3, 1)
        self.rounds, self.signin_rounds = (2, 1) if quick else (5, 3)
        self.programs = Programs(directory / 'bin')
        make_certificate(directory)
        self.certificate, self.key = directory / 'cert.pem', directory / 'key.pem'
        for path in (self.certificate, self.key):
            give(path, 0o644)
        self.codes, self.began = None, time.monotonic()

    def latencies(self, all_of_them):
        return all_of_them[:2] if self.quick else all_of_them

    def in_flight(self, all_of_them):
        return all_of_them[:2] if self.quick else all_of_them

    def say(self, text):
        print(f'{time.monotonic() - self.began:5.0f} s  {text}', file=sys.stderr, flush=True)

    @contextlib.contextmanager
    def sandbox(self, protocol=''):
        """WeChat: .url is the sandbox itself (authorize page, codes, steering), .api_url the API behind TLS."""
        with SandboxRun(self.directory / 'sandbox', accounts=[(APPID, APPSECRET)], quiet=True) as run:
            front = start_front(self.directory, run, protocol)
            run.api_url = front.url
            try:
                yield run
            finally:
                front.stop()

    @contextlib.contextmanager
    def site(self, sandbox, name, files=None, **options):
        """weigate with one worker as it is shipped: the log at its default level, the file store, the shipped nginx snippet."""
        conf = {'server': {'workers': '1'}, 'log': {'level': 'info'},
                'account': {'api_urls': sandbox.api_url, 'ca_file': self.certificate}}
        rig = Rig(self.directory / name, self.programs, sandbox, conf, start=False, **options)
        for file, text in (files or {}).items():
            (rig.dir / file).write_text(text)
        try:
            rig.start()
            yield Site(rig)
        finally:
            rig.stop()

    def mint_from(self, sandbox):
        self.codes = Codes(self.directory, sandbox)


def parse_arguments():
    parser = argparse.ArgumentParser(description='Measures weigate against its yardsticks.')
    parser.add_argument('parts', nargs='*', choices=[[], *PARTS], help='default: all')
    parser.add_argument('--quick', action='store_true', help='short runs, fewer cells: shows that everything works, not how fast')
    parser.add_argument('--people', type=int, nargs='+', help='writes: at so many stored people, beside 0; default 100000')
    parser.add_argument('--json', type=pathlib.Path, default=BUILD / 'bench.json')
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    directory = pathlib.Path(tempfile.mkdtemp(prefix='weigate-bench-', dir='/tmp'))
    directory.chmod(0o755)
    report = Report()
    try:
        bench = Bench(directory, arguments.quick, arguments.people)
        for name in arguments.parts or PARTS:
            bench.say(name)
            PARTS[name].run(bench, report)
    finally:
        if not os.environ.get('WEIGATE_KEEP'):
            shutil.rmtree(directory, ignore_errors=True)
    report.write(arguments.json)
    print(report.table())
    print(f'{len(report.missed)} of {sum(1 for row in report.rows if row.aim)} aims missed; {arguments.json}')


if __name__ == '__main__':
    main()
