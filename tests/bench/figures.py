# SPDX-License-Identifier: Apache-2.0
"""Figures of processes, and the table that a run ends with."""
import dataclasses
import json
import os
import pathlib
import re
import statistics
import time

CPUCLOCK_SCHED = 2  # linux/posix-timers.h: the clock of clock_getcpuclockid(3), all threads, ended ones too


def cpu_us(pid):
    return time.clock_gettime_ns((~pid << 3) | CPUCLOCK_SCHED) / 1000


def status_kib(pid, field):
    return int(re.search(rf'{field}:\s+(\d+)', pathlib.Path(f'/proc/{pid}/status').read_text()).group(1))


def rss_mib(pid):
    return status_kib(pid, 'VmRSS') / 1024


def forget_peak(pid):
    """The peak begins anew with what is resident now (proc(5), clear_refs)."""
    pathlib.Path(f'/proc/{pid}/clear_refs').write_text('5')


def peak_mib(pid):
    return status_kib(pid, 'VmHWM') / 1024


def median(values):
    return statistics.median(values) if values else float('nan')


def per_round(above, below):
    """The median of the ratios round by round: what disturbed one round disturbed both programs."""
    return median([a / b for a, b in zip(above, below) if b])


@dataclasses.dataclass
class Row:
    """One line of the table; `ratio` is held against the aim unless `measured` is given."""
    part: str
    what: str
    value: str
    yardstick: str
    ratio: float | None = None
    at_least: float | None = None
    at_most: float | None = None
    measured: float | None = None
    note: str = ''

    @property
    def aim(self):
        unit = ' x' if self.measured is None else ''
        if self.at_least is not None:
            return f'>= {self.at_least:g}{unit}'
        return f'<= {self.at_most:g}{unit}' if self.at_most is not None else ''

    @property
    def verdict(self):
        figure = self.ratio if self.measured is None else self.measured
        if not self.aim:
            return ''
        if figure is None or figure != figure:
            return 'NOT MEASURED'
        met = figure >= self.at_least if self.at_least is not None else figure <= self.at_most
        return 'met' if met else 'MISSED'


class Report:
    def __init__(self):
        self.rows, self.raw, self.notes = [], {}, []

    def add(self, *arguments, **fields):
        self.rows.append(Row(*arguments, **fields))

    def note(self, text):
        self.notes.append(text)

    def table(self):
        lines = [('what', 'weigate', 'yardstick', 'ratio', 'aim', '')]
        for part in dict.fromkeys(row.part for row in self.rows):
            lines.append((f'-- {part}', '', '', '', '', ''))
            lines += [(row.what, row.value, row.yardstick, '' if row.ratio is None else f'{row.ratio:.2f} x', row.aim,
                       ' '.join(filter(None, (row.verdict, row.note)))) for row in self.rows if row.part == part]
        widths = [max(len(line[i]) for line in lines) for i in range(5)]
        text = [f'{line[0]:<{widths[0]}}  {line[1]:>{widths[1]}}  {line[2]:>{widths[2]}}  {line[3]:>{widths[3]}}  {line[4]:>{widths[4]}}  {line[5]}'.rstrip()
                for line in lines]
        return '\n'.join(text + [f'* {note}' for note in self.notes])

    def write(self, path):
        machine = {'cpus': os.cpu_count(), 'kernel': os.uname().release}
        rows = [{**dataclasses.asdict(row), 'aim': row.aim, 'verdict': row.verdict} for row in self.rows]
        path.write_text(json.dumps({'machine': machine, 'rows': rows, 'notes': self.notes, 'raw': self.raw}, indent=1, default=str) + '\n')

    @property
    def missed(self):
        return [row for row in self.rows if row.verdict == 'MISSED']
