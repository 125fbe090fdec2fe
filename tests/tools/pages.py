"""Every page of the repository: its links lead somewhere, each file that it names is there, and its lines are at
most 120 characters; those of C++ are at most 100. pages.py ROOT

Code in a page may be longer, since it cannot be broken, and so may strings of a test. A file is named as `x.cc`,
`folder/x.cc` or `folder/{x,y}.cc`; what a run makes (`deployment`, `*.segment`) has none of the endings that are
looked for.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(sys.argv[1])
OURS = ["docs", "schemas", "events", "command-handler", "projector", "reconciler", "tools", "clients", "tests", "cmake"]
ENDINGS = r"\.(?:h|cc|proto|spec|cmake|py)"


def anchor_of(heading):
    """As pages on the web make it of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def headings_of(page):
    return {anchor_of(m) for m in re.findall(r"^#+ +(.*)$", page.read_text(), re.M)}


def faults_of(page, files):
    is_code = False
    for number, line in enumerate(page.read_text().splitlines(), 1):
        def fault(text):
            return f"{page.relative_to(ROOT)}:{number}: {text}"
        is_fence = line.lstrip().startswith("```")
        is_code ^= is_fence
        if is_code or is_fence:
            continue
        if len(line) > 120:
            yield fault(f"{len(line)} characters")
        for target, anchor in re.findall(r"\]\(([^)#:]*)(?:#([^)]*))?\)", line):
            other = page.parent / target if target else page
            if not other.exists():
                yield fault(f"no {target}")
            elif anchor and other.suffix == ".md" and anchor not in headings_of(other):
                yield fault(f"{target} has no heading #{anchor}")
        for name in re.findall(rf"`([\w./-]+{ENDINGS})`", line):
            if not any(file.endswith("/" + name) for file in files):
                yield fault(f"no file {name}")
        if re.search(r"\bdesign section \d|\bsection \d+\b(?! of RFC)", line):
            yield fault("a section of a page that is not here")


def long_lines(path):
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if len(line) > 100 and not ('"' in line and path.is_relative_to(ROOT / "tests")):
            yield f"{path.relative_to(ROOT)}:{number}: {len(line)} characters"


def main():
    files = [f"/{path.relative_to(ROOT)}" for folder in OURS for path in (ROOT / folder).rglob("*") if path.is_file()]
    pages = [*ROOT.glob("*.md"), *(ROOT / file[1:] for file in files if file.endswith(".md"))]
    faults = [fault for page in sorted(pages) for fault in faults_of(page, files)]
    sources = [ROOT / file[1:] for file in files if file.endswith((".h", ".cc"))]
    faults += [fault for source in sorted(sources) for fault in long_lines(source)]
    for fault in faults:
        print(fault)
    assert len(pages) > 30 and len(sources) > 500, (len(pages), len(sources))
    return 1 if faults else 0


sys.exit(main())
