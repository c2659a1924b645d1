"""What only a GPU can show: the same code, the same numbers to rounding, and runs that go on after an interruption."""

import pytest
import torch

import nascore
from nascore.gal import Gal
from nascore.networks import PUBLISHED
from nascore.recipes import darts, find
from nascore.relaxations import Scales, Softmax
from nascore.search import Search
from nascore.spaces import BlockSpace, CellSpace, NasBench201
from nascore.supernets import BenchmarkSupernet, BlockSupernet, CellSupernet
from nascore.supernets.replay import Replayed

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no GPU on this machine"),
]


def test_the_supernet_computes_the_same_as_on_the_cpu(generator):
    space = CellSpace(cells=3, channels=4, nodes=2)
    architecture = space.architecture(Softmax(), generator, 1.0)
    for alpha in architecture.parameters():
        alpha.data = alpha.data.double()
    supernet, images = space.supernet(3, 5).double(), torch.randn(4, 3, 16, 16).double()
    gradients = []
    for device in ("cpu", "cuda"):
        architecture.to(torch.device(device))
        draws = torch.Generator(device)
        logits = supernet.to(device)(images.to(device), architecture.weights(draws))
        found = torch.autograd.grad(logits.square().sum(), architecture.parameters())
        gradients.append([logits.detach().cpu(), *(gradient.cpu() for gradient in found)])
    for ours, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("space", "plain_form", "relaxation"),
    [
        (CellSpace(cells=3, channels=4, nodes=2), CellSupernet, Softmax()),
        (NasBench201(cells=1, channels=4), BenchmarkSupernet, Softmax()),
        (BlockSpace(levels=2, stages=(1, 1), channels=4), BlockSupernet, Scales()),
    ],
)
def test_fast_and_plain_agree_on_the_gpu(space, plain_form, relaxation, generator):
    torch.manual_seed(0)
    plain = plain_form(space, 3, 5).double().cuda()
    fast = space.supernet(3, 5).double().cuda()
    fast.load_state_dict(plain.state_dict())
    architecture = space.architecture(relaxation, generator, 1.0).to(torch.device("cuda"))
    images, draws = torch.randn(4, 3, 16, 16).double().cuda(), torch.Generator("cuda")
    outcomes = []
    for net in (plain, fast):
        logits = net(images, architecture.weights(draws))
        outcomes.append(torch.autograd.grad(logits.square().sum(), [*architecture.parameters(), *net.parameters()]))
    for ours, theirs in zip(*outcomes, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("order", [1, 2])
def test_a_recorded_search_is_the_search(order, monkeypatch):
    found = []
    for warm_up in (Replayed.WARM_UP, 10**9):
        monkeypatch.setattr(Replayed, "WARM_UP", warm_up)
        torch.manual_seed(0)
        search = darts.SEARCH.at("smoke", optimization__order=order, epochs=3).start(torch.device("cuda"), seed=0)
        for _ in range(3):
            search.run_epoch()
        assert (search._replayed._replay is not None) == (warm_up < 10**9) and not search._replayed._failed
        found.append(search.architecture.state_dict()["alpha"])
    for kind, alpha in found[0].items():
        torch.testing.assert_close(alpha, found[1][kind], rtol=1e-2, atol=1e-4)


def test_a_search_in_bfloat16_learns(tmp_path):
    found = nascore.run("darts", profile="smoke", device="cuda", root=tmp_path, progress=False, precision="bfloat16")
    exact = nascore.run("darts", profile="smoke", device="cuda", root=tmp_path, progress=False)
    assert abs(found.metrics["train_loss"] - exact.metrics["train_loss"]) < 0.2


@pytest.mark.parametrize("recipe", ["darts", "darts-second-order", "darts-single-level", "pdarts"])
def test_a_search_runs_and_says_where(recipe, tmp_path):
    found = nascore.run(recipe, profile="smoke", device="cuda", root=tmp_path, progress=False)
    assert found.environment["device"] == torch.cuda.get_device_name()
    staged = found.settings["type"] == "StagedSettings"
    assert found.genotype is not None and len(found.history) == 2 * (len(found.settings["stages"]) if staged else 1)


def test_a_retraining_runs(tmp_path):
    settings = {"genotype": PUBLISHED["DARTS_V2"], "drop_path": 0.2, "auxiliary_weight": 0.4}
    found = nascore.run("retraining", profile="smoke", device="cuda", root=tmp_path, progress=False, **settings)
    assert found.metrics["parameters"] > 0


def test_an_interrupted_search_goes_on(tmp_path, monkeypatch):
    run_epoch = Search.run_epoch
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):

        def stop(self):
            if self.epoch == 1:
                raise KeyboardInterrupt
            return run_epoch(self)

        patched.setattr(Search, "run_epoch", stop)
        nascore.run("darts", profile="smoke", device="cuda", root=tmp_path, progress=False)
    assert list(tmp_path.glob("*/checkpoint-00001-*.pt"))
    assert len(nascore.run("darts", profile="smoke", device="cuda", root=tmp_path, progress=False).history) == 2


def test_nodes_are_pruned_on_the_gpu_and_the_run_goes_on(tmp_path, monkeypatch):
    here = {"profile": "smoke", "device": "cuda", "root": tmp_path, "progress": False}
    before = nascore.run("gal-training-mnist", **here)
    run_epoch = Gal.run_epoch

    def interrupted(self):
        if self.epoch == 2:
            raise KeyboardInterrupt
        return run_epoch(self)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(Gal, "run_epoch", interrupted)
        nascore.run("gal-pruning-mnist", after=before, **here)
    found = nascore.run("gal-pruning-mnist", after=before, **here)
    assert len(found.history) == 4 and found.metrics["kept"] < found.metrics["nodes"]


@pytest.mark.parametrize("ratio", [(1, 1), (2, 1)])
def test_a_recorded_search_of_blocks_is_the_search(ratio, monkeypatch):
    found = []
    for warm_up in (Replayed.WARM_UP, 10**9):
        monkeypatch.setattr(Replayed, "WARM_UP", warm_up)
        torch.manual_seed(0)
        settings = find("dso-share").at("smoke", optimization__ratio=ratio, optimization__warm_up=0, epochs=3)
        search = settings.start(torch.device("cuda"), seed=0)
        for _ in range(3):
            search.run_epoch()
        assert not search._replayed._failed
        found.append(search.architecture.state_dict()["alpha"]["block"])
    torch.testing.assert_close(*found, rtol=1e-2, atol=1e-3)
