"""What a search's record would have ended with under another derivation."""

from typing import Any

import torch

from nascore.base import config
from nascore.base.arguments import checked
from nascore.base.errors import ConfigError
from nascore.derivation.base import Derivation
from nascore.evidence.findings import _at_end
from nascore.networks.genotypes import AnyGenotype
from nascore.records.record import Run


@checked
def rederived(run: Run, derivation: Derivation | None = None, **overrides: Any) -> AnyGenotype:
    """What a search's record would have ended with, had its derivation been another: `derivation`, or its own with
    `overrides` (`skip_limit=3`).

    Raises `ConfigError` for what a derivation does not have, and for one that evaluates the supernet.
    """
    own = config.from_dict(run.settings["derivation"])
    space = config.from_dict(run.settings["space"])
    wanted: Any = config.override(derivation or own, **overrides)
    if wanted.needs_search:
        raise ConfigError(f"{type(wanted).__name__} evaluates the supernet, which a record does not hold: search anew")
    return wanted.genotype(space, _strengths(run))


@checked
def by_skip_limit(run: Run, derivation: Derivation | None = None) -> dict[int, AnyGenotype]:
    """M -> the genotype with at most M skip connections in each normal cell type, for every M from as many as a cell
    can keep down to 0 (P-DARTS's code prints them all). `derivation` as in `rederived`.

    Raises `ConfigError` for a derivation that knows no such limit.
    """
    kept: Any = config.override(derivation or config.from_dict(run.settings["derivation"]), skip_limit=None)
    targets = {target for _, target in config.from_dict(run.settings["space"]).edges()}
    return {limit: rederived(run, kept, skip_limit=limit) for limit in range(kept.inputs * len(targets), -1, -1)}


def _strengths(run: Run) -> dict[str, torch.Tensor]:
    """Cell type -> what the search's derivation went by, (edges, operations): the weights, or the importance."""
    last = _at_end(run)
    column = "importance" if "importance" in last else "weight"
    operations = last["operation"].nunique()
    return {
        kind: torch.tensor(rows[column].fillna(0.0).to_numpy().reshape(-1, operations))
        for kind, rows in last.groupby("cell", sort=False)
    }
