"""The surrogate of NAS-Bench-301: reference values, its domain, and refusal of other files."""

import numpy as np
import pytest
import torch

from nascore.base.errors import ConfigError, DataError
from nascore.evidence import nasbench301
from nascore.networks import PUBLISHED, Cell, Genotype
from nascore.spaces import CellSpace

# accuracy in percent and seconds, as the surrogate's distributors state them
REFERENCE = {
    "DARTS_V1": (95.411, 5183),
    "DARTS_V2": (95.395, 5492),
    "PDARTS": (95.573, 6321),
    "PC_DARTS_cifar": (95.695, 6227),
    "PC_DARTS_image": (95.599, 6775),
    "GDAS_V1": (95.738, 6388),
    "SNAS_mild": (95.225, 4225),
    "SNAS_moderate": (95.909, 5255),
    "MdeNAS": (94.823, 6731),
    "DARTS_minus": (95.198, 5594),
    "DARTS_PT": (95.007, 5831),
}


@pytest.fixture(scope="module")
def surrogate():
    if not nasbench301.available():
        pytest.skip("NASCORE_DATA does not name a folder with nasbench301/nb301_float16.npz")
    return nasbench301.load_surrogate()


def made_up(seed=0):
    """Weights of the right shapes: what is tested with them does not depend on the real file."""
    generator = np.random.default_rng(seed)
    shapes = nasbench301._shapes()
    return {name: generator.normal(0, 0.1, shape).astype(np.float32) for name, shape in shapes.items()}


@pytest.mark.parametrize("name", REFERENCE)
def test_published_cells_have_their_reference_values(surrogate, name):
    accuracy, seconds = REFERENCE[name]
    found = surrogate.predict(PUBLISHED[name])
    assert abs(found.accuracy - accuracy) < 6e-4 and abs(found.seconds - seconds) < 0.6 and found.remark == ""


def test_random_cells_are_as_stated(surrogate):
    found = surrogate.random_cells(2000)
    assert abs(found.mean() - 94.33) < 0.05 and abs(found.std() - 0.55) < 0.03
    assert 98 < surrogate.percentile(PUBLISHED["GDAS_V1"]) <= 100


def test_the_network_against_torch():
    weights = made_up()
    genotype = PUBLISHED["PDARTS"]
    codes = [
        # each node's operations by source; the normal cell's nodes are S 0,d3 1; S 0,s3 1; s3 1,s3 3; s3 0,d5 4
        *(7, 2), *(7, 5, 0), *(0, 5, 0, 5), *(5, 0, 0, 0, 3),
        *(1, 6), *(5, 0, 3), *(4, 2, 0, 0), *(0, 2, 0, 3, 0),
        *(1, 5, 4), *(2, 1, 6),
    ]  # fmt: skip
    x = torch.cat([torch.from_numpy(weights[f"embedding_{at}"])[code] for at, code in enumerate(codes)])
    x = torch.cat([x, torch.tensor([97 / 52])])
    total = torch.zeros(2)
    for name, layers in (("wide", 1), ("deep", 3), ("deeper", 5)):
        y = x
        for layer in range(layers):
            y = torch.nn.functional.selu(y) if layer else y
            weight, bias = (torch.from_numpy(weights[f"{name}_{layer}_{kind}"]) for kind in ("weight", "bias"))
            y = torch.nn.functional.linear(y, weight, bias)
        total = total + y
    first, second = torch.sigmoid(total.double()).tolist()
    found = nasbench301.Surrogate(weights).predict(genotype)
    assert found.accuracy == pytest.approx(100 * first, rel=1e-5)
    assert found.seconds == pytest.approx((second - 0.01) * 13132.09 + 30.56, rel=1e-5)


def test_a_percentile_is_a_share_of_random_cells():
    surrogate = nasbench301.Surrogate(made_up())
    cell = CellSpace().random(torch.Generator().manual_seed(3))
    drawn = torch.Generator().manual_seed(7)
    below = [
        surrogate.predict(CellSpace().random(drawn)).accuracy < surrogate.predict(cell).accuracy for _ in range(40)
    ]
    assert surrogate.percentile(cell, 40, seed=7) == 100 * sum(below) / 40


def test_what_it_knows_little_of_is_said():
    surrogate, reduce = nasbench301.Surrogate(made_up()), PUBLISHED["DARTS_V2"].reduce

    def cell(*names):
        pairs = zip(names[::2], names[1::2], strict=True)
        return Cell(tuple(((one, 0), (other, 1)) for one, other in pairs), (2, 3, 4, 5))

    skips = cell(*["skip_connect"] * 6, "sep_conv_3x3", "sep_conv_3x3")
    pools = cell(*["max_pool_3x3", "skip_connect"] * 4)
    plain = cell(*["skip_connect"] * 5, *["sep_conv_3x3"] * 3)
    assert surrogate.predict(Genotype(skips, reduce)).remark.startswith("6 skip connections")
    assert "without convolutions" in surrogate.predict(Genotype(pools, reduce)).remark
    assert surrogate.predict(Genotype(plain, reduce)).remark == ""


def test_other_spaces_are_refused():
    surrogate = nasbench301.Surrogate(made_up())
    darts = PUBLISHED["DARTS_V2"]
    normal = darts.normal[0]
    three = CellSpace(nodes=3).random(torch.Generator().manual_seed(0))
    one = Cell((*normal.nodes[:3], normal.nodes[3][:1]), normal.concat)
    wrong = {
        "4 nodes": three,
        "one normal cell": Genotype((normal, normal), darts.reduce),
        "all concatenated": Genotype(Cell(normal.nodes, (3, 4, 5)), darts.reduce),
        "read 2 states": Genotype(one, darts.reduce),
        "operations": darts.replaced("normal", normal.edges()[0], "sep_conv_7x7"),
    }
    for words, genotype in wrong.items():
        with pytest.raises(ConfigError, match=words):
            surrogate.predict(genotype)


def test_files_that_are_none_are_refused(tmp_path):
    assert not nasbench301.available(tmp_path)
    with pytest.raises(DataError, match="NASCORE_DATA"):
        nasbench301.load_surrogate(tmp_path)
    path = tmp_path / "nasbench301" / "nb301_float16.npz"
    path.parent.mkdir()
    weights = made_up()
    np.savez(path, **weights)
    assert set(nasbench301.load_surrogate(tmp_path).weights) == set(weights)
    np.savez(path, **weights | {"wide_0_bias": np.zeros(3)})
    with pytest.raises(DataError, match="another network"):
        nasbench301.load_surrogate(tmp_path)
    np.savez(path, **weights | {"wide_0_bias": np.array([{}], dtype=object)})
    with pytest.raises(DataError, match="no surrogate"):
        nasbench301.load_surrogate(tmp_path)
    np.savez_compressed(path, **weights | {"more": np.zeros(2**22, np.float32)})
    with pytest.raises(DataError, match="more bytes"):
        nasbench301.load_surrogate(tmp_path)
    path.write_bytes(b"PK\3\4 something else")
    with pytest.raises(DataError, match="no surrogate"):
        nasbench301.load_surrogate(tmp_path)
