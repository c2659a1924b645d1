"""Checkers of sparse DARTS's own: its alpha-entmax, the spaces that it describes, and whom its table cites."""

import re
from typing import Literal

import numpy as np
import torch

from nascore.base.arguments import checked
from nascore.base.ranges import Amount
from nascore.evidence.checks.base import Finding, Sources, whether
from nascore.relaxations.entmax import Entmax
from nascore.spaces.cells import CellSpace
from nascore.spaces.nasbench201 import NasBench201

_ALPHAS = (1.5, 2.0, 3.0)


@checked
def entmax_of_one_is_softmax(sources: Sources) -> Finding:
    """Whether entmax goes to softmax as alpha goes to 1: by the largest difference on 100 draws of eight numbers."""
    z = torch.from_numpy(np.random.default_rng(0).normal(size=(100, 8)))
    alive = torch.ones_like(z, dtype=torch.bool)
    gaps = [float((Entmax(alpha=1 + near).strengths(z, alive) - z.softmax(-1)).abs().max()) for near in (0.01, 0.001)]
    said = f"largest difference {gaps[0]:.2g} at alpha = 1.01, {gaps[1]:.2g} at 1.001"
    return Finding(whether(gaps[1] < 0.2 * gaps[0] < 0.01), said, {"1.01": gaps[0], "1.001": gaps[1]})


@checked
def entropy_of_one_is_shannons(sources: Sources) -> Finding:
    """Whether the printed H of alpha goes to Shannon's entropy as alpha goes to 1, on 100 distributions of eight."""
    p = np.random.default_rng(0).dirichlet(np.ones(8), size=100)
    shannon = -(p * np.log(p)).sum(axis=1)
    gaps = [
        float(np.abs((p - p**alpha).sum(axis=1) / (alpha * (alpha - 1)) - shannon).max()) for alpha in (1.01, 1.001)
    ]
    said = f"largest difference {gaps[0]:.2g} at alpha = 1.01, {gaps[1]:.2g} at 1.001"
    return Finding(whether(gaps[1] < 0.2 * gaps[0] < 0.05), said, {"1.01": gaps[0], "1.001": gaps[1]})


@checked
def larger_alpha_is_more_rigid(sources: Sources) -> Finding:
    """Whether a larger alpha turns a larger span of leads of one operation over another into 0 or 1."""
    leads = torch.linspace(-3, 3, 6001, dtype=torch.float64)
    pair = torch.stack([leads, torch.zeros_like(leads)], dim=1)
    alive = torch.ones_like(pair, dtype=torch.bool)
    weights = [Entmax(alpha=alpha).strengths(pair, alive)[:, 0] for alpha in _ALPHAS]
    soft = [float(leads[(each > 1e-9) & (each < 1 - 1e-9)].max()) for each in weights]
    said = "neither 0 nor 1 within a lead of " + ", ".join(
        f"{lead:.2f} (alpha {alpha:g})" for lead, alpha in zip(soft, _ALPHAS, strict=True)
    )
    values = {f"{alpha:g}": lead for alpha, lead in zip(_ALPHAS, soft, strict=True)}
    return Finding(whether(soft[0] > soft[1] > soft[2]), said, values)


@checked
def candidates(sources: Sources, *, space: Literal["darts", "nasbench201"], operations: Amount) -> Finding:
    """Whether a space, as this package has it from its own paper, offers so many operations on an edge."""
    found = (CellSpace() if space == "darts" else NasBench201()).operations
    return Finding(whether(len(found) == operations), f"{len(found)}: {', '.join(found)}", {"operations": len(found)})


@checked
def cited_as(sources: Sources, *, table: str | int, column: str, expected: dict[str, Amount]) -> Finding:
    """Whether each row cites the work that its first column names: `expected` has its number in the references.

    Rows that cite nothing, such as the paper's own, are left out.
    """
    frame, right = sources.table(table), []
    named = frame[frame.iloc[:, 0].isin(list(expected)) & (frame[column] != "")]
    for _, row in named.iterrows():
        right.append(str(expected[row.iloc[0]]) in re.findall(r"\d+", row[column]))
    said = f"{sum(right)} of {len(right)} rows cite the work that they name"
    return Finding(whether(all(right)), said, {"right": sum(right), "of": len(right)})
