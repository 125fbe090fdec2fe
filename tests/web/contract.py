#!/usr/bin/env python3
"""Holds the running server against schemas/openapi.yaml.

    contract.py VOUCH OPENAPI.yaml HTTP.md FOLDER

The tools come from PyPI by pip into FOLDER/venv, which is kept. Exit 77: they cannot be had, and
nothing was checked.
"""

import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import urllib.request
import venv

TOOLS = ["schemathesis==4.32.5", "openapi-spec-validator==0.9.0"]
SKIPPED = 77
HERE = pathlib.Path(__file__).parent
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

# The document's examples name some of these. On four shards t1, h2 and t2 cross from one to another.
SHARDS = "4"
COMMANDS = """\
{"id":"o1","open_account":{"account":"cash","asset":"EUR/2","class":"asset","limit":"unlimited"}}
{"id":"o2","open_account":{"account":"alice","asset":"EUR/2","class":"liability"}}
{"id":"t1","transfer":{"debit":"cash","credit":"alice","amount":"10.00"},"context":"order-7"}
{"id":"h1","place_hold":{"debit":"alice","amount":"4.00"}}
{"id":"h2","place_hold":{"debit":"alice","credit":"cash","amount":"1.00"}}
"""
LATER = b'{"id":"t2","transfer":{"debit":"cash","credit":"alice","amount":"5.00"}}'


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


def submit_commands(program: str, url: str, environment: dict[str, str]) -> None:
    told = subprocess.run([program, "submit", "-", "--http", url, "--fail-on-refusal"],
                          input=COMMANDS, text=True, check=True, stdout=subprocess.PIPE,
                          env=environment).stdout
    outcomes = [json.loads(line) for line in told.splitlines()]
    if len({outcome["shard"] for outcome in outcomes}) < 2:
        raise RuntimeError(f"expected accounts on several shards: {told}")
    headers = {"Content-Type": "application/json", "Prefer": "respond-async"}
    request = urllib.request.Request(f"{url}/v1/commands", LATER, headers)
    with urllib.request.urlopen(request) as answer:
        if answer.status != 202:
            raise RuntimeError(f"expected 202 to {LATER}, found {answer.status}: {answer.read()}")
    with urllib.request.urlopen(f"{url}/v1/outcomes/t2?at_least=end") as answer:
        if answer.headers["Vouch-As-Of"].count(":") != int(SHARDS):
            raise RuntimeError(f"expected {SHARDS} shards in Vouch-As-Of: {answer.headers}")


def unexpected_findings(program: str, books: str, environment: dict[str, str]) -> list[str]:
    """What replay finds."""
    replayed = subprocess.run([program, "replay", "--data", books, "--json"], text=True, check=False,
                              stdout=subprocess.PIPE, env=environment)
    findings = [line for line in replayed.stdout.splitlines() if json.loads(line)["kind"] == "finding"]
    if replayed.returncode != (1 if findings else 0):
        return [f"replay ended with {replayed.returncode}", *findings]
    return findings


def main() -> int:
    program, document, page = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
    programs = tools_in(pathlib.Path(sys.argv[4]))
    subprocess.run([programs / "python", "-m", "openapi_spec_validator", document], check=True)
    subprocess.run([programs / "python", "-B", HERE / "document.py", document, page], check=True)
    with tempfile.TemporaryDirectory() as home:
        books = str(pathlib.Path(home) / "books")
        environment = {**os.environ, "HOME": home, "XDG_CONFIG_HOME": home}
        server = subprocess.Popen([program, "serve", "--data", books, "--create", "--shards", SHARDS],
                                  stdout=subprocess.PIPE, text=True, env=environment)
        try:
            url = server.stdout.readline().strip()
            submit_commands(program, url, environment)
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
        findings = unexpected_findings(program, books, environment)
    print(f"schemathesis ended with {checked.returncode}, the server with {ended}, "
          f"unexpected findings of replay: {findings}")
    return 1 if checked.returncode or ended or findings else 0


if __name__ == "__main__":
    sys.exit(main())
