#!/usr/bin/env python3
"""Holds the running server against schemas/openapi.yaml.

    contract.py VOUCH OPENAPI.yaml FOLDER

The tools come from PyPI by pip into FOLDER/venv, which is kept. Exit 77: they cannot be had, and
nothing was checked.
"""

import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import venv

TOOLS = ["schemathesis==4.32.5", "openapi-spec-validator==0.9.0"]
SKIPPED = 77
EXAMPLES = "25"
SEED = "1"

# 503 tells a reader that the views are not at the record that it asks for; what is too long is 414.
CONFIG = """
[checks]
not_a_server_error.expected-statuses = ["2xx", "3xx", "4xx", "503"]
negative_data_rejection.expected-statuses = ["4xx"]
"""

# A schema cannot say which shards there are, what a cursor looks like inside, or that exactly one of
# a command's keys names the command: valid by the schema is not always accepted.
LEFT_OUT = "positive_data_acceptance"

COMMANDS = """\
{"id":"o1","open_account":{"account":"cash","asset":"EUR/2","class":"asset","limit":"unlimited"}}
{"id":"o2","open_account":{"account":"alice","asset":"EUR/2","class":"liability"}}
{"id":"t1","transfer":{"debit":"cash","credit":"alice","amount":"10.00"},"context":"order-7"}
{"id":"h1","place_hold":{"debit":"alice","amount":"4.00"}}
"""


def tools_in(folder: pathlib.Path) -> pathlib.Path:
    """The folder of the tools' programs; ends the process with SKIPPED where they cannot be had."""
    home = folder / "venv"
    programs = home / "bin"
    done = home / "complete"
    if done.exists() and done.read_text() == " ".join(TOOLS):
        return programs
    try:
        venv.create(home, with_pip=True, clear=True)
        subprocess.run([programs / "pip", "install", "--quiet", *TOOLS], check=True)
    except (subprocess.CalledProcessError, OSError) as error:
        print(f"skipped: {' '.join(TOOLS)} cannot be installed: {error}")
        sys.exit(SKIPPED)
    done.write_text(" ".join(TOOLS))
    return programs


def main() -> int:
    program, document, folder = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
    programs = tools_in(folder)
    subprocess.run([programs / "python", "-m", "openapi_spec_validator", document], check=True)
    with tempfile.TemporaryDirectory() as home:
        books = str(pathlib.Path(home) / "books")
        environment = {**os.environ, "HOME": home, "XDG_CONFIG_HOME": home}
        server = subprocess.Popen([program, "serve", "--data", books, "--create"],
                                  stdout=subprocess.PIPE, text=True, env=environment)
        try:
            url = server.stdout.readline().strip()
            subprocess.run([program, "submit", "-", "--http", url], input=COMMANDS, text=True,
                           check=True, stdout=subprocess.DEVNULL, env=environment)
            config = pathlib.Path(home) / "schemathesis.toml"
            config.write_text(CONFIG)
            checked = subprocess.run(
                [programs / "schemathesis", "--config-file", config, "run", f"{url}/openapi.yaml",
                 "--url", url, "--checks", "all", "--exclude-checks", LEFT_OUT, "--max-examples",
                 EXAMPLES, "--seed", SEED, "--suppress-health-check", "all"],
                cwd=home, check=False)
        finally:
            server.send_signal(signal.SIGTERM)
            ended = server.wait()
        replayed = subprocess.run([program, "replay", "--data", books], env=environment, check=False)
    print(f"schemathesis ended with {checked.returncode}, the server with {ended}, "
          f"replay with {replayed.returncode}")
    return 1 if checked.returncode or ended or replayed.returncode else 0


if __name__ == "__main__":
    sys.exit(main())
