"""What must not compile, does not. check.py ROOT COMPILER FLAG...

Each *.cc beside this script compiles but for the lines that end with `// error: REGEX`: on each of them the
compiler says such an error, and nowhere else. So a file cannot fail for another reason than the one it shows.

Then the product's own tables and switches: a header is copied with one kind more, and the file that has to know
all kinds does not compile until it knows that one too. docs/adding.md rests on it.
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(sys.argv[1])
COMPILER = [*sys.argv[2:], f"-I{ROOT}", "-std=c++20", "-Werror", "-fsyntax-only"]

# The header, what stands there, what stands there instead; who must notice, and what the compiler says of it.
FORGOTTEN = [
    ("events/entries/command.h",
     "using CommandBody = std::variant<", "struct Toy {};\nusing CommandBody = std::variant<Toy, ",
     "events/entries/command.cc", "static assertion failed"),
    ("events/entries/event.h",
     "using Event =\n    std::variant<", "struct Toy {};\nusing Event =\n    std::variant<Toy, ",
     "events/entries/write_event.cc", "static assertion failed"),
    ("events/money/outcome.h",
     '    {Outcome::same_account, "same_account", "Debit and credit are the same account."},\n', "",
     "events/money/outcome.cc", "static assertion failed"),
]


def errors_of(source, *flags):
    """(file, line, message) of each error."""
    said = subprocess.run([COMPILER[0], *flags, *COMPILER[1:], "-xc++", "-"], input=f'#include "{source}"\n',
                          capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"}).stderr
    return [(pathlib.Path(m[1]), int(m[2]), m[3])
            for m in re.finditer(r"^(.+?):(\d+):\d+: (?:fatal )?error: (.*)$", said, re.M)]


def faults_of_marked(source):
    text = source.read_text().splitlines()
    marks = {n: m[1] for n, line in enumerate(text, 1) if (m := re.search(r"// error: (.+)$", line))}
    errors = errors_of(source)
    at = {n: " ".join(message for file, line, message in errors if file == source and line == n) for n in marks}
    for n, regex in marks.items():
        if not re.search(regex, at[n]):
            yield f"{source.name}:{n}: expected an error like '{regex}', found: {at[n] or 'it compiles'}"
    for file, line, message in errors:
        if file != source or line not in marks:
            yield f"{file}:{line}: {message}: not expected"
    if not marks:
        yield f"{source.name} expects no error"


def faults_of_forgotten(header, old, new, user, regex):
    text = (ROOT / header).read_text()
    if text.count(old) != 1:
        yield f"{header} has '{old}' {text.count(old)} times"
        return
    with tempfile.TemporaryDirectory() as copy:
        changed = pathlib.Path(copy) / header
        changed.parent.mkdir(parents=True)
        changed.write_text(text.replace(old, new))
        errors = errors_of(ROOT / user, f"-I{copy}")
    if not any(file in (changed, ROOT / user) and re.search(regex, message) for file, _, message in errors):
        yield f"{user} does not notice what is forgotten in {header}: {errors[:1] or 'it compiles'}"


def main():
    sources = sorted(pathlib.Path(__file__).resolve().parent.glob("*.cc"))
    faults = [fault for source in sources for fault in faults_of_marked(source)]
    faults += [fault for each in FORGOTTEN for fault in faults_of_forgotten(*each)]
    for fault in faults:
        print(fault)
    return 1 if faults or not sources else 0


sys.exit(main())
