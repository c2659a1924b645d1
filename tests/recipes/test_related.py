"""Related methods: each is one file that uses public names alone, and does what its paper says."""

import ast
import importlib.util
import shutil
import sys
from pathlib import Path

import matplotlib as mpl
import pytest
import torch
from torch import nn
from torch.nn import functional as F

mpl.use("Agg")

import nascore
from nascore import figures
from nascore.base.errors import ConfigError
from nascore.networks import operations
from nascore.optimization import Priced, gradients_of
from nascore.pruning import Seen
from nascore.recipes import find, related
from nascore.recipes.related.darts_minus import AuxiliarySkip
from nascore.recipes.related.darts_plus import TooManySkips
from nascore.recipes.related.darts_pt import Perturbation
from nascore.recipes.related.fair_darts import AboveThreshold, Sigmoid, ZeroOneLoss
from nascore.recipes.related.pc_darts import EdgeNormalised, PartialCell, PartialCellSpace
from nascore.relaxations import Context
from nascore.search import Search
from nascore.spaces import CellSpace

FOLDER = Path(related.__file__).parent
FILES = sorted(path for path in FOLDER.glob("*.py") if path.stem != "__init__")
NAMES = {"darts_minus": "darts-minus", "darts_plus": "darts-plus", "darts_pt": "darts-pt"}
NAMES |= {"fair_darts": "fair-darts", "pc_darts": "pc-darts"}
SMALL = {"train_images": 96, "progress": False}


def run(recipe, root, **settings):
    return nascore.run(recipe, profile="smoke", root=root, **SMALL | settings)


def outside(path, folder):
    """The same file as a module of a reader's."""
    copied = shutil.copy(path, folder / f"mine_{path.name}")
    spec = importlib.util.spec_from_file_location(copied.stem, copied)
    module = importlib.util.module_from_spec(spec)
    sys.modules[copied.stem] = module
    spec.loader.exec_module(module)
    return module


