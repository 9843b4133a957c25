# SPDX-License-Identifier: Apache-2.0
"""Adds up test results: prints "PASSED FAILED", and the names of what failed on stderr.

Reads automake's .trs and .log files of a build directory (cmocka programs count by test function, checks of plugins by promise, others that print "N passed, N failed"
by that line, the rest as one) and JUnit files of pytest. A file that should be there and is not counts as one failure. Behind --again stands
the JUnit file of a second try of what failed: its failures take the place of the first ones.
"""
import pathlib
import re
import sys
import xml.etree.ElementTree

CMOCKA_PASSED = re.compile(r'^\[  PASSED  \] (\d+) test\(s\)\.?$', re.M)
CMOCKA_FAILED = re.compile(r'^\[  FAILED  \] (\d+) test\(s\), listed below', re.M)
PROMISES = re.compile(r'^# (\d+) of (\d+) promises kept', re.M)
OWN_LINE = re.compile(r'^(\d+) passed, (\d+) failed$', re.M)


def complain(text):
    print(text, file=sys.stderr)


def tally_program(trs):
    result = re.search(r':test-result: (\w+)', trs.read_text())
    is_good = result is not None and result.group(1) in ('PASS', 'XFAIL')
    if result is not None and result.group(1) == 'SKIP':
        complain(f'skipped: {trs.stem}')
        return 0, 0
    log = trs.with_suffix('.log')
    text = log.read_text(errors='replace') if log.exists() else ''
    passed = sum(map(int, CMOCKA_PASSED.findall(text)))
    failed = sum(map(int, CMOCKA_FAILED.findall(text)))
    for kept, asked in PROMISES.findall(text):
        passed, failed = passed + int(kept), failed + int(asked) - int(kept)
    own = OWN_LINE.findall(text)
    if own:
        passed, failed = int(own[-1][0]), int(own[-1][1])
    if not is_good:
        complain(f'failed: {trs.stem} (see {log})')
        failed = max(failed, 1)
    elif passed == 0:
        passed = 1
    return passed, failed


def tally_junit(path):
    suites = xml.etree.ElementTree.parse(path).getroot().iter('testsuite')
    passed = failed = 0
    for suite in suites:
        bad = int(suite.get('failures', 0)) + int(suite.get('errors', 0))
        skipped = int(suite.get('skipped', 0))
        passed += max(int(suite.get('tests', 0)) - bad - skipped, 0)
        failed += bad
    return passed, failed


def main(arguments):
    passed = failed = 0
    make_status = 0
    if arguments[:1] == ['--make-status']:
        make_status = int(arguments[1])
        arguments = arguments[2:]
    is_again = False
    for name in arguments:
        if name == '--again':
            is_again = True
            continue
        path = pathlib.Path(name)
        if is_again and path.exists() and sum(tally_junit(path)) > 0:
            failed = 0
        if path.is_dir():
            found = [tally_program(trs) for trs in sorted(path.rglob('*.trs'))]
        elif path.exists():
            found = [tally_junit(path)]
        else:
            found = []
        if not found:
            complain(f'no results: {path}')
            failed += 1
        passed += sum(p for p, _ in found)
        failed += sum(f for _, f in found)
    if make_status != 0 and failed == 0:
        complain('make check failed although every test that ran passed: see its log')
        failed = 1
    print(passed, failed)


main(sys.argv[1:])
