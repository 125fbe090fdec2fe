"""A program with another text in one source file: compiled and linked beside the tree, which stays as it is.

Only the units that read the file are compiled again. Their objects stand before the libraries, so that the linker has
no use for the libraries' own. What was built before, with ninja and not as unity files, must be up to date.
"""
import dataclasses
import functools
import json
import os
import pathlib
import re
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import time


class Unfit(Exception):
    """An edit that does not fit its file, or that makes no program; the message says why."""


@dataclasses.dataclass(frozen=True)
class Edit:
    """`old`, which is in the file once, becomes `new`."""
    file: str
    old: str
    new: str

    def of(self, text):
        found = text.count(self.old)
        if found != 1:
            raise Unfit(f"{self.file}: expected once, found {found} times: {self.old}")
        return text.replace(self.old, self.new)


class Build:
    """What a tree was built into: who reads which file, and how each program is linked."""

    def __init__(self, root, build):
        self.root, self.path = pathlib.Path(root).resolve(), pathlib.Path(build).resolve()
        self.commands = {}
        for each in json.loads((self.path / "compile_commands.json").read_text()):
            words = shlex.split(each["command"])
            self.commands[words[words.index("-o") + 1]] = words
        self.readers = self.read_readers()
        self.ccache = [shutil.which("ccache")] if shutil.which("ccache") else []
        self.link_words = functools.cache(self.read_link_words)

    def ninja(self, *words):
        return subprocess.check_output(["ninja", "-C", self.path, "--quiet", "-t", *words], text=True)

    def read_readers(self):
        """Of each file of the tree the objects made from it, as their last compilation said."""
        readers, made = {}, None
        for line in self.ninja("deps").split("\n"):
            if line and not line.startswith(" "):
                made = line.split(":")[0]
            elif line.strip():
                # Relative to the build, or not: as it was written.
                name = os.path.normpath(os.path.join(self.path, line.strip()))
                if name.startswith(f"{self.root}/"):
                    readers.setdefault(os.path.relpath(name, self.root), []).append(made)
        return readers

    def read_link_words(self, program):
        """The command that links `program`, and the libraries and objects in it."""
        lines = self.ninja("commands", program).strip().split("\n")
        words = shlex.split(lines[-1])
        parts = [list(part) for part in split_at(words, "&&")]
        link = next(part for part in parts if "-o" in part)
        self.refuse_what_is_stale(link)
        return link

    def refuse_what_is_stale(self, link):
        """Objects of other sources do not fit an edited one: the program would end, and the bug seem found."""
        for file in self.readers:
            source = self.root / file
            for made in self.objects_of(file, link):
                if source.exists() and source.stat().st_mtime > (self.path / made).stat().st_mtime:
                    sys.exit(f"build first: {file} is newer than {made}")

    def objects_of(self, file, link):
        """The objects that `file` goes into and that a program which is linked so is made of."""
        libraries = {pathlib.Path(word).stem[3:] for word in link if word.endswith(".a")}

        def is_in(made):
            folder = re.search(r"CMakeFiles/([^/]+)\.dir/", made)
            return made in link or (folder and folder.group(1) in libraries)
        return [made for made in self.readers.get(file, []) if made in self.commands and is_in(made)]


def split_at(words, between):
    part = []
    for word in words:
        if word == between:
            yield part
            part = []
        else:
            part.append(word)
    yield part


class EditedFile:
    """`text` in place of `file`, in the directory `place`: its objects, and the programs that have them in them."""

    def __init__(self, build, file, text, place):
        self.build, self.place, self.file = build, pathlib.Path(place), file
        (self.place / file).parent.mkdir(parents=True, exist_ok=True)
        (self.place / file).write_text(text)
        self.compiled = {}

    def objects(self, program):
        """Those that `program` has, by the names that they have in the tree. None: it does not read the file."""
        for made in self.build.objects_of(self.file, self.build.link_words(program)):
            if made not in self.compiled:
                self.compiled[made] = self.place / f"{len(self.compiled)}.o"
                self.compile(made, self.compiled[made])
            yield made, self.compiled[made]

    def code(self, program):
        return [to.read_bytes() for _, to in self.objects(program)]

    def compile(self, made, to):
        """Without debug information and warnings. The edited file stands before the tree's."""
        words = list(self.build.commands[made])
        at = words.index("-c") + 1
        if os.path.samefile(words[at], self.build.root / self.file):
            words[at] = self.file
        words[words.index("-o") + 1] = str(to)
        words = [word for word in words if "ccache" not in word]
        words[1:1] = ["-I."]
        # From its place, which is another one each time, by names that are the same to ccache.
        run_tool([*self.build.ccache, *words, "-w", "-g0"], self.place, "does not compile")

    def link(self, program):
        """The program, or none that reads the file."""
        words, path = list(self.build.link_words(program)), self.place / program
        objects = dict(self.objects(program))
        if not objects:
            return None
        added = [str(to) for made, to in objects.items() if made not in words]
        words = [str(objects.get(word, word)) for word in words]
        words[1:1] = added
        words[words.index("-o") + 1] = str(path)
        run_tool(words, self.build.path, "does not link")
        return path


def run_tool(words, folder, what):
    done = subprocess.run(words, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        faults = re.findall(r".*(?:error:|undefined).*", done.stdout) or [done.stdout[-400:]]
        raise Unfit(f"{what}: {faults[0].strip()}")


@dataclasses.dataclass
class Run:
    """How a program ended. `code` is none when it did not come to its end in time."""
    code: int | None
    output: str
    seconds: float


def run_bounded(words, seconds, folder):
    """Runs a program that may do anything: bounded in memory, in what it writes and in seconds of processor.
    On a machine with much else to do it may take ten times as long."""
    def bound():
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 28, 1 << 28))
        resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    output = pathlib.Path(folder) / "output"
    began = time.monotonic()
    with open(output, "wb") as to:
        process = subprocess.Popen(words, stdout=to, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, cwd=folder,
                                   preexec_fn=bound, start_new_session=True)
        try:
            code = process.wait(timeout=seconds * 10)
        except subprocess.TimeoutExpired:
            code = None
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    if code == -signal.SIGXCPU or (code == -signal.SIGKILL and time.monotonic() - began >= seconds):
        code = None
    text = output.read_bytes()[-1_000_000:].decode(errors="replace")
    return Run(code, text, time.monotonic() - began)
