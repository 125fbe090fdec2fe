"""How many files of the product a new refusal, command, event or question touches, and that nobody forgets one.
toys.py ROOT counts; toys.py ROOT --compile also compiles and links.

The toys of toy_edits.py are put into a copy of the tree, and word_lists.py writes there what follows from them. Counted
are the sources and schemas that somebody edits: not CMakeLists.txt, docs and tests, which docs/adding.md names. Two toys
are the cheapest of their kind and two more are not (toy_edits.py). With --compile each toy loses one edit after the
other, which must then not compile (or FOUND_BY says who else finds that), and with all toys each source is compiled and
the program linked. That takes some fifteen minutes of a core.
"""
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

import toy_edits
import word_lists

FOLDERS = ("schemas/", "events/", "command-handler/", "projector/", "reconciler/", "tools/")
# What the same toys touched before commands, events and outcomes had rows, by the same count, and what was wanted. Of
# the cheapest toys alone.
BEFORE_AND_GOAL = {"refusal": (7, 4), "command": (19, 8), "event": (8, 6), "question by a command's id": (14, 6)}


def with_edit(text, anchor, added, where):
    """`text` with what an edit adds."""
    before = anchor.startswith("<") and not anchor.startswith("</")
    anchor = anchor[1:] if before else anchor
    assert text.count(anchor) == 1, f"{where}: expected once, found {text.count(anchor)} times:\n{anchor}"
    at = text.index(anchor) + (0 if before else len(anchor))
    return text[:at] + added + text[at:]


def edited(root, edits):
    """What is in each file that these edits touch, or that is written after them."""
    files = {}
    for name, anchor, added in edits:
        old = files.get(name) or (None if anchor is None else (root / name).read_text())
        files[name] = added if anchor is None else with_edit(old, anchor, added, name)

    def text_of(name):
        return files.get(name) or (root / name).read_text()
    document = word_lists.written(text_of)
    if document != text_of(word_lists.DOCUMENT):
        files[word_lists.DOCUMENT] = document
    return files


def product_files(toy):
    names = dict.fromkeys(name for name, _, _ in toy_edits.TOYS[toy])
    return [name for name in names if name.startswith(FOLDERS) and not name.endswith("CMakeLists.txt")]


def put(copy, files):
    for name, text in files.items():
        (copy / name).write_text(text)


def take_out(copy, edits):
    """All files as they are without these edits."""
    for name, anchor, _ in edits:
        if anchor is None:
            (copy.path / name).unlink(missing_ok=True)
        else:
            (copy.path / name).write_text((copy.root / name).read_text())
    put(copy.path, {word_lists.DOCUMENT: (copy.root / word_lists.DOCUMENT).read_text()})


