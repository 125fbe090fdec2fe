#!/usr/bin/env python3
"""Checks the models of this folder with spin: as they are without an error, and with each planted mistake with one.

  check.py MODEL...    entries.pml, reading.pml; both when none is named

A mistake that is not found fails as an error in the model does. A state space that does not fit into DEPTH_MAX or
MEMORY_MB_MAX ends the run.
"""

import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
DEPTH_MAX = 200_000
MEMORY_MB_MAX = 2_048
SECONDS_MAX = 300
CUT_SHORT = ("max search depth too small", "reached -DMEMLIM bound", "out of memory", "Search not completed")

RIGHT = {
    "entries.pml": ["SCENE=1", "SCENE=2 NOBODY_DIES", "SCENE=3"],
    "reading.pml": [""],
}
MISTAKES = {
    "entries.pml": [
        "SCENE=1 HELD_NOT_LOOKED_AT",
        "SCENE=1 OWN_LEGS_NOT_TRIED",
        "SCENE=1 YOUNGER_OVERTAKES",
        "SCENE=1 ENDED_STAY_IN_THE_QUEUE",
        "SCENE=1 LATE_ANSWER_COUNTS",
        "SCENE=1 TRIES_EXPIRE",
        "SCENE=1 RETRIES_AT_ONCE",
        "SCENE=1 NOBODY_IS_CALLED",
        "SCENE=3 AFTER_LEFT_OUT",
    ],
    "reading.pml": ["TIME_NOT_LIFTED", "LEADER_NOT_AWAITED", "OPEN_TRIES_NOT_READ", "EFFECTIVE_AT_THE_TRY"],
}


def errors_of(model, names, folder):
    """Number of errors that spin finds, the states it looked at, and what it said first."""
    defines = [f"-D{name}" for name in names.split()]

    def run(*command):
        return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True,
                              timeout=SECONDS_MAX).stdout

    run("spin", *defines, "-a", str(HERE / model))
    run("gcc", "-O2", "-w", "-DSAFETY", "-DCOLLAPSE", f"-DMEMLIM={MEMORY_MB_MAX}", "-o", "pan", "pan.c")
    said = run("./pan", f"-m{DEPTH_MAX}")
    errors = int(re.search(r"errors: (\d+)", said).group(1))
    if errors == 0 and any(sign in said for sign in CUT_SHORT):
        raise SystemExit(f"{model} {names}: the search was cut short:\n{said}")
    states = re.search(r"(\S+) states, stored", said).group(1)
    return errors, states, said.strip().splitlines()[0]


def main(models):
    if not shutil.which("spin"):
        raise SystemExit("check.py wants spin: apt-get install spin")
    failed = 0
    for model in models or RIGHT:
        for names, wanted in [(n, False) for n in RIGHT[model]] + [(n, True) for n in MISTAKES[model]]:
            with tempfile.TemporaryDirectory() as folder:
                errors, states, first = errors_of(model, names, folder)
            right = (errors > 0) == wanted
            failed += not right
            print(f"{'ok    ' if right else 'FAILED'} {model} {names or 'as it is'}: {errors} errors, {states} states"
                  f"{': ' + first if errors else ''}", flush=True)
    raise SystemExit(1 if failed else 0)


if __name__ == "__main__":
    main(sys.argv[1:])
