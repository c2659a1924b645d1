"""What imports cost: a new process each, the interpreter's start included."""

import subprocess
import sys
from functools import partial

from benchmarks.supernet import Calls

# what is measured -> what the process does; the first is the reference
CODE = {
    "import torch": "import torch",
    "import nascore": "import nascore",
    "import torch, nascore": "import torch, nascore",
    "nascore.run": "import nascore; nascore.run",
    "nascore.figures": "import nascore; nascore.figures",
}


def groups() -> dict[str, Calls]:
    """Each in a process of its own."""
    return {"a new process": {what: partial(_python, code) for what, code in CODE.items()}}


def _python(code: str) -> None:
    subprocess.run([sys.executable, "-c", code], check=True)
