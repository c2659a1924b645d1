"""NAS-Bench-201: its cells as genotypes, what of them is the same, their networks and the table of their accuracies."""

import gzip
import math
import os
import random
from dataclasses import dataclass
from functools import cache
from itertools import permutations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import nascore
from nascore.base.config import override, to_dict
from nascore.base.errors import ConfigError, DataError, GenotypeError
from nascore.evidence import nasbench201
from nascore.networks import (
    PUBLISHED,
    AnyGenotype,
    BenchmarkCell,
    BenchmarkNetwork,
    Genotype,
    all_cells,
    count,
    genotypes,
)
from nascore.networks.benchmark_cells import CELLS, EDGES, OPERATIONS
from nascore.networks.benchmark_network import DerivedBenchmarkCell
from nascore.networks.residual_stack import ResidualReduction, ResidualStack
from nascore.recipes import darts

NONE, SKIP, CONV1, CONV3, POOL = OPERATIONS
BEST = BenchmarkCell((CONV3, CONV3, CONV3, SKIP, CONV3, CONV1))
PLAIN = {"reductions": None, "auxiliary_weight": 0.0, "drop_path": 0.0}


@pytest.fixture(scope="module")
def cells():
    return list(all_cells())


# the cell and its forms


def test_all_cells_survive_their_string_and_their_json(cells):
    assert len(set(cells)) == len(cells) == CELLS == 15_625
    assert len({cell.string for cell in cells}) == CELLS
    assert all(BenchmarkCell.parse(cell.string) == cell for cell in cells)
    assert all(genotypes.read(cell.to_dict()) == cell for cell in cells[::100])
    assert all(BenchmarkCell.from_json(cell.to_json()) == cell for cell in cells[::100])
    assert cells[0].operations == (NONE,) * 6 and cells[1].operations == (NONE,) * 5 + (SKIP,)


def test_the_string_is_the_benchmark_s():
    written = "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_1x1~2|"
    assert BEST.string == written
    assert BEST.edges() == [(CONV3, 0, 1), (CONV3, 0, 2), (CONV3, 1, 2), (SKIP, 0, 3), (CONV3, 1, 3), (CONV1, 2, 3)]
    assert [edge[1:] for edge in BEST.edges()] == list(EDGES)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("|nor_conv_1x1~2|", "|conv~2|", "edge 2->3: unknown operation 'conv'; there are none, skip_connect"),
        ("|nor_conv_1x1~2|", "|~2|", "edge 2->3: unknown operation ''"),
        ("|nor_conv_1x1~2|", "|nor_conv_1x1~1|", "names node 1 where edge 2->3 is due"),
        ("|nor_conv_3x3~1|+", "|nor_conv_3x3~2|+", "names node 2 where edge 1->2 is due"),
        ("|nor_conv_1x1~2|", "|", "is written |op~0|+|op~0|op~1|+"),
        ("|nor_conv_1x1~2|", "|nor_conv_1x1~2|none~3|", "is followed by 'none~3|'"),
        ("|nor_conv_1x1~2|", "|nor_conv_1x1~2|\n", r"is followed by '\n'"),
        ("|nor_conv_1x1~2|", "|nor_conv_1x1~x|", "is written"),
        ("|nor_conv_3x3~0|+", "", "is written"),
        ("|+|", "||", "is written"),
    ],
)
def test_strings_that_are_no_cell_say_why(old, new, said):
    with pytest.raises(GenotypeError) as error:
        BenchmarkCell.parse(BEST.string.replace(old, new, 1))
    assert said in str(error.value)


@pytest.mark.parametrize("text", ["", None, 3, "none", "x" * 500])
def test_what_is_no_string_of_a_cell_is_shown_short(text):
    with pytest.raises(GenotypeError, match="is written") as error:
        BenchmarkCell.parse(text)
    assert len(str(error.value)) < 200


def test_cells_have_six_known_operations():
    with pytest.raises(GenotypeError, match="6 operations, one an edge, not 5"):
        BenchmarkCell((NONE,) * 5)
    with pytest.raises(GenotypeError, match="edge 0->2: unknown operation 'sep_conv_3x3'"):
        BenchmarkCell((NONE, "sep_conv_3x3", NONE, NONE, NONE, NONE))
    assert BenchmarkCell([NONE] * 6) == BenchmarkCell((NONE,) * 6)


