# SPDX-License-Identifier: Apache-2.0
"""A proxy in front of PostgreSQL that reads the wire's messages and fails where a test says.

    with FaultProxy(cluster) as proxy:              listens in a directory of its own: cluster.dsn(host=proxy.dir)
        proxy.plan('committed', 'cut')              the next sign-in is committed, and its answer never arrives
        proxy.plan('sent', 'hole', times=3)
        proxy.network('cut')                        everything ends, and nobody gets in; 'hole': everything is swallowed in silence
        proxy.network(None)                         the network is back
        proxy.done                                  what happened so far: [('committed', 'cut'), …]

Points, in the order in which a statement passes them (`word` says which statement; by default that of a sign-in):
    before     nothing of it has reached the server
    sent       all of it but the Sync that commits it: executed, not committed
    committed  the server has committed and answered; nothing of the answer was passed on
    half       half of the answer's bytes were passed on
Faults: cut (both ends closed), half_close (our sending ends, we go on reading), hole (silence, both ends stay open), or a number: so many
seconds of delay."""
import collections
import contextlib
import os
import select
import shutil
import socket
import struct
import threading

POINTS = ('before', 'sent', 'committed', 'half')
FAULTS = ('cut', 'half_close', 'hole')
Plan = collections.namedtuple('Plan', 'point fault')


class Ended(Exception):
    """One of the two ends, or the test, has ended this connection."""


class Messages:
    """Cuts a stream of bytes into whole messages; the first ones of a client have no type."""

    def __init__(self, is_client):
        self.bytes, self.is_startup = b'', is_client

    def add(self, data):
        self.bytes += data
        while len(self.bytes) >= 5:
            head = 0 if self.is_startup else 1
            size = head + struct.unpack('!i', self.bytes[head:head + 4])[0]
            if len(self.bytes) < size:
                return
            message, self.bytes = self.bytes[:size], self.bytes[size:]
            kind = b'' if self.is_startup else message[:1]
            # Requests for TLS and GSSAPI come before the startup message itself, and a cancellation is all there is.
            self.is_startup = self.is_startup and struct.unpack('!i', message[4:8])[0] in (80877103, 80877104)
            yield kind, message


class Connection:
    def __init__(self, proxy, client, server):
        self.proxy, self.client, self.server = proxy, client, server
        self.plan, self.answer = None, b''
        self.is_silent = False

    def serve(self):
        parsers = {self.client: Messages(True), self.server: Messages(False)}
        while True:
            for ready in select.select([self.client, self.server], [], [])[0]:
                data = ready.recv(65536)
                if not data:
                    raise Ended
                if self.is_silent or self.proxy.weather:
                    continue
                if ready is self.server and parsers[self.client].is_startup:  # its one byte about TLS
                    self.client.sendall(data)
                    continue
                for kind, message in parsers[ready].add(data):
                    (self.from_client if ready is self.client else self.from_server)(kind, message)

    def from_client(self, kind, message):
        if kind in (b'P', b'Q') and self.proxy.word in message:
            self.plan = self.proxy.take()
            self.answer = b''
            if self.plan:
                self.strike('before')
        if kind == b'S' and self.plan:
            self.strike('sent')
        if not self.is_silent:
            self.server.sendall(message)

    def from_server(self, kind, message):
        if not self.plan or self.plan.point not in ('committed', 'half'):
            self.client.sendall(message)
            return
        self.answer += message
        if kind != b'Z':
            return
        if self.plan.point == 'half':
            half = len(self.answer) // 2
            self.client.sendall(self.answer[:half])
            self.answer = self.answer[half:]
        self.strike(self.plan.point)
        if not self.is_silent:
            self.client.sendall(self.answer)
        self.plan = None

    def strike(self, point):
        if self.plan.point != point:
            return
        self.proxy.note(self.plan)
        fault = self.plan.fault
        if point in ('before', 'sent'):
            self.plan = None
        if fault == 'cut':
            raise Ended
        if fault == 'half_close':
            self.client.shutdown(socket.SHUT_WR)
        if fault in ('hole', 'half_close'):
            self.is_silent = True
        else:
            self.proxy.ended.wait(fault)


class FaultProxy:
    def __init__(self, cluster, word=b'record_signins', name='proxy'):
        self.target = str(cluster.dir / '.s.PGSQL.5432')
        self.word, self.weather = word, None
        self.dir = cluster.dir / name
        shutil.rmtree(self.dir, ignore_errors=True)
        self.dir.mkdir()
        self.dir.chmod(0o755)
        self.lock, self.ended = threading.Lock(), threading.Event()
        self.plans, self.done, self.open = collections.deque(), [], set()
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(self.dir / '.s.PGSQL.5432'))
        os.chmod(self.dir / '.s.PGSQL.5432', 0o777)
        self.listener.listen(64)
        self.threads = [threading.Thread(target=self.accept, daemon=True)]
        self.threads[0].start()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.stop()

    # --- what a test says ---

    def plan(self, point, fault, times=1):
        assert point in POINTS and (fault in FAULTS or fault > 0), (point, fault)
        with self.lock:
            self.plans.extend([Plan(point, fault)] * times)

    def network(self, weather):
        """'cut', 'hole', or None for fine. What was open under a hole has lost bytes: it ends when the weather changes."""
        assert weather in ('cut', 'hole', None), weather
        with self.lock:
            before, self.weather = self.weather, weather
        if weather == 'cut' or before:
            self.end_connections()

    def end_connections(self):
        with self.lock:
            ends = list(self.open)
        for end in ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def stop(self):
        self.ended.set()
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.threads[0].join()
        self.end_connections()
        for thread in self.threads:
            thread.join()

    # --- what connections ask ---

    def take(self):
        with self.lock:
            return self.plans.popleft() if self.plans else None

    def note(self, plan):
        with self.lock:
            self.done.append(plan)

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            self.threads.append(threading.Thread(target=self.serve, args=(client,), daemon=True))
            self.threads[-1].start()

    def serve(self, client):
        with client, socket.socket(socket.AF_UNIX) as server:
            with self.lock:
                if self.weather == 'cut' or self.ended.is_set():
                    return
                self.open.add(client)
            try:
                server.connect(self.target)
                with self.lock:
                    self.open.add(server)
                Connection(self, client, server).serve()
            except (OSError, Ended):
                pass
            finally:
                with self.lock:
                    self.open -= {client, server}
