"""Does the simulator find bugs? Each is put into a copy of one source file, compiled, linked and run with seeds.

mutants.py ROOT --planted [NAME…]           the bugs of planted_bugs.py: all, or those named; fails when one survives
                                            that planted_bugs.py has among those that are found
mutants.py ROOT --planted --some K          K of those that are found soon, others at each commit
mutants.py ROOT --mutants N [--first-mutant M]  N random mutations of sources (mutations.py); survivors go into a file

Options: --build DIR (build/dev; must be up to date), --programs A,B (in place of the simulator and, behind it, the
simulation's tests), --unit-tests (which of the mutants that survive those find), --seeds N, --first-seed N, --jobs N,
--seconds N (of processor, a program), --minutes N (none is begun later; what is left is named), --out FILE. Nothing is
written into the tree but what --out names. At the end a table, of which tests/campaigns keeps the rows.
"""
import argparse
import concurrent.futures
import dataclasses
import functools
import math
import os
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import time

from edited_program import Build, Edit, EditedFile, Unfit, run_bounded
from mutations import FOLDERS, Mutations
from planted_bugs import NOT_FOUND, PLANTED, SELDOM

SIMULATOR = "simulate"
# What runs when the simulator finds nothing, by the folder that was changed, or all: no seeds of their own.
TESTS = {
    "command-handler/core/": [],
    "command-handler/shard/shard_store.cc": ["simulation_stores"],
    "command-handler/shard/": ["simulation_disk"],
    "events/log/embedded/": ["simulation_disk"],
    "events/log/kafka/": ["simulation_kafka"],
    "events/": ["simulation_kafka", "simulation_disk"],
    "projector/": [],
}
# Seeds that are played before it is looked whether one of them found something.
SEEDS_AT_ONCE = [4, 12, 40, 150, 300]
# Of processor, that a program has for its start and for each seed: many times what it takes.
SECONDS_TO_START, SECONDS_A_SEED = 10, 1.5
# Unit tests by the folder that was changed.
UNIT_TESTS = {
    "command-handler/": ["command_handler", "command_handler_shard", "command_handler_across_shards", "specs"],
    "events/log/embedded/": ["log"],
    "events/log/kafka/": ["log_kafka_cache"],
    "events/": ["log", "log_kafka_cache"],
    "projector/": ["projector_views", "projector_queries"],
}


@dataclasses.dataclass
class Verdict:
    """What became of a bug: `kind` is found, survived or unfit (it does not compile, or does not fit its file)."""
    kind: str
    by: str = ""
    seconds: float = 0.0


def first_of(patterns, text):
    for pattern in patterns:
        if found := re.search(pattern, text, re.M):
            return re.sub(r"\s+", " ", found.group(0)).strip()
    return ""


def told_by(run):
    """In one line how a program that failed says why: what did not hold, and with which seed where it has one."""
    if run.code is None:
        return "does not come to its end"
    seed = first_of([r"^seed \d+(?: to \d+)?"], run.output)
    step = first_of([r"(?<=\()step \d+[^)]*(?=\)$)"], run.output)
    case = first_of([r"(?<=TEST CASE:  ).*(?=\n(?:\n|.*ERROR))"], run.output)
    # What is said of a replay that is not clean stands on lines of its own.
    said = first_of([r"violated: .*(?:\n(?! *violated|\d+ seeds).*){0,3}", r"internal error: .*",
                     r"(?:ERROR|FATAL ERROR): .*(?:\n.*)?"], run.output)
    ended = f"signal {-run.code}" if run.code < 0 else ""
    parts = [seed, step, case, ended, said or run.output.strip().split("\n")[-1]]
    return ": ".join(part for part in parts if part)[:300]


