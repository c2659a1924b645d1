"""The tools that write notebooks."""

import base64
import sys
from io import BytesIO

import numpy as np
from PIL import Image

from nascore.base import paths

sys.path.insert(0, str(paths.root() / "tools"))
import notebooks


def png(pixels):
    written = BytesIO()
    Image.fromarray(pixels).save(written, "PNG")
    return base64.b64encode(written.getvalue()).decode()


def pixels(picture):
    return np.asarray(Image.open(BytesIO(base64.b64decode(picture))).convert("RGB"), int)


def drawing():
    """Discs on white, with the soft rims that drawings have: many colours, close to few."""
    rows, columns = np.mgrid[:200, :300]
    whole = np.full((200, 300, 3), 255.0)
    for at, colour in enumerate(((0, 114, 178), (213, 94, 0), (0, 158, 115))):
        inside = np.clip(40 - np.hypot(rows - 100, columns - 60 - 90 * at), 0, 1)[..., None]
        whole = inside * np.array(colour) + (1 - inside) * whole
    noise = np.random.default_rng(0).integers(-3, 4, whole.shape)
    return np.clip(whole + noise * (whole < 250), 0, 255).astype(np.uint8)


def test_drawings_become_lighter_and_look_the_same():
    picture = png(drawing())
    light = notebooks.lighter(picture)
    assert len(light) < len(picture) / 2
    assert np.abs(pixels(light) - pixels(picture)).max() <= 16
    assert notebooks.lighter(light) == light and notebooks.lighter(picture) == light


def test_photographs_stay_as_they_are():
    picture = png(np.random.default_rng(0).integers(0, 256, (50, 60, 3), dtype=np.uint8))
    assert notebooks.lighter(picture) == picture
