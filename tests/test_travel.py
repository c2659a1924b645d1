"""Results travel: what is computed in double precision does not depend on the CPU's instructions."""

import json
import math
import os
import subprocess
import sys
from itertools import chain

import pytest
import torch

from nascore.base import paths

PROGRAM = """
import json, sys, torch, nascore
here = dict(device="cpu", root=sys.argv[1], precision=sys.argv[2], progress=False, verbose=False)
runs = [nascore.run("darts", "smoke", **here), nascore.run("retraining", "smoke", genotype="DARTS_V2", **here)]
found = [[run.history.drop(columns="seconds").values.tolist(), run.metrics, run.result["genotype"]] for run in runs]
print(json.dumps([torch.backends.cpu.get_cpu_capability(), found]))
"""
INSTRUCTIONS = {
    "own": {},
    "AVX2": {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "MKL_ENABLE_INSTRUCTIONS": "AVX2"},
    "DEFAULT": {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41", "MKL_ENABLE_INSTRUCTIONS": "SSE4_2"},
}
known = pytest.mark.skipif(
    not torch.backends.cpu.get_cpu_capability().startswith("AVX"), reason="torch knows one kind of instructions here"
)


@pytest.fixture(scope="module")
def computed(tmp_path_factory):
    """(precision, instructions) -> what a CPU with these alone computes, each in a process of its own."""

    def compute(precision, name):
        command = [sys.executable, "-c", PROGRAM, str(tmp_path_factory.mktemp("runs")), precision]
        own = os.environ | {"PYTHONPATH": str(paths.root()), "OMP_NUM_THREADS": "1"} | INSTRUCTIONS[name]
        said = subprocess.run(command, env=own, capture_output=True, text=True, check=True).stdout
        capability, found = json.loads(said.splitlines()[-1])
        assert name in ("own", capability)
        return found

    return {("float64", name): compute("float64", name) for name in ("own", "AVX2", "DEFAULT")}


def difference(ours, theirs):
    """The largest relative one of any number in two runs' histories and metrics; infinite for another genotype."""
    pairs = []
    for (history, metrics, genotype), (other_history, other_metrics, other_genotype) in zip(ours, theirs, strict=True):
        if genotype != other_genotype:
            return math.inf
        pairs += zip(chain(*history), chain(*other_history), strict=True)
        pairs += [(metrics[name], other_metrics[name]) for name in metrics.keys() | other_metrics.keys()]
    return max(abs(one - other) / max(abs(one), abs(other), 1e-6) for one, other in pairs)


@known
@pytest.mark.parametrize("name", ["AVX2", "DEFAULT"])
def test_in_double_precision_a_search_and_a_retraining_agree_to_nine_digits(name, computed):
    assert difference(computed["float64", name], computed["float64", "own"]) < 1e-9
