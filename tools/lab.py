"""JupyterLab on your copies of the lessons, which are made or renewed first: `python -m tools.lab`.

Everything after `python -m tools.lab` is handed on to `jupyter lab`. Its settings are overrides.json, beside this file.
"""
from __future__ import annotations

import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
LANDING = ["--LabApp.default_url=/lab/tree/work/README.md", f"--LabApp.app_settings_dir={HERE}",
           "--LabApp.extension_manager=readonly"]  # fmt: skip


def main(arguments: list[str]) -> int:
    os.chdir(HERE.parent)
    from tools.__main__ import say
    from tools.copies import make_copies
    from tools.notebook import NotebookError

    try:
        for sentence in make_copies():
            say(sentence)
    except NotebookError as error:
        say(f"✗ {error}", error=True)
        return 1
    from jupyterlab.labapp import main as lab

    return lab([*LANDING, *arguments])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