def test_read_tells_the_kinds_of_genotype_apart(monkeypatch):
    for found in (BEST, PUBLISHED["DARTS_V2"]):
        assert genotypes.read(found.to_dict()) == found
    for wrong in ({}, {"normal": []}, {"nasbench201": "", "normal": []}, [], None, "nasbench201"):
        with pytest.raises(GenotypeError, match="keys"):
            genotypes.read(wrong)
    with pytest.raises(GenotypeError, match="is written"):
        genotypes.read({"nasbench201": 3})
    monkeypatch.setattr(AnyGenotype, "_kinds", dict(AnyGenotype._kinds))

    @dataclass(frozen=True)
    class Third(AnyGenotype, keys=("third",)):
        value: int

        @classmethod
        def from_dict(cls, data):
            return cls(data["third"])

    assert genotypes.read({"third": 3}) == Third(3)


def test_files_and_their_errors_are_those_of_all_genotypes(tmp_path):
    path = tmp_path / "cell.json"
    BEST.save(path)
    assert BenchmarkCell.load(path) == BEST and path.read_text() == BEST.to_json() + "\n"
    with pytest.raises(GenotypeError, match=r"cell\.json: a genotype is written"):
        Genotype.load(path)
    path.write_text("{")
    with pytest.raises(GenotypeError, match=r"cell\.json: not JSON"):
        BenchmarkCell.load(path)
    for text in ("[]", "{}", '{"nasbench201": 1}', '{"nasbench201": "", "x": 1}'):
        with pytest.raises(GenotypeError):
            BenchmarkCell.from_json(text)


# what is the same, and what is degenerate

# what some edges have to be, and the pairs of edges that may then change places without changing the function
SWAPS = [
    ({2: NONE}, [(0, 1), (4, 5)]),  # nodes 1 and 2 do not read each other
    ({0: SKIP}, [(1, 2)]),  # node 1 is node 0
    ({0: SKIP}, [(3, 4)]),
    ({1: SKIP, 2: NONE}, [(3, 5)]),  # node 2 is node 0
    ({1: NONE, 2: SKIP}, [(4, 5)]),  # node 2 is node 1
]
# what some edges have to be, and the edge that then does not matter
IDLE = [
    ({0: NONE}, 2),  # node 1 is zero
    ({0: NONE}, 4),
    ({1: NONE, 2: NONE}, 5),  # node 2 is zero
    ({5: NONE}, 1),  # nothing reads node 2
    ({5: NONE}, 2),
    ({2: NONE, 4: NONE}, 0),  # nothing reads node 1
]


def holds(needs, operations):
    return all(operations[edge] == name for edge, name in needs.items())


def swapped(items, pairs):
    items = list(items)
    for a, b in pairs:
        items[a], items[b] = items[b], items[a]
    return items


def output(cell, modules=None):
    """What a cell computes of a fixed input, with given modules on its edges, or its own, in the order of edges."""
    made = DerivedBenchmarkCell(cell, channels=2)
    made.operations = torch.nn.ModuleList(modules or made.operations)
    return made(torch.linspace(-1, 1, 96).reshape(3, 2, 4, 4) ** 3), list(made.operations)


def value(cell, weights):
    """The output for the input 1 where pooling is a factor, and convolutions are functions with a weight an edge."""
    nodes = [1.0, 0.0, 0.0, 0.0]
    for weight, (name, source, target) in zip(weights, cell.edges(), strict=True):
        x = nodes[source]
        made = {NONE: 0.0, SKIP: x, POOL: 0.3 * x, CONV1: math.sin(weight * x), CONV3: math.tanh(weight * x)}
        nodes[target] += made[name]
    return nodes[3]


