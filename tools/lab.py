"""JupyterLab on the course's landing page, Markdown rendered: `python -m tools.lab`.

Everything after `python -m tools.lab` is handed on to `jupyter lab`. Its settings are overrides.json, beside this file.
"""
from __future__ import annotations

import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
LANDING = ["--LabApp.default_url=/lab/tree/README.md", f"--LabApp.app_settings_dir={HERE}"]

if __name__ == "__main__":
    from jupyterlab.labapp import main

    os.chdir(HERE.parent)
    sys.exit(main([*LANDING, *sys.argv[1:]]))
