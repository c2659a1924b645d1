"""Hand-made networks that papers compare with."""

from collections.abc import Callable

from torch import nn

from nascore.base.arguments import checked
from nascore.base.errors import ConfigError
from nascore.base.ranges import Amount, Channels, Pixels


@checked
class LeNet(nn.Sequential):
    """Two 3x3 convolutions (32, 64 filters), pooling, two linear layers: the 1.20 M network that DARTS-GAL calls LeNet.

    DARTS-GAL, Table 2 prints only its size; this is the layout of that size at 28x28 with one channel.
    """

    def __init__(self, classes: Amount = 10, in_channels: Channels = 1, image_size: Pixels = 28):
        pooled = (image_size - 4) // 2
        if pooled < 1:
            raise ConfigError(f"LeNet needs images of at least 6x6 pixels, not {image_size}x{image_size}")
        super().__init__(
            nn.Conv2d(in_channels, 32, 3),
            nn.ReLU(),
            nn.Conv2d(32, 64, 3),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Dropout(0.25),
            nn.Flatten(),
            nn.Linear(64 * pooled**2, 128),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Linear(128, classes),
        )


@checked
def vgg16(classes: Amount = 10, in_channels: Channels = 3, image_size: Pixels = 224) -> nn.Module:
    """torchvision's VGG16; its first convolution is replaced where images have other than 3 channels.

    Raises `ConfigError` for images of less than 32x32 pixels: five poolings leave nothing of them.
    """
    from torchvision.models import vgg16 as make

    if image_size < 32:
        raise ConfigError(f"VGG16 needs images of at least 32x32 pixels, not {image_size}x{image_size}")
    network = make(num_classes=classes)
    if in_channels != 3:
        network.features[0] = nn.Conv2d(in_channels, 64, 3, padding=1)
    return network


@checked
def resnet18(classes: Amount = 10, in_channels: Channels = 3, image_size: Pixels = 224) -> nn.Module:
    """torchvision's ResNet18; its first convolution is replaced where images have other than 3 channels."""
    from torchvision.models import resnet18 as make

    network = make(num_classes=classes)
    if in_channels != 3:
        network.conv1 = nn.Conv2d(in_channels, 64, 7, 2, 3, bias=False)
    return network


# name -> make(classes, in_channels, image_size)
BASELINES: dict[str, Callable[[int, int, int], nn.Module]] = {"lenet": LeNet, "vgg16": vgg16, "resnet18": resnet18}
