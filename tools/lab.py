"""JupyterLab on your copies of the lessons, which are made or renewed first: `python -m tools.lab`.

Everything after `python -m tools.lab` is handed on to `jupyter lab`. Its settings are overrides.json, beside this file.
"""
from __future__ import annotations

import json
import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
SPACES = HERE.parent / "work" / ".workspaces"  # which files are open: the course's own, not your other projects'
FIRST = {"left": {"collapsed": True, "visible": True, "current": "filebrowser", "widgets": ["filebrowser"]},
         "right": {"collapsed": True, "visible": True, "widgets": []}}  # fmt: skip  the page has the whole window
LANDING = ["--LabApp.default_url=/lab/tree/work/README.md", f"--LabApp.app_settings_dir={HERE}",
           f"--LabApp.workspaces_dir={SPACES}", "--LabApp.extension_manager=readonly"]  # fmt: skip


def first_layout() -> None:
    """Before JupyterLab has been here, an arrangement in which its side bars are closed."""
    file = SPACES / "default-37a8.jupyterlab-workspace"  # the name that JupyterLab gives it
    if not file.exists():
        SPACES.mkdir(parents=True, exist_ok=True)
        layout = {"data": {"layout-restorer:data": FIRST}, "metadata": {"id": "default"}}
        file.write_text(json.dumps(layout), encoding="utf-8")


def main(arguments: list[str]) -> int:
    os.chdir(HERE.parent)
    from tools.__main__ import say
    from tools.copies import make_copies
    from tools.notebook import NotebookError

    try:
        for sentence in make_copies():
            say(sentence)
        first_layout()
    except OSError as error:
        say(f"✗ work/ cannot be written ({error.strerror}): free it, and try again.", error=True)
        return 1
    except NotebookError as error:
        say(f"✗ {error}", error=True)
        return 1
    from jupyterlab.labapp import main as lab

    return lab([*LANDING, *arguments])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
