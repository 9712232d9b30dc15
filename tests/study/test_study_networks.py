import pytest
import torch

from jpegtrace.errors import CorruptInput, UsageError
from jpegtrace_training.study.networks.pretrained import begin_with, read_state
from jpegtrace_training.study.networks.registry import ARCHITECTURES, Detector, find
from jpegtrace_training.study.networks.small import PLAIN

# With 1000 classes, as published with the weights: torchvision's documentation for the first three, Chollet 2017's
# network as ported in pretrainedmodels for Xception (22.9 million in the paper).
PUBLISHED = {
    "efficientnet-b0": 5_288_548,
    "efficientnet-b4": 19_341_616,
    "resnet50": 25_557_032,
    "xception": 22_855_952,
}
# Some layers of the public state dicts, with their shapes: what fits them all has the same names.
LAYERS = {
    "efficientnet-b0": {
        "features.0.0.weight": (32, 3, 3, 3),
        "features.1.0.block.1.fc1.weight": (8, 32, 1, 1),
        "features.7.0.block.3.1.running_var": (320,),
        "features.8.0.weight": (1280, 320, 1, 1),
        "classifier.1.bias": (1000,),
    },
    "efficientnet-b4": {
        "features.0.0.weight": (48, 3, 3, 3),
        "features.6.7.block.2.fc2.weight": (1632, 68, 1, 1),
        "features.8.0.weight": (1792, 448, 1, 1),
        "classifier.1.weight": (1000, 1792),
    },
    "resnet50": {
        "conv1.weight": (64, 3, 7, 7),
        "layer1.0.downsample.0.weight": (256, 64, 1, 1),
        "layer3.5.conv2.weight": (256, 256, 3, 3),
        "layer4.2.bn3.running_mean": (2048,),
        "fc.weight": (1000, 2048),
    },
    "xception": {
        "conv1.weight": (32, 3, 3, 3),
        "block1.rep.0.conv1.weight": (64, 1, 3, 3),
        "block2.rep.1.pointwise.weight": (256, 128, 1, 1),
        "block12.skip.weight": (1024, 728, 1, 1),
        "conv4.pointwise.weight": (2048, 1536, 1, 1),
        "fc.bias": (1000,),
    },
}


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_parameters_are_those_published(name):
    with torch.device("meta"):
        network = find(name).make(1000)
    count = sum(parameter.numel() for parameter in network.parameters())
    assert count == find(name).parameters == PUBLISHED.get(name, find("small").parameters)


@pytest.mark.parametrize("name", LAYERS)
def test_layers_have_the_names_and_shapes_of_public_weights(name):
    with torch.device("meta"):
        state = find(name).make(1000).state_dict()
    assert {layer: tuple(state[layer].shape) for layer in LAYERS[name]} == LAYERS[name]


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_network_reduces_by_32_at_most_and_gives_a_score_for_each_class(name):
    with torch.device("meta"):
        detector = Detector(find(name), 7).eval()
        scores = detector(torch.empty(2, 3, 64, 64, dtype=torch.uint8))
    assert scores.shape == (2, 7)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_network_trains(name):
    """A few steps on one batch, whose loss has to fall if anything is learnt at all."""
    torch.manual_seed(0)
    pixels = torch.randint(0, 256, (4, 3, 40, 40), dtype=torch.uint8)
    labels = torch.tensor([0, 1, 0, 1])
    detector = Detector(find(name), 2).train()
    optimiser = torch.optim.Adam(detector.parameters(), 1e-3)
    losses = []
    for _ in range(6):
        loss = torch.nn.functional.cross_entropy(detector(pixels), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert min(losses[3:]) < 0.7 * losses[0]


def test_the_small_network_begins_with_high_pass_filters():
    first = find("small").make(3).first
    sums = first.weight.detach().sum((2, 3)).abs()
    assert float(sums[PLAIN:].max()) < 1e-5
    assert float(sums[:PLAIN].min()) > 1e-4


def test_pixels_are_normalised_as_the_public_weights_expect():
    detector = Detector(find("resnet50"), 2)
    detector.network = torch.nn.Identity()
    pixels = torch.tensor([[[[124]], [[116]], [[104]]]], dtype=torch.uint8)
    assert float(detector(pixels).abs().max()) < 0.02  # ImageNet's mean, rounded to grey levels


class TestWeights:
    def test_they_are_taken_but_for_the_last_layer(self, tmp_path):
        architecture = find("small")
        source = architecture.make(1000)
        torch.save({"state_dict": {f"module.{k}": v for k, v in source.state_dict().items()}}, tmp_path / "weights.pt")
        detector = Detector(architecture, 4)
        before = detector.network.fc.weight.clone()
        begin_with(detector, architecture, read_state(tmp_path / "weights.pt"))
        assert torch.equal(detector.network.features[1].weight, source.features[1].weight)
        assert torch.equal(detector.network.fc.weight, before)

    def test_those_of_another_network_are_refused(self):
        with pytest.raises(UsageError, match=r"not of efficientnet-b0: it has no .*the efficientnet_b0 of torchvision"):
            begin_with(
                Detector(find("efficientnet-b0"), 2), find("efficientnet-b0"), find("small").make(2).state_dict()
            )

    def test_files_that_hold_none_are_refused(self, tmp_path):
        with pytest.raises(UsageError, match="there are no weights"):
            read_state(tmp_path / "nothing.pt")
        (tmp_path / "text.pt").write_text("no weights", encoding="utf-8")
        with pytest.raises(CorruptInput, match="no file of PyTorch weights"):
            read_state(tmp_path / "text.pt")
        torch.save([1, 2], tmp_path / "list.pt")
        with pytest.raises(CorruptInput, match="holds no state dict"):
            read_state(tmp_path / "list.pt")


def test_an_unknown_network_is_refused_with_those_that_there_are():
    with pytest.raises(UsageError, match=r"no network 'vgg'; there are: small, efficientnet-b0"):
        find("vgg")
