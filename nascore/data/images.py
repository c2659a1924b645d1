"""Image files: how they are scaled and cut to a set's image size, to be evaluated and to be trained on."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from nascore.base.errors import DataError
from nascore.base.paths import shown
from nascore.data.info import Info
from nascore.data.streaming import Reader

ZOOM = 8 / 7  # evaluation shows the central 224 of 256 pixels, as is the custom with random resized crops


@dataclass(frozen=True)
class ShorterSide(Reader):
    """The shorter side scaled to `zoom` times the image size and the centre cut out; random resized crops to train."""

    zoom: float = ZOOM

    def __call__(self, item: str, info: Info) -> Tensor:
        return _centre(item, info, round(info.image_size * self.zoom))

    def augmented(self, item: str, info: Info) -> Tensor:
        from torchvision import transforms as t

        crop, flip = t.RandomResizedCrop(info.image_size), t.RandomHorizontalFlip(info.flip / 2)
        return t.Compose([crop, flip, t.PILToTensor()])(_image(item))


class Square(Reader):
    """Both sides scaled to 8/7 of the image size, whatever the shape was, and the centre cut out (DARTS-GAL, 3.3)."""

    def __call__(self, item: str, info: Info) -> Tensor:
        return _centre(item, info, [round(info.image_size * ZOOM)] * 2)


FITS = {"shorter": ShorterSide, "square": Square}


def sides(file: str) -> tuple[int, int]:
    """Width and height, from the file's header alone. Raises `DataError` for a broken one."""
    from PIL import Image

    with _naming(file), Image.open(file) as image:
        return image.size


def _centre(file: str, info: Info, scaled: int | list[int]) -> Tensor:
    """The centre of the image scaled to `scaled`: its shorter side, or height and width."""
    from torchvision import transforms as t

    return t.Compose([t.Resize(scaled), t.CenterCrop(info.image_size), t.PILToTensor()])(_image(file))


def _image(file: str) -> Any:
    """The file as Pillow's image."""
    from torchvision.datasets.folder import pil_loader

    with _naming(file):
        return pil_loader(file)


@contextmanager
def _naming(file: str) -> Iterator[None]:
    """Turn what Pillow raises for a broken image into a `DataError` that names `file`."""
    try:
        yield
    except (OSError, SyntaxError, ValueError) as error:
        raise DataError(f"{shown(Path(file))} is not a readable image ({error}): replace or delete it") from error
