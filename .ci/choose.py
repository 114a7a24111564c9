"""Which lessons `.ci/run` executes again on real data, one path a line; why, on stderr.

Those whose stamp is another than at the commit CI_BASE (HEAD~20 unless it is set), and of the others each third one,
which third by the number of commits: after three pushes every lesson has had its turn. All, where that commit is not
in this clone. `make test` with COURSE_DATA is all of it, any time.
"""
from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

THIRDS = 3


def git(root: Path, *arguments: str) -> str | None:
    """What a git command prints; None where it fails or git is not there."""
    try:
        done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, encoding="utf-8")
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def stamp(text: str | None) -> object:
    """The stamp in a notebook's text; None where there is none."""
    try:
        return json.loads(text or "")["metadata"].get("course")
    except (ValueError, KeyError, AttributeError, TypeError):
        return None


def chosen(root: Path, base: str) -> dict[str, str]:
    """Lessons to execute and the reason for each; "" for those whose turn comes later."""
    paths = sorted(path.relative_to(root).as_posix() for path in root.glob("episodes/episode*/*.ipynb"))
    count = git(root, "rev-list", "--count", "HEAD")
    if count is None or git(root, "rev-parse", "--verify", "--quiet", base + "^{commit}") is None:
        return dict.fromkeys(paths, f"the commit {base} is not in this clone, so all are run")
    why = {}
    for index, path in enumerate(paths):
        now = stamp((root / path).read_text(encoding="utf-8"))
        if now is None or now != stamp(git(root, "show", f"{base}:{path}")):
            why[path] = f"its stamp is not the one at {base}"
        else:
            turn = index % THIRDS == int(count) % THIRDS
            why[path] = f"its turn, after {count} commits" if turn else ""
    return why


if __name__ == "__main__":
    checkout = Path(__file__).resolve().parent.parent
    for lesson, reason in chosen(checkout, os.environ.get("CI_BASE") or "HEAD~20").items():
        print(f"real data: {lesson}: {reason or 'not in this run'}", file=sys.stderr)
        if reason:
            print(lesson)