def test_there_are_five():
    assert {path.stem for path in FILES} == set(NAMES)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_method_is_one_short_file_of_public_names(path):
    text = path.read_text()
    assert 30 <= len([line for line in text.splitlines() if line.strip()]) <= 80
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and node.module.startswith("nascore"):
            assert node.module.count(".") <= 1, f"{node.module} is no room's front"
            assert not any(alias.name.startswith("_") for alias in node.names)
        assert not (isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.startswith("__"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_outside_the_package_it_is_the_same_method(path, tmp_path):
    mine, inside = outside(path, tmp_path).SEARCH, find(NAMES[path.stem])
    found, expected = run(mine, tmp_path / "mine"), run(inside, tmp_path / "inside")
    assert found.metrics == expected.metrics and found.genotype == expected.genotype
    assert found.architecture_weights.equals(expected.architecture_weights)


@pytest.mark.parametrize("name", NAMES.values())
def test_an_interrupted_search_ends_with_the_same_bits(name, tmp_path, monkeypatch):
    whole = run(name, tmp_path / "whole")
    epoch = Search.run_epoch

    def stop(self):
        if self.epoch == 1:
            raise KeyboardInterrupt
        return epoch(self)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(Search, "run_epoch", stop)
        run(name, tmp_path / "again")
    again = run(name, tmp_path / "again")
    assert again.genotype == whole.genotype and again.metrics == whole.metrics
    ours, theirs = again.weights(), whole.weights()
    assert all(torch.equal(ours[key], theirs[key]) for key in theirs)


@pytest.mark.parametrize("name", NAMES.values())
def test_the_same_figures_draw_it(name, tmp_path):
    found = run(name, tmp_path)
    weights, cells = found.architecture_weights, found.genotype.cells()
    for kind in cells:
        assert len(figures.draw_weights(weights, kind, chosen=cells[kind]).axes) > 3
    assert figures.draw_genotype(found.genotype).axes
    mpl.pyplot.close("all")


# PC-DARTS


class PlainPartialCell(nn.Module):
    """By hand, edge by edge: mix the first part of the channels, let the rest pass, shuffle, weigh the edge."""

    def __init__(self, names, channels, parts, nodes, stride):
        super().__init__()
        self.parts, self.nodes, self.stride, self.part = parts, nodes, stride, channels // parts
        sources = [source for node in range(2, 2 + nodes) for source in range(node)]
        self.edges = nn.ModuleList(
            nn.ModuleList(
                operations.build(name, self.part, stride if source < 2 else 1, searching=True) for name in names
            )
            for source in sources
        )

    def forward(self, inputs, alpha, beta):
        states, edge = list(inputs), 0
        for _ in range(self.nodes):
            total = 0.0
            share = beta[edge : edge + len(states)].softmax(dim=0)
            for source, x in enumerate(list(states)):
                mixed = self.mixed(x, edge, alpha[edge], self.stride if source < 2 else 1)
                total, edge = total + share[source] * mixed, edge + 1
            states.append(total)
        return torch.cat(states[2:], dim=1)

    def mixed(self, x, edge, alpha, stride):
        weights, read = alpha.softmax(dim=0), x[:, : self.part]
        mixed = sum(w * operation(read) for w, operation in zip(weights, self.edges[edge], strict=True))
        rest = x[:, self.part :]
        y = torch.cat([mixed, F.max_pool2d(rest, 2, 2) if stride == 2 else rest], dim=1)
        n, c, h, w = y.shape
        return y.reshape(n, self.parts, c // self.parts, h, w).transpose(1, 2).reshape(n, c, h, w)


@pytest.mark.parametrize("stride", [1, 2])
def test_partial_channels_against_a_cell_by_hand(stride, generator):
    names, channels, parts, nodes = operations.DARTS, 8, 2, 2
    torch.manual_seed(0)
    sizes = {"inputs": 2, "nodes": nodes, "channels": channels, "stride": stride}
    fast = PartialCell(names, parts=parts, **sizes).double()
    plain = PlainPartialCell(names, channels, parts, nodes, stride).double()
    for edge, by_hand in zip(fast.edges, plain.edges, strict=True):
        by_hand.load_state_dict({k.removeprefix("candidates."): v for k, v in edge.state_dict().items()})
    edges = [(source, target) for target in (2, 3) for source in range(target)]
    alpha = torch.randn(5, 8, dtype=torch.float64, generator=generator).requires_grad_()
    beta = torch.randn(5, 1, dtype=torch.float64, generator=generator).requires_grad_()
    inputs = [torch.randn(4, channels, 8, 8, dtype=torch.float64, generator=generator) for _ in range(2)]
    every = torch.ones(5, 8, dtype=torch.bool)
    context = Context("normal", tuple(edges), names, own={"beta": beta})
    weights = EdgeNormalised().weights(alpha, every, generator, context)._replace(active=every)
    one, other = fast(inputs, weights), plain(inputs, alpha, beta[:, 0])
    torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-6)
    ours, theirs = (
        torch.autograd.grad(out.square().sum(), [alpha, beta, *cell.parameters()])
        for out, cell in ((one, fast), (other, plain))
    )
    for found, expected in zip(ours, theirs, strict=True):
        torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-6)


def test_betas_are_recorded_and_learned(tmp_path):
    weights = run("pc-darts", tmp_path, optimization__warm_up=0).architecture_weights
    first, last = (weights[weights["epoch"] == epoch]["beta"] for epoch in (0, 2))
    assert first.notna().all() and (first.to_numpy() != last.to_numpy()).any()
    per_edge = weights.groupby(["epoch", "cell", "source", "target"])["beta"].nunique()
    assert (per_edge == 1).all()


def test_partial_channels_cost_less():
    whole, part = CellSpace(cells=3, channels=16), PartialCellSpace(cells=3, channels=16)
    costs, fewer = whole.costs((3, 16, 16)), part.costs((3, 16, 16))
    at = operations.DARTS.index("sep_conv_3x3")
    assert (fewer["normal"][:, at] < costs["normal"][:, at] / 4).all()


def test_parts_that_do_not_fit_are_refused():
    with pytest.raises(ConfigError, match="parts must be"):
        PartialCellSpace(channels=12)


# FairDARTS


def test_the_zero_one_loss_has_the_gradient_of_its_equation(generator):
    alpha = {kind: torch.randn(5, 7, generator=generator).double().requires_grad_() for kind in ("normal", "reduce")}
    alive = torch.ones(5, 7, dtype=torch.bool)
    alive[0, 3] = False
    cells = {kind: Priced(a, Sigmoid().strengths(a, alive), alive, Context()) for kind, a in alpha.items()}
    found = gradients_of(ZeroOneLoss(factor=3.0).value(cells), list(alpha.values()))
    for a, gradient in zip(alpha.values(), found, strict=True):
        w = a.detach().sigmoid()
        expected = -3.0 * 2 * (w - 0.5) * w * (1 - w) * alive / (2 * int(alive.sum()))
        torch.testing.assert_close(gradient, expected)


@pytest.mark.parametrize("order", [1, 2])
def test_the_penalty_reaches_alpha_and_not_the_weights(order):
    def stepped(factor):
        recipe = find("fair-darts").at("smoke", train_images=64, optimization__order=order, penalty__factor=factor)
        torch.manual_seed(0)
        search = Search(recipe, torch.device("cpu"), 0, None)
        found = {}
        search.stepper.update_architecture = lambda gradients: found.update(alpha=gradients)
        search.stepper.update_weights = lambda gradients: found.update(weights=gradients)
        train, valid = next(iter(search.train)), next(iter(search.valid))
        search.stepper.step(train, valid)
        return search, found

    (search, without), (_, with_it) = stepped(0.0), stepped(10.0)
    direct = gradients_of(10.0 * _unit_penalty(search), search.problem.alphas)
    for plain, more, penalty in zip(without["alpha"], with_it["alpha"], direct, strict=True):
        torch.testing.assert_close(more - plain, penalty, atol=1e-6, rtol=1e-3)
    for plain, more in zip(without["weights"], with_it["weights"], strict=True):
        assert plain is more is None or torch.equal(plain, more)


def _unit_penalty(search):
    alphas = torch.cat([alpha.flatten() for alpha in search.architecture.alpha.values()])
    return -(alphas.sigmoid() - 0.5).square().mean()


def test_what_stays_below_the_threshold_is_not_derived():
    space, strengths = CellSpace(nodes=1, operations=("skip_connect", "sep_conv_3x3")), torch.tensor([[0.9, 0.2]] * 2)
    strengths[1] = torch.tensor([0.84, 0.85])
    assert AboveThreshold().choose(space, strengths) == [("skip_connect", 0, 2)]


# DARTS-


def test_the_auxiliary_skip_fades_and_is_no_strength(generator):
    names, alpha = ("none", "skip_connect", "sep_conv_3x3"), torch.randn(2, 3, generator=generator)
    alive = torch.ones(2, 3, dtype=torch.bool)
    for progress, more in ((0.0, 1.0), (0.25, 0.75), (1.0, 0.0)):
        context = Context("normal", ((0, 2), (1, 2)), names, progress)
        expected = alpha.softmax(dim=1)
        assert torch.equal(AuxiliarySkip().strengths(alpha, alive, context), expected)
        found = AuxiliarySkip().weights(alpha, alive, generator, context).values
        torch.testing.assert_close(found - expected, torch.tensor([[0.0, more, 0.0]] * 2))


# DARTS+


def test_it_stops_at_two_skips_in_a_normal_cell_and_says_so(tmp_path, monkeypatch):
    space = CellSpace(nodes=2, operations=("skip_connect", "sep_conv_3x3"))
    skips, none = torch.tensor([[0.6, 0.4]] * 5), torch.tensor([[0.4, 0.6]] * 5)
    stop, alive = TooManySkips(), {}
    assert (
        stop.reason(Seen(space, {"normal": skips, "reduce": none}, alive, 3)) == "4 skip connections in the normal cell"
    )
    assert stop.reason(Seen(space, {"normal": none, "reduce": skips}, alive, 3)) is None
    found = run("darts-plus", tmp_path, epochs=5, stop__skips=1, space__operations=("skip_connect", "none"))
    assert len(found.history) == 1
    assert found.remarks[0] == "stopped after epoch 1: 4 skip connections in the normal cell"


# DARTS-PT


class Pretended:
    """A search whose accuracy is a sum over operations, and which notes when it is tuned."""

    def __init__(self, space, seed=0):
        draws = torch.Generator().manual_seed(seed)
        self.space, self.draws, self.tuned = space, torch.Generator().manual_seed(7), []
        shape = space.shapes()["normal"]
        self.worth = {kind: torch.rand(shape, generator=draws) for kind in space.cell_types()}
        self.alive = {kind: torch.ones(shape, dtype=torch.bool) for kind in space.cell_types()}

    def weights(self, alive):
        return {kind: mask.float() / mask.sum(dim=1, keepdim=True).clamp(min=1) for kind, mask in alive.items()}

    def accuracy(self, weights):
        return float(sum((self.worth[kind] * value).sum() for kind, value in weights.items()))

    def fine_tune(self, weights, epochs, learning_rate):
        self.tuned.append((epochs, learning_rate))


def by_hand(search, inputs):
    """The same selection for a sum: of each edge what is worth most; of each node the edges that are worth most."""
    chosen = {}
    names, edges = search.space.operations, search.space.edges()
    for kind, worth in search.worth.items():
        best = [max((at for at in range(len(names)) if names[at] != "none"), key=lambda at: row[at]) for row in worth]
        for target in sorted({target for _, target in edges}):
            into = [edge for edge, (_, to) in enumerate(edges) if to == target]
            into = sorted(into, key=lambda edge: -float(worth[edge, best[edge]]))[:inputs]
            chosen.setdefault(kind, []).extend((names[best[edge]], *edges[edge]) for edge in sorted(into))
    return search.space.genotype(chosen)


@pytest.mark.parametrize("seed", range(3))
def test_selection_by_perturbation_against_a_loop_by_hand(seed):
    search = Pretended(CellSpace(nodes=3), seed)
    derivation = Perturbation(fine_tuning=2, learning_rate=0.5)
    assert derivation.genotype(search.space, {}, search) == by_hand(search, inputs=2)
    # between decisions in both cell types at once: nine edges, three nodes
    assert search.tuned == [(2, 0.5)] * (9 + 3 - 1)
    assert all(mask.all() for mask in search.alive.values())  # the search stays what it was


def test_the_search_is_the_same_with_and_without_perturbation(tmp_path):
    found, plain = run("darts-pt", tmp_path), run("darts", tmp_path)
    assert found.architecture_weights.equals(plain.architecture_weights)
    ours, theirs = found.weights(), plain.weights()
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_a_record_cannot_be_derived_by_perturbation(tmp_path):
    with pytest.raises(ConfigError, match="evaluates the supernet, which a record does not hold"):
        nascore.derivation.rederived(run("darts", tmp_path), Perturbation())
