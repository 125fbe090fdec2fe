#!/usr/bin/env python3
"""A handler that lost its place in the group: it was stopped for longer than a session, or for less
while the group gave its place up, or it was cut off from the broker. If another one took over, the
first ends by itself and the other one works on; if nobody came, it takes its place again. Under supervisors that start each one again,
one of two works at any time.

    paused_handler_test.py --program vouch

VOUCH_KAFKA names the broker.
"""
import argparse
import json
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "chaos"))
import broker_proxy
import processes

OPENING = ('{"id":"o1","open_account":{"account":"cash","asset":"EUR/2","class":"asset",'
           '"limit":"unlimited"}}\n'
           '{"id":"o2","open_account":{"account":"alice","asset":"EUR/2","class":"liability"}}\n')
PAYMENT = '{"id":"p%d","transfer":{"debit":"cash","credit":"alice","amount":"1.00"}}\n'
RUN_S = 60
# Longer than a session of the group, which may have ended sooner: its last sign of life came before
# the stop.
STOPPED_S = 7
LEAVE_GROUP, LEAVE_GROUP_VERSION = 13, 3
RESTARTS_MAX = 3


def give_place_up(bootstrap, group, instance):
    """Asks the broker to forget a static member: the protocol's LeaveGroup, in its third version."""
    def text(words):
        return struct.pack(">h", len(words)) + words.encode()
    request = (struct.pack(">hhi", LEAVE_GROUP, LEAVE_GROUP_VERSION, 1) + text("test") + text(group) +
               struct.pack(">i", 1) + text("") + text(instance))
    host, port = bootstrap.rsplit(":", 1)
    with socket.create_connection((host, int(port)), RUN_S) as broker, broker.makefile("rb") as answers:
        broker.sendall(struct.pack(">i", len(request)) + request)
        size, = struct.unpack(">i", answers.read(4))
        answer = answers.read(size)
    error, = struct.unpack(">h", answer[8:10])
    member_error, = struct.unpack(">h", answer[-2:])
    if error or member_error:
        sys.exit(f"LeaveGroup of {instance}: errors {error}, {member_error}")


def expect(what, found, expected):
    if found != expected:
        sys.exit(f"{what}: expected {expected!r}, found {found!r}")


def url_of(server):
    return f"http://{':'.join(map(str, server.address()))}"


