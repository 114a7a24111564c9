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
MAP = "markdownviewer-widget:work/README.md"
BEGIN = {  # the map alone, side bars closed, so that it can be read on a narrow screen; the files are a click away
    "layout-restorer:data": {
        "main": {"dock": {"type": "tab-area", "currentIndex": 0, "widgets": [MAP]}, "current": MAP},
        "down": {"size": 0, "collapsed": True, "widgets": []},
        "left": {"collapsed": True, "visible": True, "widgets": ["filebrowser"]},
        "right": {"collapsed": True, "visible": True, "widgets": []},
        "relativeSizes": [0, 1, 0],
    },
    MAP: {"data": {"path": "work/README.md", "factory": "Markdown Preview"}},
    "file-browser-filebrowser:cwd": {"path": "work"},
}
LANDING = [
    "--LabApp.default_url=/lab",
    f"--ServerApp.root_dir={HERE.parent}",  # whatever the learner's own settings of Jupyter say
    f"--LabApp.app_settings_dir={HERE}",
    f"--LabApp.workspaces_dir={SPACES}",
    "--LabApp.extension_manager=readonly",
]


def begin_with_the_map() -> None:
    """Let JupyterLab open the map, whatever was open when it was left."""
    SPACES.mkdir(parents=True, exist_ok=True)
    file = SPACES / "default-37a8.jupyterlab-workspace"  # the name that JupyterLab gives it
    file.write_text(json.dumps({"data": BEGIN, "metadata": {"id": "default"}}), encoding="utf-8")


def main(arguments: list[str]) -> int:
    os.chdir(HERE.parent)
    from tools.__main__ import say
    from tools.copies import make_copies
    from tools.notebook import NotebookError

    try:
        for sentence in make_copies():
            say(sentence)
        begin_with_the_map()
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
