"""The maintainer's commands.

    python -m tools run [NB …] [--synthetic]      execute in a fresh kernel, write outputs, stamp
    python -m tools verify [NB …] [--allow-behind]   compare every stamp, in seconds, without a kernel
    python -m tools restamp [NB …]                run what is behind
    python -m tools evidence NB … [--only VARIANT]   run what is missing of an experiment's runs
    python -m tools evidence NB … --recheck       run one seed a variant; if no number changed, all rows stand
    python -m tools text NB …                     a notebook as text, for reviews and git's textconv
    python -m tools new | copies | print | address | time …   see tools/publish.py
    python -m tools glossary                      put new entries and the lessons' links in order
NB is a path, or a name such as 03_split_and_leak. Without NB: all.
"""
from __future__ import annotations

import argparse
import codecs
import os
import sys
from pathlib import Path

from tools import notebook
from tools.notebook import NotebookError, all_notebooks, all_scripts, find, label

PLAIN = {"✓": "ok", "✗": "x", "…": "...", "─": "-", "·": "-", "–": "-"}


def _plainly(error: UnicodeError) -> tuple[str, int]:
    return "".join(PLAIN.get(letter, "?") for letter in error.object[error.start : error.end]), error.end


codecs.register_error("plain", _plainly)


def say(text: str, end: str = "\n", error: bool = False) -> None:
    """Print, in plain letters where the terminal knows no others."""
    stream = sys.stderr if error else sys.stdout
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(errors="plain")
    print(text, end=end, file=stream, flush=True)


def on_pull_request() -> bool:
    """Whether code that is behind is only listed: a maintainer with the real data mends it after the merge."""
    return bool(os.environ.get("COURSE_PULL_REQUEST")) or os.environ.get("GITHUB_EVENT_NAME") == "pull_request"


def _paths(options: argparse.Namespace) -> list[Path]:
    """The notebooks and scripts meant: those named, or all that the command is about."""
    if not options.names and options.command in ("evidence", "text"):
        raise NotebookError(f"Name what you mean: python -m tools {options.command} 03_split_and_leak.")
    scripts = all_scripts() if options.command != "run" else []
    return [find(name) for name in options.names] or [*all_notebooks(), *scripts]


def run(options: argparse.Namespace) -> int:
    from tools import stamp

    for path in _paths(options):
        if options.command == "restamp" and (path.suffix == ".py" or not stamp.verify(path).behind):
            continue
        say(f"{label(path)} …", end=" ")
        made = stamp.run(path, options.synthetic and options.command == "run")
        say(f"{made['seconds']:.0f} s, {made['peak_mib']} MiB")
    return 0


def verify(options: argparse.Namespace) -> int:
    from tools import stamp

    paths, wrong, behind = _paths(options), 0, 0
    for path in paths:
        try:
            found = stamp.verify(path)
        except NotebookError as error:
            found = stamp.State([str(error)], [])
        for kind, sentences in found._asdict().items():
            for sentence in sentences:
                say(f"✗ {label(path)}, {kind}: {sentence}")
        wrong, behind = wrong + bool(found.wrong), behind + bool(found.behind)
    if not wrong and not behind:
        say(f"✓ {len(paths)} notebooks and scripts are what their code gives")
    elif not wrong:
        say(f"{behind} behind, nothing wrong: a maintainer runs `make restamp`")
    listed = options.command == "verify" and (options.allow_behind or on_pull_request())
    return int(wrong > 0 or (behind > 0 and not listed))


def restamp(options: argparse.Namespace) -> int:
    """Run the notebooks that are behind; what is wrong, and evidence, is left to a decision."""
    return run(options) or verify(options)


def gather(options: argparse.Namespace) -> int:
    from tools import evidence

    for path in _paths(options):
        file = evidence.recheck(path) if options.recheck else evidence.gather(path, options.only)
        say(f"wrote {label(file)}")
    return 0


def show(options: argparse.Namespace) -> int:
    for path in _paths(options):
        try:
            say(notebook.as_text(path), end="")
        except NotebookError:  # git compares whatever is there
            say(path.read_text(encoding="utf-8", errors="replace"), end="")
    return 0


def publish(options: argparse.Namespace) -> int:
    from tools import glossary, publish

    room = glossary if options.command == "glossary" else publish
    return getattr(room, f"main_{options.command}")(options.names)


COMMANDS = {"run": run, "verify": verify, "restamp": restamp, "evidence": gather, "text": show}
COMMANDS |= dict.fromkeys(("new", "copies", "print", "address", "time", "glossary"), publish)


def main(arguments: list[str] | None = None) -> int:
    """Run a command; returns the exit status."""
    say("", end="")  # from here on, whatever is printed can be printed
    usage = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="python -m tools", description=__doc__, formatter_class=usage)
    parser.add_argument("command", choices=COMMANDS)
    parser.add_argument("names", nargs="*", metavar="NB")
    parser.add_argument("--synthetic", action="store_true", help="run: may replace results on real data")
    parser.add_argument("--allow-behind", action="store_true", help="verify: only list what is behind")
    parser.add_argument("--only", metavar="VARIANT", help="evidence: this variant alone")
    parser.add_argument("--recheck", action="store_true", help="evidence: one seed a variant instead of all")
    options = parser.parse_args(arguments)
    try:
        return COMMANDS[options.command](options)
    except (NotebookError, SyntaxError) as error:
        say(f"✗ {error}", error=True)
    except OSError as error:
        say(f"✗ {error.filename or 'a file'} cannot be used ({error.strerror}): mend that, and try again.", error=True)
    return 1


if __name__ == "__main__":
    sys.exit(main())
