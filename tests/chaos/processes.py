"""The processes of a campaign: the server under test, and a broker. Only these are ever killed."""
import os
import pathlib
import re
import signal
import subprocess
import threading
import time

START_S = 120
END_S = 60
WITHIN_COMMIT = "killed within a commit\n"


class Server:
    """Lives of one `vouch serve`, one after another."""

    def __init__(self, program, folder, library=None):
        self.books = f"{folder}/books"
        self.command = [program, "serve", "--data", self.books, "--listen", "127.0.0.1:0"]
        self.errors = pathlib.Path(folder) / "server.err"
        self.errors.touch()
        self.library = library
        self.process = None
        self.changed = threading.Condition()
        self.url = None
        self.is_given_up = False  # whoever waits for an answer is to stop waiting

    def create(self, shards, where=()):
        """The first life."""
        self.start(["--create", "--shards", str(shards), *where])
        self.wait_until_ready()

    def start(self, extra=(), kill=None):
        """`kill`: a plan of kill_within_commit; the process then ends by itself."""
        environment = dict(os.environ)
        if kill:
            environment.update(kill, LD_PRELOAD=self.library)
        with self.errors.open("ab") as errors:
            self.process = subprocess.Popen([*self.command, *extra], env=environment,
                                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                            stderr=errors, text=True)
        threading.Thread(target=self._read_address, args=(self.process,), daemon=True).start()

    def _read_address(self, process):
        line = process.stdout.readline().strip()
        with self.changed:
            if process is self.process and line:
                self.url = line
            self.changed.notify_all()

    def address(self, timeout_s=0.2):
        """HOST, PORT of the present life, or None while there is none."""
        with self.changed:
            if self.url is None:
                self.changed.wait(timeout_s)
            found = re.fullmatch(r"http://(.+):(\d+)", self.url or "")
        return (found[1], int(found[2])) if found else None

    def wait_until_ready(self):
        deadline = time.monotonic() + START_S
        while self.address() is None:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the server does not start: {self.last_words()}")

    def has_ended(self):
        return self.process.poll() is not None

    def kill(self):
        self.process.send_signal(signal.SIGKILL)

    def wait(self, seconds=END_S):
        """Until it has ended; its exit status, negative after a signal."""
        status = self.process.wait(seconds)
        with self.changed:
            self.url = None
        self.process.stdout.close()
        return status

    def stop(self):
        self.process.terminate()
        return self.wait()

    def kills_within_commit(self):
        return self.errors.read_text(errors="replace").count(WITHIN_COMMIT)

    def last_words(self):
        return self.errors.read_text(errors="replace")[-2000:]


class Broker:
    """A real broker of this campaign alone."""

    def __init__(self, tool, folder):
        self.tool, self.folder = tool, folder
        self.address = None

    def _run(self, *words):
        done = subprocess.run([self.tool, *words, "--dir", self.folder], timeout=180, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True)
        return done.stdout.strip().splitlines()

    def start(self):
        self.address = self._run("start", *([] if self.address else ["--port", "0"]))[-1]

    def kill(self):
        self._run("kill")

    def stop(self):
        self._run("stop")

    def pause(self):
        """It holds its connections, and answers nothing, until it goes on."""
        self._signal(signal.SIGSTOP)

    def go_on(self):
        self._signal(signal.SIGCONT)

    def _signal(self, which):
        os.kill(int((pathlib.Path(self.folder) / "pid").read_text().split()[0]), which)


def on_kafka(bootstrap, name):
    """For the first start: from then on the books know where their topics are."""
    return ["--kafka", bootstrap, "--name", name, "--replicas", "1", "--in-sync", "1"]


def replay(program, books):
    """Exit status and report."""
    done = subprocess.run([program, "replay", "--data", books, "--views"], text=True, timeout=300,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    return done.returncode, done.stdout


def clean_replay(program, books):
    """The report's first line; fails unless it is all that is to be wished for."""
    status, report = replay(program, books)
    wanted = ["clean: no findings", "every record's MAC was checked",
              "the views were compared row by row",
              "0 steps in flight, 0 commands without an answer yet",
              "posted 0.00; came back"]
    missing = [words for words in wanted if words not in report]
    if status != 0 or missing:
        raise RuntimeError(f"replay ({status}), without {missing}:\n{report[-4000:]}")
    return report.splitlines()[0]
