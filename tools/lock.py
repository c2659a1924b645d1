"""Write requirements.lock: what pyproject.toml's requirements resolve to, on every platform and Python from 3.11 on."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HEADER = (
    "# Every package that pyproject.toml's requirements resolve to, for Python 3.11 and later. Made by: make lock\n"
)
PINNED = "torch==2.14.1\ntorchvision==0.29.1\n"  # a pair known to work together

COMMAND = "uv pip compile --universal --python-version 3.11 --all-extras --quiet --no-annotate --no-header"

resolved = subprocess.run(
    [sys.executable, "-m", *COMMAND.split(), "--constraint", "-", "pyproject.toml"],
    cwd=ROOT,
    input=PINNED,
    stdout=subprocess.PIPE,
    text=True,
    check=True,
)
(ROOT / "requirements.lock").write_text(HEADER + resolved.stdout)
