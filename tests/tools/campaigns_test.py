"""tests/campaigns.py, in a repository of its own; and that the table names every campaign.

campaigns_test.py ROOT BUILD CTEST
"""
import json
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(sys.argv[1]).resolve()
sys.path.insert(0, str(ROOT / "tests"))
import campaigns  # noqa: E402

TABLE = "a/long | 7 | code lib | sh -c 'echo all well'\nbad | - | code | sh -c 'echo broken; exit 3'\n"


def commit(root, name, text):
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text)
    subprocess.run(["git", "-C", root, "add", "-A"], check=True)
    subprocess.run(["git", "-C", root, "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-q", "-m", name],
                   check=True)


def expect(found, expected):
    assert found == expected, f"expected {expected!r}, found {found!r}"


def check_ages(root):
    subprocess.run(["git", "init", "-q", root], check=True)
    commit(root, "code/x", "1")
    commit(root, "tests/campaigns.txt", TABLE)
    expect(campaigns.status(root), ["a/long: never run", "bad: never run"])

    good, bad = campaigns.campaigns(root)
    expect((campaigns.run(root, good), campaigns.run(root, bad)), (True, False))
    kept = good.result_file(root).read_text().splitlines()
    head = campaigns.git(root, "rev-parse", "HEAD")
    expect(kept[:3] + kept[4:], [f"commit: {head}", "seed: 7", "command: sh -c 'echo all well'", "", "all well"])
    [failed] = campaigns.status(root)
    assert failed.startswith("bad: failed with 3 in ") and failed.endswith(f" s at {head[:7]}"), failed

    commit(root, "other/y", "1")  # covered by nobody
    expect(len(campaigns.status(root)), 1)
    (root / "code/x").write_text("2")
    assert "of code lib other files now: 1" in campaigns.status(root)[0], campaigns.status(root)
    try:
        campaigns.run(root, good)
        raise AssertionError("ran on a tree with changes")
    except SystemExit:
        pass
    commit(root, "lib/z", "1")
    assert f"at {head[:7]}; of code lib other files now: 2" in campaigns.status(root)[0], campaigns.status(root)

    good.result_file(root).write_text(f"commit: {'0' * 40}\nseed: 7\ncommand: x\nresult: passed in 1 s\n")
    assert "which is not in this repository" in campaigns.status(root)[0], campaigns.status(root)


def check_table(build, ctest):
    shown = json.loads(subprocess.check_output([ctest, "--test-dir", build, "-L", "campaign", "--show-only=json-v1"]))
    named = {campaign.name: campaign for campaign in campaigns.campaigns(ROOT)}
    for test in shown["tests"]:
        assert test["name"] in named, f"{test['name']} is not in tests/campaigns.txt"
    for campaign in named.values():
        for folder in campaign.folders:
            assert (ROOT / folder).is_dir(), f"{campaign.name}: no folder {folder}"


with tempfile.TemporaryDirectory() as place:
    check_ages(pathlib.Path(place) / "tree")
check_table(sys.argv[2], sys.argv[3])
