"""Batches augmented on the device, against torchvision's transforms called image by image."""

from collections.abc import Callable

import torch

from nascore import data

BATCH = 64


def groups(device: torch.device) -> dict[str, dict[str, Callable[[], object]]]:
    """One group: a batch of 64 32x32 images, cropped, flipped, normalised and cut out."""
    from torchvision.transforms import v2

    info = data.DATASETS["cifar10"]
    images = torch.randint(0, 256, (BATCH, 3, 32, 32), dtype=torch.uint8)
    dataset = data.Dataset(images, torch.zeros(BATCH, dtype=torch.int64), info).to(device)
    generator = torch.Generator(device).manual_seed(0)
    batches = data.batches(dataset, BATCH, augment=True, cutout=16, shuffle=True, drop_last=False, generator=generator)
    by_image = v2.Compose(
        [
            v2.RandomCrop(32, padding=4),
            v2.RandomHorizontalFlip(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(info.mean, info.std),
            v2.RandomErasing(p=1.0, scale=(0.25, 0.25), ratio=(1.0, 1.0)),
        ]
    )
    return {
        "augmented batch of 64": {
            "torchvision, image by image": lambda: torch.stack([by_image(image) for image in images]).to(device),
            "nascore, on the device": lambda: next(iter(batches)),
        }
    }