class Finder:
    """Runs programs in a temporary place, some at a time."""

    def __init__(self, options):
        self.options = options
        self.build = Build(options.root, options.build)
        self.as_it_is = functools.cache(self.code_as_it_is)

    def programs(self, file):
        """That may find a bug in the file, and that there are."""
        wanted = self.options.programs.split(",") if self.options.programs else [SIMULATOR, *row_of(TESTS, file)]
        return [each for each in wanted if (self.build.path / "bin" / each).exists()]

    def run(self, program, path, place):
        """The first run that fails, of all seeds; or the last one."""
        if program != SIMULATOR:
            return run_bounded([str(path)], self.options.seconds, place)
        first, end, seconds = self.options.first_seed, self.options.first_seed + self.options.seeds, 0.0
        for at_once in self.pieces():
            count = min(at_once, end - first)
            words = [str(path), "--as-it-is", "--until-violated", "--seeds", str(count), "--first-seed", str(first)]
            bound = min(self.options.seconds, SECONDS_TO_START + math.ceil(SECONDS_A_SEED * count))
            run = run_bounded(words, bound, place)
            seconds, first = seconds + run.seconds, first + count
            if run.code != 0 or first == end:
                played = f"\nseed {first - count} to {first - 1}"  # a process that ended named none
                return dataclasses.replace(run, seconds=seconds, output=run.output + played)

    @staticmethod
    def pieces():
        yield from SEEDS_AT_ONCE
        while True:
            yield SEEDS_AT_ONCE[-1]

    def check_unchanged(self, files):
        """What fails by itself finds nothing."""
        for program in sorted({program for file in files for program in self.programs(file)}):
            with tempfile.TemporaryDirectory(prefix="vouch-mutants-") as place:
                run = self.run(program, self.build.path / "bin" / program, place)
            if run.code != 0:
                sys.exit(f"{program} fails without any bug: {told_by(run)}")

    def look(self, edited, programs):
        """The first of `programs` that finds the edit. Unfit when there is no program to run."""
        seconds, runs = 0.0, []
        for program in programs:
            path = edited.link(program)
            if not path:
                continue
            run = self.run(program, path, edited.place)
            path.unlink()
            runs.append(program)
            seconds += run.seconds
            if run.code != 0:
                return Verdict("found", f"{program}: {told_by(run)}", seconds)
        if not runs:
            return Verdict("unfit", f"no program of {', '.join(programs)} has {edited.file} in it")
        return Verdict("survived", ", ".join(runs), seconds)

    def code_as_it_is(self, file, program):
        with tempfile.TemporaryDirectory(prefix="vouch-mutants-") as place:
            return EditedFile(self.build, file, (self.build.root / file).read_text(), place).code(program)

    def planted(self, bug):
        try:
            text = (self.build.root / bug["file"]).read_text()
            for old, new in bug["edits"]:
                text = Edit(bug["file"], old, new).of(text)
            with tempfile.TemporaryDirectory(prefix="vouch-mutants-") as place:
                return self.look(EditedFile(self.build, bug["file"], text, place), self.programs(bug["file"]))
        except Unfit as unfit:
            return Verdict("unfit", str(unfit))

    def mutant(self, mutation):
        """Of several draws the first one that makes a program, and another one than without it."""
        for drawn in mutation.draws:
            with tempfile.TemporaryDirectory(prefix="vouch-mutants-") as place:
                edited = EditedFile(self.build, drawn.file, drawn.text, place)
                programs = self.programs(drawn.file)
                try:
                    if edited.code(programs[0]) == self.as_it_is(drawn.file, programs[0]):
                        continue
                    verdict = self.look(edited, programs)
                    unit = Verdict("")
                    if verdict.kind == "survived" and self.options.unit_tests:
                        unit = self.look(edited, row_of(UNIT_TESTS, drawn.file))
                except Unfit:
                    continue
            if verdict.kind != "unfit":
                return drawn, verdict, unit
        return None, Verdict("unfit", "no draw of it compiles"), Verdict("")


def row_of(table, file):
    """Of the first folder that the file is in, or all that there is."""
    rows = [programs for folder, programs in table.items() if file.startswith(folder)]
    return rows[0] if rows else sorted({program for programs in table.values() for program in programs})


def in_parallel(options, work, items):
    """Each item with what became of it, in the items' order; those that the time does not reach are left out."""
    end = time.monotonic() + options.minutes * 60

    def in_time(item):
        return work(item) if time.monotonic() < end else None
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        yield from (each for each in zip(items, pool.map(in_time, items)) if each[1])


def chosen(options):
    names = {bug["name"] for bug in PLANTED}
    if unknown := set(options.planted) - names:
        sys.exit(f"no such bug: {', '.join(sorted(unknown))}")
    bugs = [bug for bug in PLANTED if not options.planted or bug["name"] in options.planted]
    if not options.some:
        return bugs
    commit = subprocess.run(["git", "-C", options.root, "rev-parse", "HEAD"], capture_output=True, text=True).stdout
    bugs = [bug for bug in bugs if bug["name"] not in NOT_FOUND and bug["name"] not in SELDOM]
    return random.Random(commit).sample(bugs, min(options.some, len(bugs)))


