"""What all tests share: long files come first, tests that need real data are marked, slow lessons are named."""
from __future__ import annotations

import itertools
import json
from collections import Counter
from pathlib import Path

import pytest

# Long files of tests, in seconds of one core, so that two processes share the work evenly; lessons have stamps.
SECONDS = {"test_evidence.py": 120.0, "test_reader.py": 60.0}
ON_REAL_DATA = {"test_evidence.py"}  # whole files; elsewhere the reason of a skipif says it
MUCH_SLOWER = 3.0  # times the stamped seconds; a warning only, since a busy neighbour can cause it


def stamped_seconds(path: Path) -> float:
    """The seconds in a notebook's stamp; 0 where it has none."""
    try:
        return float(json.loads(path.read_text(encoding="utf-8"))["metadata"]["course"]["seconds"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0.0


@pytest.hookimpl(tryfirst=True)  # before -m selects
def pytest_collection_modifyitems(items):
    seconds = {}
    for item in items:
        notebook = item.path.suffix == ".ipynb"
        if item.path not in seconds:
            seconds[item.path] = stamped_seconds(item.path) if notebook else SECONDS.get(item.path.name, 0.0)
        reasons = [str(mark.kwargs.get("reason", "")) for mark in item.iter_markers("skipif")]
        if notebook or item.path.name in ON_REAL_DATA or any("needs the real" in reason for reason in reasons):
            item.add_marker("real")
    items.sort(key=lambda item: -seconds[item.path])  # stable: a file's items stay together and in order


def slow_lessons(reports, root: Path) -> list[str]:
    """A sentence for each notebook that took much longer than its stamp says."""
    took = Counter()
    for report in reports:
        took[report.nodeid.partition("::")[0]] += report.duration
    lines = []
    for name, seconds in took.items():
        stamped = stamped_seconds(root / name) if name.endswith(".ipynb") else 0.0
        if stamped and seconds > MUCH_SLOWER * stamped:
            lines.append(
                f"slow: {name} took {seconds:.0f} s, {seconds / stamped:.1f} times the {stamped:.0f} s of its stamp"
                " (a busy machine, or a lesson that grew?)"
            )
    return lines


def pytest_terminal_summary(terminalreporter, config):
    reports = itertools.chain.from_iterable(terminalreporter.stats.values())
    for line in slow_lessons((r for r in reports if hasattr(r, "duration")), config.rootpath):
        terminalreporter.write_line(line)


@pytest.fixture
def one_thread():
    """For tiny networks, whose threads would wait for each other."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