def test_the_canonical_form_knows_all_symmetries_and_all_idle_edges(cells):
    names = {cell.operations: cell.canonical() for cell in cells}
    assert len(set(names.values())) == 5_260
    for operations, name in names.items():
        for needs, pairs in SWAPS:
            assert not holds(needs, operations) or names[tuple(swapped(operations, pairs))] == name
        for needs, edge in IDLE:
            assert not holds(needs, operations) or names[(*operations[:edge], NONE, *operations[edge + 1 :])] == name


def test_cells_of_one_name_compute_one_function_once_weights_are_handed_over(cells):
    first = {cell.canonical(): cell for cell in reversed(cells)}
    weights = (0.3, 0.7, 1.1, 1.3, 1.7, 1.9)
    for cell in random.Random(0).sample(cells, 500):
        expected = value(first[cell.canonical()], weights)
        assert any(math.isclose(value(cell, order), expected) for order in permutations(weights)), cell.string


@given(st.sampled_from(SWAPS), st.tuples(*[st.sampled_from(OPERATIONS)] * 6))
def test_cells_that_change_places_compute_the_same(swap, operations):
    needs, pairs = swap
    one = BenchmarkCell([needs.get(edge, name) for edge, name in enumerate(operations)])
    other = BenchmarkCell(swapped(one.operations, pairs))
    expected, modules = output(one)
    torch.testing.assert_close(output(other, swapped(modules, pairs))[0], expected)
    assert one.canonical() == other.canonical()


@given(st.sampled_from(IDLE), st.tuples(*[st.sampled_from(OPERATIONS)] * 6))
def test_what_reads_zeros_or_is_not_read_changes_nothing(idle, operations):
    needs, edge = idle
    one = BenchmarkCell([needs.get(at, name) for at, name in enumerate(operations)])
    other = BenchmarkCell([*one.operations[:edge], NONE, *one.operations[edge + 1 :]])
    expected, modules = output(one)
    modules[edge] = output(other)[1][edge]
    torch.testing.assert_close(output(other, modules)[0], expected)


def test_canonical_forms_by_hand():
    once = BenchmarkCell((CONV3, NONE, NONE, SKIP, SKIP, POOL))
    assert once.canonical() == "nor_conv_3x3(x)+x"
    twice = BenchmarkCell((CONV3, NONE, SKIP, NONE, SKIP, SKIP))
    apart = BenchmarkCell((CONV3, CONV3, NONE, NONE, SKIP, SKIP))
    assert twice.canonical() == "nor_conv_3x3#0(x)+nor_conv_3x3#0(x)"
    assert apart.canonical() == "nor_conv_3x3(x)+nor_conv_3x3(x)"
    assert BenchmarkCell((NONE, NONE, CONV3, NONE, NONE, CONV1)).canonical() == ""


def test_the_benchmark_s_classes_are_its_6466(cells):
    assert len({cell.unique_string() for cell in cells}) == 6_466


@pytest.mark.parametrize(
    ("operations", "collapse"),
    [
        ((NONE,) * 6, "all none"),
        ((CONV3, CONV3, NONE, NONE, NONE, NONE), "disconnected"),
        ((NONE, NONE, CONV3, NONE, POOL, CONV3), "disconnected"),
        ((SKIP,) * 6, "only skips"),
        ((CONV3, CONV3, CONV3, SKIP, NONE, NONE), "only skips"),
        ((POOL,) * 6, "no convolution"),
        ((SKIP, CONV3, NONE, POOL, SKIP, NONE), "no convolution"),
        ((NONE, POOL, NONE, SKIP, CONV3, POOL), "no convolution"),
        (BEST.operations, None),
        ((NONE, NONE, NONE, CONV1, NONE, NONE), None),
    ],
)
def test_collapses_are_named(operations, collapse):
    assert BenchmarkCell(operations).collapse() == collapse


def test_how_many_cells_collapse(cells):
    found = [cell.collapse() for cell in cells]
    names = ("all none", "disconnected", "only skips", "no convolution")
    assert [found.count(name) for name in names] == [1, 340, 467, 1175]


# networks


# millions of parameters that the benchmark gives for CIFAR-10
@pytest.mark.parametrize(("name", "millions"), [(CONV3, 1.531546), (SKIP, 0.073306), (POOL, 0.073306)])
def test_networks_have_the_benchmark_s_sizes(name, millions):
    assert count(BenchmarkNetwork(BenchmarkCell((name,) * 6)), (3, 32, 32)).parameters == round(1e6 * millions)