def run_planted(finder, options, out):
    names = {"found": [], "survived": [], "unfit": []}
    by_simulator = 0
    found_by = {}
    left = chosen(options)
    for bug, verdict in in_parallel(options, finder.planted, list(left)):
        left.remove(bug)
        names[verdict.kind].append(bug["name"])
        if verdict.kind == "found":
            found_by[bug["name"]] = verdict.by
        by_simulator += verdict.kind == "found" and verdict.by.startswith(f"{SIMULATOR}:")
        number = f" (B {bug['number']})" if bug["number"] else ""
        out(f"{verdict.kind:9} {bug['name']}{number}, {bug['file']}\n"
            f"          wanted: {bug['found_by']}\n"
            f"          {verdict.kind}: {verdict.by} ({verdict.seconds:.1f} s)")
    for name in names["survived"]:
        out(f"survived: {name}; {NOT_FOUND.get(name, 'and it was found before')}")
    for name in set(names["found"]) & set(NOT_FOUND):
        out(f"found: {name}, which planted_bugs.py has among those that are not")
    for name, by in found_by.items():
        out(f"| {name} | {by} |")
    if left:
        out(f"not tried: --planted {' '.join(bug['name'] for bug in left)}")
    counts = ", ".join(f"{len(those)} {kind}" for kind, those in names.items())
    out(f"planted: {counts}; {by_simulator} found by the simulator")
    return len(names["unfit"]) + len(set(names["survived"]) - set(NOT_FOUND))


def run_mutants(finder, options, out):
    found, survived, by_unit_tests, tried = 0, [], 0, 0
    drawn_of = Mutations(finder.build.root)
    numbers = range(options.first_mutant, options.first_mutant + options.mutants)
    wanted = [drawn_of.mutation(number) for number in numbers]
    for mutation, (drawn, verdict, unit) in in_parallel(options, finder.mutant, wanted):
        tried += 1
        if drawn is None:
            out(f"unfit     {mutation.number}")
            continue
        also = f"; unit tests: {unit.kind} {unit.by}" if unit.kind else ""
        out(f"{verdict.kind:9} {mutation.number} {drawn.file}:{drawn.line}\n          - {drawn.before}\n"
            f"          + {drawn.after}\n          {verdict.kind}: {verdict.by} ({verdict.seconds:.1f} s){also}")
        found += verdict.kind == "found"
        by_unit_tests += unit.kind == "found"
        if verdict.kind == "survived":
            survived.append(f"| {mutation.number} | {drawn.file}:{drawn.line} | {drawn.before} → {drawn.after}"
                            f"{also} |")
    for row in survived:
        out(row)
    if tried < len(wanted):
        out(f"not tried: --mutants {len(wanted) - tried} --first-mutant {options.first_mutant + tried}")
    unit_text = f"; {by_unit_tests} more by unit tests" if options.unit_tests else ""
    counted = found + len(survived)
    out(f"mutants: {found} of {counted} found{unit_text}")
    return 0 if counted and found >= 0.95 * counted else 1


def read_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=pathlib.Path)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--planted", nargs="*", metavar="NAME")
    what.add_argument("--mutants", type=int, metavar="N")
    parser.add_argument("--some", type=int, default=0)
    parser.add_argument("--first-mutant", type=int, default=1)
    parser.add_argument("--unit-tests", action="store_true")
    parser.add_argument("--build", type=pathlib.Path)
    parser.add_argument("--programs")
    parser.add_argument("--seeds", type=int, default=2000)
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--seconds", type=int, default=240)
    parser.add_argument("--minutes", type=float, default=math.inf)
    parser.add_argument("--out", type=pathlib.Path)
    options = parser.parse_args()
    options.build = options.build or options.root / "build" / "dev"
    return options


def main():
    options = read_options()
    lines = []

    def out(line):
        lines.append(line)
        print(line, flush=True)
    finder = Finder(options)
    # Some are taken among other tests, of which the programs without any bug are others.
    if not options.some:
        finder.check_unchanged([f"{folder}/" for folder in FOLDERS] if options.mutants else
                               [bug["file"] for bug in chosen(options)])
    run = run_planted if options.planted is not None else run_mutants
    fault = run(finder, options, out)
    if options.out:
        options.out.write_text("\n".join(lines) + "\n")
    return 1 if fault else 0


if __name__ == "__main__":
    sys.exit(main())
