#!/usr/bin/env python3
"""A handler that is stopped for longer than a session, another one that takes over, and the first
one goes on: it ends by itself, and the other one works on.

    paused_handler_test.py --program vouch

VOUCH_KAFKA names the broker.
"""
import argparse
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "chaos"))
import processes

OPENING = ('{"id":"o1","open_account":{"account":"cash","asset":"EUR/2","class":"asset",'
           '"limit":"unlimited"}}\n'
           '{"id":"o2","open_account":{"account":"alice","asset":"EUR/2","class":"liability"}}\n')
PAYMENT = '{"id":"p%d","transfer":{"debit":"cash","credit":"alice","amount":"1.00"}}\n'
RUN_S = 60
# Longer than a session of the group, which may have ended sooner: its last sign of life came before
# the stop.
STOPPED_S = 7


def submit(program, server, lines):
    url = f"http://{':'.join(map(str, server.address()))}"
    done = subprocess.run([program, "submit", "-", "--http", url], input=lines, text=True,
                          timeout=RUN_S, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode != 0:
        sys.exit(f"submit ended with {done.returncode}: {done.stdout}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", required=True)
    program = parser.parse_args().program
    where = processes.on_kafka(os.environ["VOUCH_KAFKA"], f"paused-{os.getpid()}")
    with tempfile.TemporaryDirectory(prefix="vouch-paused-") as folder:
        os.environ["VOUCH_PASSPHRASE_FILE"] = f"{folder}/passphrase"
        folders = [pathlib.Path(folder) / name for name in ("first", "second")]
        for each in folders:
            each.mkdir()
        first, second = (processes.Server(program, str(each)) for each in folders)
        try:
            first.create(2, where)
            submit(program, first, OPENING)
            # What a new machine needs: what the books are and where, and their keys.
            books = folders[1] / "books"
            books.mkdir(mode=0o700)
            for name in ("deployment", "keys"):
                shutil.copy2(folders[0] / "books" / name, books / name)
            first.process.send_signal(signal.SIGSTOP)
            until = time.monotonic() + STOPPED_S
            second.start()
            second.wait_until_ready()
            submit(program, second, PAYMENT % 1)
            while time.monotonic() < until:
                submit(program, second, PAYMENT % 1)
            first.process.send_signal(signal.SIGCONT)
            status = first.wait(RUN_S)
            if status != 4:
                sys.exit(f"the first ended with {status}: {first.last_words()}")
            print(first.last_words().strip())
            submit(program, second, PAYMENT % 2)
            status = second.stop()
            if status != 0:
                sys.exit(f"the second ended with {status}: {second.last_words()}")
            status, report = processes.replay(program, second.books)
            if status != 0 or "clean: no findings" not in report:
                raise RuntimeError(f"replay ({status}):\n{report[-4000:]}")
            print(report.splitlines()[0])
        finally:
            for server in (first, second):
                if server.process and not server.has_ended():
                    server.process.send_signal(signal.SIGCONT)
                    server.kill()


if __name__ == "__main__":
    main()
