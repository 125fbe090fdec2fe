"""Campaigns: which of them are older than what they cover, and running one.

    campaigns.py ROOT status        those that code has changed under since their last result, or that have none
    campaigns.py ROOT run NAME...   runs them and keeps commit, seed, command and result in tests/campaigns

A run wants a tree without changes, since its result names a commit.
"""
import pathlib
import re
import shlex
import subprocess
import sys
import time

# Of what a campaign says, this much is kept: its last lines, and the rows of its table, if it has one.
LINES_KEPT = 6
TABLE_ROW = re.compile(r"(?:\d+: )?(\| .*)")  # CTest puts its test's number before them


class Campaign:
    def __init__(self, row):
        self.name, self.seed, folders, self.command = (part.strip() for part in row.split("|"))
        self.folders = folders.split()

    def result_file(self, root):
        return root / "tests/campaigns" / (self.name.replace("/", "-") + ".txt")


def campaigns(root):
    rows = (root / "tests/campaigns.txt").read_text().splitlines()
    return [Campaign(row) for row in rows if row and not row.startswith("#")]


def git(root, *arguments):
    done = subprocess.run(["git", "-C", root, *arguments], capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else None


def why_older(root, campaign):
    """Empty: what it covers is as it was when the campaign passed."""
    file = campaign.result_file(root)
    if not file.exists():
        return "never run"
    said = dict(line.split(": ", 1) for line in file.read_text().splitlines()[:4])
    at = f"{said['result']} at {said['commit'][:7]}"
    if not said["result"].startswith("passed"):
        return at
    # The files themselves, and those not committed too: how many commits lie between says nothing of a branch.
    changed = git(root, "diff", "--name-only", said["commit"], "--", *campaign.folders)
    if changed is None:
        return f"{at}, which is not in this repository"
    new = git(root, "ls-files", "--others", "--exclude-standard", "--", *campaign.folders)
    files = len(changed.splitlines()) + len(new.splitlines())
    return f"{at}; of {' '.join(campaign.folders)} other files now: {files}" if files else ""


def status(root):
    lines = [(campaign.name, why_older(root, campaign)) for campaign in campaigns(root)]
    return [f"{name}: {why}" for name, why in lines if why]


def run(root, campaign):
    if git(root, "status", "--porcelain", "--", ".", ":!tests/campaigns") != "":
        sys.exit(f"{campaign.name}: expected a tree without changes; its result names a commit")
    started = time.monotonic()
    done = subprocess.run(shlex.split(campaign.command), cwd=root, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    print(done.stdout, end="")
    is_skipped = "***Skipped" in done.stdout
    verdict = "passed" if done.returncode == 0 else f"failed with {done.returncode}"
    if is_skipped:
        verdict = "skipped"
    lines = [line for line in done.stdout.splitlines() if line.strip()]
    rows = [row.group(1) for row in map(TABLE_ROW.fullmatch, lines) if row]
    file = campaign.result_file(root)
    file.parent.mkdir(exist_ok=True)
    file.write_text("\n".join([f"commit: {git(root, 'rev-parse', 'HEAD')}", f"seed: {campaign.seed}",
                               f"command: {campaign.command}",
                               f"result: {verdict} in {time.monotonic() - started:.0f} s", "", *rows,
                               *lines[-LINES_KEPT:]]) + "\n")
    return done.returncode == 0 and not is_skipped


def main():
    root, what = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2]
    if what == "status":
        print("\n".join(status(root) or ["every campaign is as new as what it covers"]))
        return 0
    known = {campaign.name: campaign for campaign in campaigns(root)}
    unknown = [name for name in sys.argv[3:] if name not in known]
    if unknown or not sys.argv[3:]:
        sys.exit(f"no such campaign: {' '.join(unknown)}; there are {' '.join(known)}")
    return 0 if all([run(root, known[name]) for name in sys.argv[3:]]) else 1


if __name__ == "__main__":
    sys.exit(main())
