"""Passes CTest's lines on, and puts the ten slowest tests before its summary.

    ctest ... | python3 tests/slowest_tests.py PRESET

Wall time, as CTest tells it: a test over its budget (tests/budgets.txt) is named, and fails nothing,
because a busy machine would fail it too.
"""

import fnmatch
import pathlib
import re
import sys

RESULT = re.compile(r"\s*\d+/\d+ +Test +#\d+: (\S+) .* (\d+\.\d+) sec\b")
SUMMARY = re.compile(r"\d+% tests passed")
SHOWN = 10


def read_budgets(preset):
    """Pairs of a pattern and its seconds, in the file's order: the first that matches a name holds."""
    lines = pathlib.Path(__file__).with_name("budgets.txt").read_text().splitlines()
    rows = [line.split() for line in lines if line and not line.startswith("#")]
    return [(pattern, float(seconds)) for of_preset, pattern, seconds in rows if of_preset == preset]


def print_slowest(taken, budgets):
    print("The slowest tests, in seconds:")
    for name, seconds in sorted(taken.items(), key=lambda each: -each[1])[:SHOWN]:
        print(f"{seconds:8.1f} {name}")
    for name, seconds in taken.items():
        budget = next(limit for pattern, limit in budgets if fnmatch.fnmatchcase(name, pattern))
        if seconds > budget:
            print(f"over its budget of {budget:.0f} s: {name}, {seconds:.1f} s")
    print()


def main():
    budgets = read_budgets(sys.argv[1])
    taken = {}
    for line in sys.stdin:
        if result := RESULT.match(line):
            taken[result[1]] = float(result[2])
        elif SUMMARY.match(line):
            print_slowest(taken, budgets)
        print(line, end="", flush=True)


main()
