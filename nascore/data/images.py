"""Image files: how they are scaled and cut to a set's image size, to be evaluated and to be trained on."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

import numpy as np
from torch import Tensor

from nascore.base.errors import DataError
from nascore.base.paths import shown
from nascore.data.info import Info
from nascore.data.streaming import Reader

_SUFFIXES = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")  # as torchvision has them
# what a file may be, whatever its name: others of Pillow's readers start programs or read further files
_FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
_BITS_PER_SAMPLE, _PHOTOMETRIC, _WHITE_IS_ZERO = 258, 262, 0  # of TIFF
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


def is_image(name: str) -> bool:
    """Whether a file's name is that of an image."""
    return PurePath(name).suffix.lower() in _SUFFIXES


def sides(file: str) -> tuple[int, int]:
    """Width and height, from the file's header alone. Raises `DataError` for a broken one."""
    with _opened(file) as image:
        size: tuple[int, int] = image.size
        return size


def _centre(file: str, info: Info, scaled: int | list[int]) -> Tensor:
    """The centre of the image scaled to `scaled`: its shorter side, or height and width."""
    from torchvision import transforms as t

    image = _image(file)
    if isinstance(scaled, int):
        _check_pixels(
            file, f"scaled to {scaled} pixels by its shorter side", scaled, scaled * max(image.size) // min(image.size)
        )
    return t.Compose([t.Resize(scaled), t.CenterCrop(info.image_size), t.PILToTensor()])(image)


def _image(file: str) -> Any:
    """The file as Pillow's image, 8 bits of red, green and blue; what is transparent shows white."""
    from PIL import Image

    with _opened(file) as image:
        if image.mode in ("I", "F") or image.mode.startswith("I;16"):
            return _eight_bits(image).convert("RGB")
        if image.mode in ("RGBA", "RGBa", "LA", "La", "PA") or "transparency" in image.info:
            image = image.convert("RGBA")
            return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
        return image.convert("RGB")


def _eight_bits(image: Any) -> Any:
    """Grey values of more than 8 bits scaled to 8. Raises `ValueError` where nothing says which of them is white."""
    from PIL import Image

    tiff = image.format == "TIFF"
    if image.mode == "F" or (image.mode == "I" and tiff):  # PNG and PGM have 16 bits in "I"
        kind = "fractions" if image.mode == "F" else "signed or of 32 bits"
        raise ValueError(f"its values are {kind}, of which nothing says what is white; save it with 8 or 16 bits")
    white = 2 ** (image.tag_v2[_BITS_PER_SAMPLE][0] if tiff else 16) - 1
    values = np.asarray(image).astype(np.int64)
    if tiff and image.tag_v2[_PHOTOMETRIC] == _WHITE_IS_ZERO:  # which Pillow turns round with 8 bits alone
        values = white - values
    return Image.fromarray(((values * 255 + white // 2) // white).astype(np.uint8))


@contextmanager
def _opened(file: str) -> Iterator[Any]:
    """The file as Pillow's image, not yet decoded; whatever goes wrong with it becomes a `DataError` that names it."""
    from PIL import Image

    try:
        with open(file, "rb") as content, Image.open(content, formats=_FORMATS) as image:
            _check_pixels(file, "as it is", *image.size)
            yield image
    except DataError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_large(file, str(error)) from error
    except Exception as error:  # Pillow's readers raise whatever they stumble over in a broken file
        why = str(error) or type(error).__name__
        raise DataError(f"{shown(Path(file))} is not a readable image ({why}): replace or delete it") from error


def _check_pixels(file: str, how: str, width: int, height: int) -> None:
    from PIL import Image

    most = Image.MAX_IMAGE_PIXELS
    if most is not None and width * height > most:
        raise _too_large(file, f"{width:,} x {height:,} {how}, and at most {most:,} may be")


def _too_large(file: str, why: str) -> DataError:
    return DataError(f"{shown(Path(file))} has too many pixels ({why}): make it smaller, or delete it")
