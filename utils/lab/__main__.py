"""Everything after `python -m utils.lab` is handed on to `jupyter lab`."""
from __future__ import annotations

import os
import sys
from pathlib import Path

from jupyterlab.labapp import main

HERE = Path(__file__).resolve().parent

if __name__ == "__main__":
    os.chdir(HERE.parent.parent)
    landing = ["--LabApp.default_url=/lab/tree/README.md", f"--LabApp.app_settings_dir={HERE}"]
    sys.exit(main([*landing, *sys.argv[1:]]))
