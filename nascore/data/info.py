"""What is known of each named data set before it is read."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Info:
    """A data set's facts: `mean` and `std` are per channel, of the training images in [0, 1]; sizes are in pixels."""

    title: str
    classes: int
    channels: int
    image_size: int  # height and width: all sets here are square
    mean: tuple[float, ...]
    std: tuple[float, ...]
    crop_padding: int  # zeros on each side before a random crop
    flip: bool  # whether a mirrored image is still one of its class
    class_names: tuple[str, ...] = ()  # filled in by `load`


def padding_for(size: int) -> int:
    """The crop padding of images of `size` pixels: an eighth, as in the usual 4 of 32."""
    return (size + 4) // 8


def _info(title: str, classes: int, size: int, mean: tuple[float, ...], std: tuple[float, ...], flip: bool) -> Info:
    return Info(
        title=title,
        classes=classes,
        channels=len(mean),
        image_size=size,
        mean=mean,
        std=std,
        crop_padding=padding_for(size),
        flip=flip,
    )


DATASETS: dict[str, Info] = {
    "digits": _info("scikit-learn digits", 10, 8, (0.3056,), (0.3766,), flip=False),
    "mnist": _info("MNIST", 10, 28, (0.1307,), (0.3081,), flip=False),
    "fashion_mnist": _info("Fashion-MNIST", 10, 28, (0.2860,), (0.3530,), flip=True),
    "cifar10": _info("CIFAR-10", 10, 32, (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616), flip=True),
    "cifar100": _info("CIFAR-100", 100, 32, (0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762), flip=True),
}

# of ImageNet's training images; image folders, whose own statistics would take a pass over all files, are given these
IMAGENET = _info("ImageNet", 1000, 224, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), flip=True)
