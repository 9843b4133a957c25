# SPDX-License-Identifier: Apache-2.0
"""The sandbox as the flows use it: WeChat's client in tests/sandbox/sandbox.py, and what a visitor does on its page."""
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / 'sandbox'))

from sandbox import Sandbox  # noqa: E402

from wait import BUILD  # noqa: E402

API_CALLS = ('access_token', 'refresh_token', 'userinfo', 'auth')


class SandboxRun(Sandbox):
    def __init__(self, directory, **options):
        directory.mkdir(exist_ok=True)
        self.directory = directory
        os.environ['ASAN_OPTIONS'] = os.environ['TSAN_OPTIONS'] = os.environ['UBSAN_OPTIONS'] = f'log_path={directory}/sanitizer'
        super().__init__(BUILD / 'weigate-sandbox', **options)

    def stop(self):
        status = super().stop()
        reports = [path.read_text(errors='replace')[:4000] for path in self.directory.glob('sanitizer.*')]
        assert status == 0 and not reports, f'the sandbox left with {status}\n' + '\n'.join(reports)
        return status

    def agree(self, visitor, authorize_url, person, answer='agree'):
        """A visitor's tap on the page; returns the address of the callback."""
        page = visitor.get(authorize_url, headers={'Cookie': f'sandbox_person={person}; sandbox_answer={answer}'})
        assert page.status == 302, page
        return page.location

    def calls(self, person=None, call=None, since=0):
        """API calls in the ledger, oldest first; call is one of API_CALLS or None for all four."""
        return [entry for entry in self.ledger(person=person, call=call, since=since) if entry['call'] in API_CALLS]

    def code(self, person, **fields):
        return self.mint_code(person, **fields)

    def snapshot_openid(self, person, appid=None):
        return self.person(person)['snapshot_openids'][appid or self.appid]