def submit(program, server, lines):
    done = subprocess.run([program, "submit", "-", "--http", url_of(server)], input=lines, text=True,
                          timeout=RUN_S, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    expect(f"submit, which said {done.stdout}", done.returncode, 0)
    return done.stdout


def pause(server):
    server.process.send_signal(signal.SIGSTOP)


def go_on(server):
    server.process.send_signal(signal.SIGCONT)


class Supervisor:
    """Starts a server again whenever it has ended; keeps what each life ended with."""

    def __init__(self, server):
        self.server, self.ends, self.is_over = server, [], False
        self.changed = threading.Condition()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while len(self.ends) <= RESTARTS_MAX:
            status = self.server.wait(None)
            with self.changed:
                self.ends.append(status)
                self.changed.notify_all()
                if self.is_over:
                    return
                self.server.start()

    def await_end(self):
        """Until its server's first life has ended; what it ended with."""
        with self.changed:
            self.changed.wait_for(lambda: self.ends, RUN_S)
            return self.ends

    def leave(self):
        with self.changed:
            self.is_over = True

    def stop(self):
        """All ends of its server, of which this is the last one."""
        self.leave()
        self.server.process.terminate()
        self.thread.join(RUN_S)
        return self.ends


class Payments:
    """Payments of 1.00, and the answer to each that was accepted: that is for ever."""

    def __init__(self, program):
        self.program, self.count, self.answers = program, 0, {}

    def next(self):
        self.count += 1
        return PAYMENT % self.count

    def note(self, output):
        for line in output.splitlines():
            answer = json.loads(line) if line.startswith("{") else {}
            if answer.get("accepted"):
                expect("the answer to a repeat", line, self.answers.setdefault(answer["id"], line))

    def pay(self, server):
        line = self.next()
        self.note(submit(self.program, server, line))
        expect("the last payment that was accepted", self.count in map(int, (
            id[1:] for id in self.answers)), True)

    def begin(self, server):
        """A payment to a server that is paused."""
        with tempfile.TemporaryFile("w+") as line:
            line.write(self.next())
            line.seek(0)
            return subprocess.Popen([self.program, "submit", "-", "--http", url_of(server)],
                                    stdin=line, text=True, stdout=subprocess.PIPE,
                                    stderr=subprocess.STDOUT)

    def repeat_all(self, server):
        """Whoever was not answered is now; nobody is answered otherwise than before."""
        self.note(submit(self.program, server,
                         "".join(PAYMENT % (i + 1) for i in range(self.count))))
        expect("payments that were accepted", len(self.answers), self.count)
        balance = subprocess.run([self.program, "balance", "alice", "--json", "--http",
                                  url_of(server)], stdout=subprocess.PIPE, timeout=RUN_S)
        expect("balance", json.loads(balance.stdout)["balance"], f"{self.count}.00")


class Pair:
    """Two handlers of the same books, of which the first works."""

    def __init__(self, program, folder, bootstrap, name):
        self.program, self.bootstrap, self.name = program, bootstrap, name
        self.group = f"{name}.handlers"
        self.supervisors = ()
        folders = [pathlib.Path(folder) / name / which for which in ("first", "second")]
        for each in folders:
            each.mkdir(parents=True)
        self.first, self.second = (processes.Server(program, str(each)) for each in folders)
        self.first.create(2, processes.on_kafka(bootstrap, name))
        submit(program, self.first, OPENING)
        # What a new machine needs: what the books are and where, and their keys.
        books = folders[1] / "books"
        books.mkdir(mode=0o700)
        for each in ("deployment", "keys"):
            shutil.copy2(folders[0] / "books" / each, books / each)
        self.instance = (f"{name}.handler." +
                         (folders[0] / "books" / "instance").read_text().strip())

    def give_place_up(self):
        give_place_up(self.bootstrap, self.group, self.instance)

    def take_over(self):
        self.second.start()
        self.second.wait_until_ready()
        submit(self.program, self.second, PAYMENT % 1)

    def check_that_first_ends(self):
        status = self.first.wait(RUN_S)
        expect(f"the first's end, which said {self.first.last_words()}", status, 4)
        print(self.first.last_words().strip())

    def check_that_works(self, server):
        submit(self.program, server, PAYMENT % 2)
        expect(f"the server's end, which said {server.last_words()}", server.stop(), 0)
        self.check_replay(server)

    def check_replay(self, server):
        status, report = processes.replay(self.program, server.books)
        if status != 0 or "clean: no findings" not in report:
            raise RuntimeError(f"replay ({status}):\n{report[-4000:]}")
        print(report.splitlines()[0])

    def end(self):
        for supervisor in self.supervisors:
            supervisor.leave()
        for server in (self.first, self.second):
            if server.process and not server.has_ended():
                go_on(server)
                server.kill()
                server.wait()


def stopped_for_a_session(pair):
    pause(pair.first)
    until = time.monotonic() + STOPPED_S
    pair.take_over()
    while time.monotonic() < until:
        submit(pair.program, pair.second, PAYMENT % 1)
    go_on(pair.first)
    pair.check_that_first_ends()
    pair.check_that_works(pair.second)


def stopped_for_less(pair):
    """Only as long as the second needs to take over."""
    pause(pair.first)
    pair.give_place_up()
    pair.take_over()
    go_on(pair.first)
    pair.check_that_first_ends()
    pair.check_that_works(pair.second)


def nobody_else_came(pair):
    pair.give_place_up()
    pair.check_that_works(pair.first)


def cut_off_from_a_newer_one(pair):
    """The first works on and hears nothing; the second has a copy of its directory, and so its name."""
    expect("the first's end", pair.first.stop(), 0)
    shutil.copy2(f"{pair.first.books}/instance", f"{pair.second.books}/instance")
    between = broker_proxy.BrokerProxy(pair.bootstrap)
    pair.first.start(["--kafka", between.address, "--name", pair.name])
    pair.first.wait_until_ready()
    between.cut()
    until = time.monotonic() + STOPPED_S
    pair.take_over()
    while time.monotonic() < until:
        submit(pair.program, pair.second, PAYMENT % 1)
    between.mend()
    pair.check_that_first_ends()
    pair.check_that_works(pair.second)


def under_supervisors(pair):
    """Each of the two loses its place once and is started again; the other one works meanwhile, in
    the life that it waited in."""
    pair.second.start()
    first, second = Supervisor(pair.first), Supervisor(pair.second)
    pair.supervisors = (first, second)
    payments = Payments(pair.program)
    payments.pay(pair.first)
    for working, waiting in ((first, second), (second, first)):
        until, ends = time.monotonic() + STOPPED_S, list(waiting.ends)
        pause(working.server)
        unanswered = payments.begin(working.server)
        waiting.server.wait_until_ready()
        payments.pay(waiting.server)
        while time.monotonic() < until:
            payments.pay(waiting.server)
        go_on(working.server)
        expect(f"ends, of which the last said {working.server.last_words()}", working.await_end(), [4])
        payments.note(unanswered.communicate(timeout=RUN_S)[0])
        payments.pay(waiting.server)
        expect("ends of the one that took over", waiting.ends, ends)
    payments.repeat_all(pair.first)
    expect("the address of the one that waits", pair.second.address(), None)
    expect("whether it has ended", pair.second.has_ended(), False)
    expect("ends of the one that waits", second.stop(), [4, 0])
    expect("ends of the one that works", first.stop(), [4, 0])
    pair.check_replay(pair.first)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", required=True)
    program = parser.parse_args().program
    with tempfile.TemporaryDirectory(prefix="vouch-paused-") as folder:
        os.environ["VOUCH_PASSPHRASE_FILE"] = f"{folder}/passphrase"
        for case in (stopped_for_less, nobody_else_came, stopped_for_a_session,
                     cut_off_from_a_newer_one, under_supervisors):
            name = f"{case.__name__.replace('_', '-')}-{os.getpid()}"
            print(name, flush=True)
            pair = Pair(program, folder, os.environ["VOUCH_KAFKA"], name)
            try:
                case(pair)
            finally:
                pair.end()


if __name__ == "__main__":
    main()