class Copy:
    """The tree elsewhere, configured, with the schemas' code generated."""

    def __init__(self, root, place):
        self.root, self.path, self.build = root, place / "tree", place / "build"
        for name in subprocess.check_output(["git", "-C", root, "ls-files"], text=True).split("\n"):
            if name and (root / name).is_file():
                (self.path / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(root / name, self.path / name)
        self.configure()

    def configure(self):
        # Nobody runs what is compiled here: no optimisation, and nothing for a debugger.
        run = ["cmake", "-S", self.path, "-B", self.build, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Debug",
               "-DCMAKE_CXX_FLAGS_DEBUG=-O0 -g0", "-DBUILD_TESTING=OFF", "-DVOUCH_WERROR=ON"]
        subprocess.run(run, check=True, stdout=subprocess.DEVNULL)
        subprocess.run(["cmake", "--build", self.build, "--target", "vouch_schemas"], check=True,
                       stdout=subprocess.DEVNULL)
        self.commands = {}
        for each in json.loads((self.build / "compile_commands.json").read_text()):
            name = os.path.relpath(each["file"], self.path)
            if name.startswith(FOLDERS):
                command = re.sub(r" -o \S+ -c ", " -fsyntax-only ", each["command"])
                self.commands[name] = [word for word in shlex.split(command) if "ccache" not in word]

    def command(self, name):
        """How a source is compiled: one that CMake does not know yet as another one of its folder."""
        if name in self.commands or not name.endswith(".cc"):
            return self.commands.get(name)
        sibling = next(each for each in self.commands if os.path.dirname(each) == os.path.dirname(name))
        return [word.replace(sibling, name) for word in self.commands[sibling]]

    def compiles(self, name):
        return subprocess.run(self.command(name), cwd=self.build, stderr=subprocess.DEVNULL).returncode == 0

    def build_all(self):
        """Each source compiled and everything linked, also behind a fault; the faults."""
        run = ["cmake", "--build", self.build, "-j", str(os.cpu_count()), "--", "-k", "0"]
        # The place is another one each time, and the same to ccache.
        known = {"CCACHE_BASEDIR": str(self.path.parent), "CCACHE_NOHASHDIR": "1"}
        done = subprocess.run(run, text=True, stdout=subprocess.PIPE, env={**os.environ, **known})
        found = re.findall(r"^.*(?:error:|undefined reference|undefined symbol).*$", done.stdout, re.M)
        return found or ([done.stdout] if done.returncode else [])


def finder(copy, toy, left_out):
    """Who finds that an edit was forgotten; None: nobody."""
    edits = [edit for edit in toy_edits.TOYS[toy] if edit is not left_out]
    names = [name for name, _, _ in edits + [left_out]]
    take_out(copy, toy_edits.TOYS[toy])
    put(copy.path, edited(copy.root, edits))
    # What a source has forgotten, the compiler sees in no other one.
    sources = names + toy_edits.WITNESSES[toy] if left_out[0].endswith(".h") else [left_out[0]]
    for name in dict.fromkeys(sources):
        if (copy.path / name).exists() and copy.command(name) and not copy.compiles(name):
            return f"the compiler ({name})"
    return toy_edits.FOUND_BY.get(left_out[0])


def check_finders(root):
    """FOUND_BY has files that toys edit, and tests that there are. That these fail, nobody tries here."""
    names = {name for edits in toy_edits.TOYS.values() for name, _, _ in edits}
    tests = {path.name for path in (root / "tests").rglob("*.py")} | {"the linker"}
    for path in [*(root / "tests").rglob("CMakeLists.txt"), *(root / "tests").rglob("*.cmake")]:
        tests.update(re.findall(r"^\s*vouch_add_test\((\w+)", path.read_text(), re.M))
    for name, found_by in toy_edits.FOUND_BY.items():
        assert name in names, f"FOUND_BY: no toy edits {name}"
        assert found_by in tests, f"FOUND_BY: {name}: there is no test {found_by}"


def main():
    root = pathlib.Path(sys.argv[1]).resolve()
    check_finders(root)
    assert not edited(root, []), f"{word_lists.DOCUMENT} is not what word_lists.py writes"
    for toy, edits in toy_edits.TOYS.items():
        files = edited(root, edits)
        names = product_files(toy)
        told = "not the cheapest"
        if toy in BEFORE_AND_GOAL:
            told = "{} before there were rows, goal {}".format(*BEFORE_AND_GOAL[toy])
        print(f"{toy}: {len(names)} files, {told}")
        for name in names:
            print("   ", name)
        for name in files.keys() - {name for name, _, _ in edits}:
            print(f"    {name}, written by word_lists.py")
    if "--compile" not in sys.argv:
        return 0
    is_wrong = False
    with tempfile.TemporaryDirectory(prefix="vouch_toys") as place:
        copy = Copy(root, pathlib.Path(place))
        for toy, edits in toy_edits.TOYS.items():
            for edit in edits:
                if not edit[0].startswith(FOLDERS) or edit[0].endswith("CMakeLists.txt"):
                    continue
                found_by = finder(copy, toy, edit)
                is_wrong |= found_by is None
                print(f"{toy}: without {edit[2].split(chr(10))[0].strip()[:40]!r} in {edit[0]}: "
                      f"{found_by or 'found by nobody'}", flush=True)
            take_out(copy, edits)
        put(copy.path, edited(root, [edit for edits in toy_edits.TOYS.values() for edit in edits]))
        copy.configure()
        faults = copy.build_all()
        for fault in faults:
            print(fault)
        print(f"{len(copy.commands)} sources with all toys compiled and linked, {len(faults)} faults")
        return 1 if is_wrong or faults else 0


sys.exit(main())
