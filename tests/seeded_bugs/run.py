"""Seeds one bug after the other into the gate and demands that its tests fail: a check that cannot fail is none.

    python tests/seeded_bugs/run.py            every bug of mutations.py; the table, and exit code 1 if one survives
    python tests/seeded_bugs/run.py 3 17       only these
    python tests/seeded_bugs/run.py --check    only whether every row still fits the code

The tracked files are copied to target/seeded_bugs/tree and changed there; the checkout is not touched. Without a bug the tests
must pass. A bug that does not compile, or a row whose text is gone, is an error.
"""

import argparse
import pathlib
import re
import shutil
import subprocess
import sys
import time

from mutations import MUTATIONS

ROOT = pathlib.Path(__file__).resolve().parents[2]
WORK = ROOT / "target" / "seeded_bugs"
TREE = WORK / "tree"
SOURCES = "nodes/gate/src"
# A bug may make a test run for ever; without one they take seconds.
LIMIT_S = 300
# Built as the suite is; only what a bug touches is compiled again.
PROFILE = ["--config", "profile.release.incremental=true"]


class Error(Exception):
    """What keeps the campaign from saying anything."""


def seeded(row, tree=ROOT):
    """The text of the row's file with its bug."""
    file, found, instead, _ = row
    text = (tree / SOURCES / file).read_text()
    count = text.count(found)
    if count != 1:
        raise Error(f"{file}: {count} times in the code, not once: {found!r}")
    return text.replace(found, instead)


def copy_tree():
    shutil.rmtree(TREE, ignore_errors=True)
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, listed.split("\0")):
        source, target = ROOT / name, TREE / name
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)


def cargo(*arguments, limit_s=None):
    command = ["cargo", "test", "--release", "--locked", "-p", "outrider_gate", "--target-dir", WORK / "target", *PROFILE]
    try:
        done = subprocess.run([*command, *arguments], cwd=TREE, capture_output=True, text=True, timeout=limit_s)
        return done.returncode, done.stdout + done.stderr
    except subprocess.TimeoutExpired:
        return 1, f"test did not end within {limit_s} s ... FAILED"


def failures():
    """Names of the tests that fail in the tree as it is."""
    code, output = cargo("--no-run")
    if code:
        raise Error("does not compile:\n" + output[-3000:])
    code, output = cargo("--no-fail-fast", "--", "-q", limit_s=LIMIT_S)
    names = re.findall(r"^    ([a-z_]+(?:::[a-z_]+)*)$", output, re.MULTILINE)
    names += re.findall(r"^test (.*) \.\.\. FAILED", output, re.MULTILINE)
    if code and not names:
        raise Error("fails without a failed test:\n" + output[-3000:])
    return sorted(set(names))


def campaign(rows):
    copy_tree()
    if failures():
        raise Error(f"the tests fail without a bug: {failures()}")
    survivors = []
    for number, row in rows:
        file, found, _, why = row
        target = TREE / SOURCES / file
        before = target.read_text()
        begin = time.monotonic()
        target.write_text(seeded(row, TREE))
        try:
            caught = failures()
        except Error as error:
            raise Error(f"{number}: {file}: {found!r}: {error}") from error
        finally:
            target.write_text(before)
        verdict = f"{len(caught)} tests, {caught[0]}" if caught else "SURVIVES"
        print(f"| {number} | {file} | {why} | {verdict} | {time.monotonic() - begin:.0f} s |", flush=True)
        if not caught:
            survivors.append(number)
    return survivors


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("numbers", nargs="*", type=int, help="only these rows")
    parser.add_argument("--check", action="store_true", help="only whether every row still fits the code")
    options = parser.parse_args()
    rows = list(enumerate(MUTATIONS, 1))
    try:
        for _, row in rows:
            seeded(row)
        if options.check:
            print(f"{len(rows)} bugs fit the code")
            return 0
        rows = [(number, row) for number, row in rows if not options.numbers or number in options.numbers]
        print("| bug | file | what goes wrong | noticed by | time |\n|---|---|---|---|---|", flush=True)
        survivors = campaign(rows)
    except Error as error:
        print(f"seeded bugs: {error}", file=sys.stderr)
        return 2
    print(f"{len(rows)} bugs, {len(rows) - len(survivors)} noticed, {len(survivors)} survive {survivors or ''}")
    return 1 if survivors or not rows else 0


if __name__ == "__main__":
    sys.exit(main())