def test_a_network_has_three_stages_and_its_images_may_be_small():
    network = BenchmarkNetwork(BEST, cells=2, channels=4, classes=7, in_channels=1)
    assert network.widths == [4, 4, 8, 8, 16, 16]
    sizes = []
    for cell in network.cells:
        cell.register_forward_hook(lambda _, inputs, out: sizes.append((inputs[0].shape, out.shape)))
    assert network(torch.randn(2, 1, 8, 8)).shape == (2, 7)
    assert all(before == after for before, after in sizes)
    assert [tuple(after[1:]) for _, after in sizes[::2]] == [(4, 8, 8), (8, 4, 4), (16, 2, 2)]


@pytest.mark.parametrize("size", [28, 15, 7, 1])
def test_reductions_round_up(size):
    half = (size + 1) // 2
    assert ResidualReduction(4, 8)(torch.randn(2, 4, size, size)).shape == (2, 8, half, half)


def test_a_reduction_by_hand():
    block = ResidualReduction(2, 4).eval()
    x = torch.randn(1, 2, 6, 6)
    conv0, norm0, conv1, norm1 = (block.layers[at] for at in (1, 2, 4, 5))
    path = norm1(conv1(torch.relu(norm0(conv0(torch.relu(x))))))
    pooled = x.reshape(1, 2, 3, 2, 3, 2).mean(dim=(3, 5))
    torch.testing.assert_close(block(x), path + block.shortcut[1](pooled))
    assert block.shortcut[1].bias is None and conv0.stride == (2, 2)


def test_a_cell_by_hand():
    cell = DerivedBenchmarkCell(BEST, 4).eval()
    x, f = torch.randn(2, 4, 6, 6), cell.operations
    one = f[0](x)
    two = f[1](x) + f[2](one)
    torch.testing.assert_close(cell(x), x + f[4](one) + f[5](two))


@pytest.mark.parametrize("operations", [(NONE,) * 6, (SKIP,) * 6, (POOL,) * 6, (CONV3, NONE, NONE, NONE, NONE, CONV1)])
def test_degenerate_cells_make_networks_that_train(operations):
    network = BenchmarkNetwork(BenchmarkCell(operations), cells=1, channels=4, in_channels=1)
    network(torch.randn(2, 1, 8, 8)).sum().backward()
    assert torch.isfinite(network.classifier.bias.grad).all()


def test_the_stack_takes_any_cells_and_says_what_it_cannot_be():
    stack = ResidualStack(torch.nn.BatchNorm2d, cells_per_stage=1, channels=2, classes=3, in_channels=1)
    outputs = list(stack.outputs(torch.randn(2, 1, 8, 8), lambda at, x: stack.cells[at](x) + at))
    assert [tuple(out.shape) for out in outputs] == [(2, 2, 8, 8), (2, 4, 4, 4), (2, 8, 2, 2)]
    assert stack.classify(outputs[-1]).shape == (2, 3)
    with pytest.raises(ConfigError, match="cells must be at least 1 and at most 200, not 0"):
        BenchmarkNetwork(BEST, cells=0)


# training


def test_a_cell_is_retrained_and_its_record_read_back(tmp_path):
    run = nascore.run(
        "retraining",
        profile="smoke",
        genotype=BEST,
        cells=1,
        epochs=1,
        **PLAIN,
        device="cpu",
        root=tmp_path,
        progress=False,
    )
    assert run.genotype == BEST and run.settings["genotype"] == {"nasbench201": BEST.string}
    assert run.metrics["parameters"] == count(BenchmarkNetwork(BEST, 1, 4, 10, 1), (1, 8, 8)).parameters
    assert nascore.load_run(run.path).genotype == BEST


def test_settings_tell_cells_apart():
    one, other = (darts.RETRAINING.at("smoke", genotype=cell, **PLAIN) for cell in (BEST, BenchmarkCell((SKIP,) * 6)))
    assert to_dict(one) != to_dict(other)
    assert to_dict(one)["genotype"] == {"nasbench201": BEST.string}


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ({"reductions": (1,)}, "reductions=None"),
        ({"stem": "imagenet"}, "stem='cifar'"),
        ({"auxiliary_weight": 0.4}, "auxiliary_weight=0.0"),
        ({"drop_path": 0.2}, "drop_path=0.0"),
    ],
)
def test_settings_that_make_no_sense_with_a_cell_are_refused(overrides, said):
    settings = darts.RETRAINING.at("smoke", genotype=BEST, **PLAIN)
    with pytest.raises(ConfigError, match=f"NAS-Bench-201 cell needs {said}: "):
        override(settings, **overrides)
    assert override(settings, network="lenet", **overrides).network == "lenet"  # which reads no genotype


# the table


@cache
def lines():
    """Those of a table in which cell i has the accuracies i % 100 + 0.5."""
    names = (f"{cell.string},{cell.unique_string()}" for cell in all_cells())
    return [",".join(nasbench201._COLUMNS), *(name + f",{i % 100}.5" * 9 for i, name in enumerate(names))]


def forged(root, change=lambda lines: lines):
    path = root / "nasbench201" / "nb201.csv.gz"
    path.parent.mkdir()
    path.write_bytes(gzip.compress("\n".join(change(lines())).encode(), compresslevel=1))
    return path


def test_a_table_answers(tmp_path, cells):
    assert not nasbench201.available(tmp_path)
    forged(tmp_path, lambda lines: [*lines[:1], lines[1].replace("0.5", "99.75", 1), *lines[:1:-1]])
    assert nasbench201.available(tmp_path)
    table = nasbench201.load_table(tmp_path)
    data = {"cifar10": 1.5, "cifar100": 1.5, "imagenet16": 1.5}
    assert table.accuracy(cells[1]) == (data, data, data)
    assert table.accuracy(cells[0]).test == {"cifar10": 99.75, "cifar100": 0.5, "imagenet16": 0.5}
    assert table.best() == cells[0] and table.best("cifar100") in cells[99::100]
    assert table.rank(cells[0]) == (1, CELLS) and table.rank(cells[99]) == table.rank(cells[199]) == (2, CELLS)
    assert table.rank(cells[100], "cifar100") == (CELLS - 157 + 1, CELLS)  # 157 cells share the last place
    values = [i % 100 + 0.5 for i in range(CELLS)]
    assert table.mean("cifar100", "val_12ep") == pytest.approx(sum(values) / CELLS)
    assert table.percentile(50.0, "cifar100") == pytest.approx(100 * sum(value < 50 for value in values) / CELLS)
    assert table.quantile(0.0, "imagenet16", "test_12ep") == 0.5 and table.quantile(1.0) == 99.75
    row = table.frame.set_index("arch_str").loc[cells[1].string]
    assert row["collapse"] == "disconnected" and row["canonical"] == ""
    assert table.frame["collapse"].isna().sum() == 13_642


def test_questions_about_other_data_are_errors(tmp_path):
    forged(tmp_path)
    table = nasbench201.load_table(tmp_path)
    with pytest.raises(ConfigError, match="did you mean 'cifar10'"):
        table.mean("cifar")
    with pytest.raises(ConfigError, match="unknown measure 'train'"):
        table.rank(BEST, "cifar10", "train")


def test_a_missing_table_names_the_remedy(tmp_path):
    with pytest.raises(DataError, match=r"Set NASCORE_DATA to a folder that holds nasbench201/nb201\.csv\.gz"):
        nasbench201.load_table(tmp_path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda lines: lines[:-1], "15,624 rows for 15,625 cells"),
        (lambda lines: lines[:1], "0 rows"),
        (lambda lines: [], "No columns"),
        (lambda lines: [lines[0].replace("cifar100_test_acc,", "x,"), *lines[1:]], "cifar100_test_acc are missing"),
        (lambda lines: [*lines[:-1], lines[-2]], "is there twice"),
        (lambda lines: [*lines[:-1], "|x~0|" + lines[-1]], "is no cell"),
        (lambda lines: [*lines[:-1], lines[-1].replace(",24.5", ",?", 1)], r"cifar10_test_acc of \|avg.* is '\?'"),
        (lambda lines: [*lines[:-1], lines[-1] + "e9"], "imagenet16_test_acc_12ep of .* no percentage"),
        (lambda lines: [*lines[:-1], lines[-1].replace(",24.5", ",-1")], "no percentage"),
        (lambda lines: [*lines[:-1], lines[-1].replace(",24.5", ",nan")], "no percentage"),
        (lambda lines: [*lines[:-1], lines[-1] + ",1,2,3"], "fields"),
    ],
)
def test_tables_that_are_none_say_why(tmp_path, change, said):
    forged(tmp_path, change)
    with pytest.raises(DataError, match=r"nb201\.csv\.gz is no table of NAS-Bench-201 \(.*" + said) as error:
        nasbench201.load_table(tmp_path)
    assert str(error.value).endswith("replace it")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda content: content[: len(content) // 2], "end-of-stream"),
        (lambda content: content[:-4], "end-of-stream"),
        (lambda content: b"", "No columns|end-of-stream"),
        (lambda content: gzip.decompress(content), "Not a gzipped file"),
        (lambda content: content[:2000] + bytes(100) + content[2100:], ""),
        (lambda content: gzip.compress(b"\xff\xfe\x00"), "decode|codec"),
    ],
)
def test_damaged_files_are_named(tmp_path, spoil, said):
    path = forged(tmp_path)
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(DataError, match=r"nb201\.csv\.gz is no table of NAS-Bench-201 \(.*" + f"({said})"):
        nasbench201.load_table(tmp_path)


def test_a_table_that_would_unpack_without_end_is_refused(tmp_path):
    path = forged(tmp_path)
    path.write_bytes(b"".join([path.read_bytes(), *[gzip.compress(bytes(2**23))] * 1000]))  # 8 GB in 8 MB
    with pytest.raises(DataError, match=r"nb201\.csv\.gz is no table .*more than 33,554,432 bytes.*: replace it"):
        nasbench201.load_table(tmp_path)


def test_a_pipe_is_no_table(tmp_path):
    (tmp_path / "nasbench201").mkdir()
    os.mkfifo(tmp_path / "nasbench201" / "nb201.csv.gz")
    with pytest.raises(DataError, match="is missing"):
        nasbench201.load_table(tmp_path)


@pytest.fixture(scope="module")
def table():
    if not nasbench201.available():
        pytest.skip("there is no table of NAS-Bench-201: set NASCORE_DATA to a folder with nasbench201/nb201.csv.gz")
    return nasbench201.load_table()


def test_the_benchmark_s_classes_are_those_of_its_table(table):
    cells = map(BenchmarkCell.parse, table.frame["arch_str"])
    assert [cell.unique_string() for cell in cells] == table.frame["unique_str"].to_list()


def test_the_published_accuracies_are_there(table):
    best = {name: round(table.accuracy(table.best(name)).test[name], 2) for name in nasbench201.BENCHMARKS}
    assert best == {"cifar10": 94.37, "cifar100": 73.51, "imagenet16": 47.31}
    assert table.best() == BEST and table.rank(BEST).place == 1
    skips = table.accuracy(BenchmarkCell((SKIP,) * 6)).test
    assert [round(value, 2) for value in skips.values()] == [54.30, 15.61, 16.32]


def test_cells_whose_input_is_lost_guess(table):
    """All 341 of them, and they alone: what reads only zeros is worth nothing, whatever a BatchNorm may add."""
    guessing = table.frame["cifar10_test_acc"] <= 10.0
    assert (guessing == (table.frame["canonical"] == "")).all() and guessing.sum() == 341


def test_one_operation_is_replaced():
    assert BEST.replaced(0, 1, SKIP).operations == (SKIP, *BEST.operations[1:])
    assert BEST.replaced(2, 3, "none").operations == (*BEST.operations[:5], "none")
    with pytest.raises(GenotypeError, match="not 1->1"):
        BEST.replaced(1, 1, SKIP)
    with pytest.raises(GenotypeError, match="unknown operation"):
        BEST.replaced(0, 1, "sep_conv_3x3")
