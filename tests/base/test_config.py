import json
import math
from typing import Annotated, Literal

import numpy as np
import pytest

from nascore.base.config import Settings, choose, digest, from_dict, override, table, to_dict
from nascore.base.errors import ConfigError
from nascore.base.ranges import Range
from nascore.base.sources import fingerprint


class Inner(Settings):
    rate: float = 0.5


class Outer(Settings):
    inner: Inner = Inner()
    epochs: int = 3
    names: tuple[str, ...] = ("a",)
    size: int | None = None

    def validate(self):
        self.require(self.epochs > 0, "epochs", "above 0")


def test_override_reaches_fields_of_fields_and_leaves_the_rest():
    changed = override(Outer(), epochs=5, inner__rate=1)
    assert changed == Outer(epochs=5, inner=Inner(rate=1.0))
    assert Outer() == Outer(epochs=3)


class Pair(Settings):
    inner: Inner = Inner()
    rate: float = 0.5

    def validate(self):
        self.require(self.rate == self.inner.rate, "rate", "that of inner")


def test_what_makes_sense_only_together_is_changed_together():
    assert override(Pair(), rate=0.1, inner__rate=0.1) == Pair(rate=0.1, inner=Inner(rate=0.1))
    assert override(Outer(), inner=Inner(rate=0.2), inner__rate=0.3).inner == Inner(rate=0.3)


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ({"epoch": 4}, "did you mean 'epochs'"),
        ({"inner__rat": 4}, "did you mean 'rate'"),
        ({"epochs__rate": 4}, "epochs is a plain value"),
        ({"epochs": "4"}, "Outer.epochs must be int, not '4' (str)"),
        ({"epochs": True}, "Outer.epochs must be int, not True (bool)"),
        ({"epochs": 4.0}, "must be int, not 4.0"),
        ({"inner": 3}, "must be Inner, not 3"),
        ({"inner__rate": float("nan")}, "must be finite"),
        ({"names": ("a", 3)}, r"names[1] must be str"),
        ({"size": "big"}, "int | None"),
        ({"epochs": 0}, "Outer.epochs must be above 0, not 0"),
    ],
)
def test_wrong_overrides_say_what_is_wrong(overrides, said):
    with pytest.raises(ConfigError) as error:
        override(Outer(), **overrides)
    assert said in str(error.value)


class Bounded(Settings):
    rate: Annotated[float, Range(0, below=1)] = 0.5
    limit: Annotated[int, Range(1, 9, why="a digit")] | None = None
    widths: Annotated[tuple[Annotated[int, Range(2, even=True)], ...], Range(1, 3)] = (2,)
    pace: Annotated[float, Range(above=0)] | Literal["own"] = "own"


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ({"rate": 1}, "Bounded.rate must be at least 0 and below 1, not 1.0"),
        ({"rate": math.nan}, "Bounded.rate must be finite in float32 and at least 0 and below 1, not nan"),
        ({"rate": "1"}, "Bounded.rate must be float, not '1' (str); allowed: at least 0 and below 1"),
        ({"limit": 0}, "Bounded.limit must be at least 1 and at most 9 (a digit), not 0"),
        (
            {"limit": "0"},
            "Bounded.limit must be int | None, not '0' (str); allowed: at least 1 and at most 9 (a digit)",
        ),
        ({"widths": ()}, "Bounded.widths must have at least 1 and at most 3 items, not ()"),
        ({"widths": (2, 3)}, "Bounded.widths[1] must be even and at least 2, not 3"),
        (
            {"widths": 2},
            "must be tuple[int, ...], not 2 (int); allowed: at least 1 and at most 3 items, each even and at least 2",
        ),
        ({"pace": 0.0}, "Bounded.pace must be above 0, not 0.0"),
        ({"pace": "mine"}, "Bounded.pace must be float | 'own', not 'mine' (str); allowed: above 0"),
        ({"rate": 10**400}, "(int)"),
        ({"limit": 10**5000}, "not a value of type int that cannot be shown"),
    ],
)
def test_outside_a_range_the_error_names_it(overrides, said):
    with pytest.raises(ConfigError) as error:
        override(Bounded(), **overrides)
    assert said in str(error.value)


def test_the_table_has_every_field_and_its_range():
    rows = {row.field: row[2:] for row in table() if row.settings == f"{__name__}:Bounded"}
    assert rows["rate"] == ("float", "at least 0 and below 1")
    assert rows["widths"] == ("tuple[int, ...]", "at least 1 and at most 3 items, each even and at least 2")
    assert rows["pace"] == ("float | 'own'", "above 0")


class Plain(Settings):
    whole: int = 0
    real: float = 0.0
    flag: bool = False
    several: tuple[float, ...] = ()


def test_numbers_of_numpy_are_taken_as_pythons():
    made = Plain(whole=np.int64(3), real=np.float32(0.5), flag=np.bool_(True), several=[np.float64(1), np.uint8(2)])
    assert made == Plain(whole=3, real=0.5, flag=True, several=(1.0, 2.0))
    assert [type(value) for value in (made.whole, made.real, made.flag, *made.several)] == [
        int,
        float,
        bool,
        float,
        float,
    ]
    assert digest(to_dict(made)) == digest(to_dict(Plain(whole=3, real=0.5, flag=True, several=(1, 2))))
    for wrong in (
        {"whole": np.float64(3)},
        {"flag": np.int64(1)},
        {"real": np.array([1.0, 2.0])},
        {"whole": np.bool_(1)},
    ):
        with pytest.raises(ConfigError, match="must be"):
            Plain(**wrong)


class Colour:
    """What can be given as text, as genotypes can."""

    def __init__(self, name):
        self.name = name

    @classmethod
    def from_text(cls, text):
        return choose("colour", text, {"red": Colour("red"), "blue": Blue("blue")})


class Blue(Colour):
    pass


class Painted(Settings):
    colour: Colour
    others: tuple[Blue | None, ...] = ()
    name: Blue | str = "x"


def test_text_is_read_where_the_type_can():
    made = Painted(colour="red", others=["blue", None], name="blue")
    assert (made.colour.name, made.others[0].name, made.others[1]) == ("red", "blue", None)
    assert isinstance(made.name, Blue) and Painted(colour="red", name="any other").name == "any other"
    with pytest.raises(ConfigError, match=r"Painted\.colour: unknown colour 'rad': did you mean 'red'"):
        Painted(colour="rad")
    with pytest.raises(ConfigError, match=r"Painted\.others\[0\]: unknown colour 'bluee': did you mean 'blue'"):
        Painted(colour="red", others=["bluee"])
    with pytest.raises(ConfigError, match=r"Painted\.others\[0\] must be .*Blue \| None, not 'red'"):
        Painted(colour="red", others=["red"])


def test_equal_settings_have_equal_hashes_whatever_they_were_written_as():
    assert digest(to_dict(Outer(names=["a"], inner=Inner(rate=1)))) == digest(to_dict(Outer(inner=Inner(rate=1.0))))
    assert digest(to_dict(Outer(epochs=4))) != digest(to_dict(Outer()))


def named(kind):
    """How records name a class from outside the package."""
    return {"type": f"{__name__}:{kind.__name__}", "source": fingerprint(kind)}


def test_without_defaults_only_what_was_changed_is_left():
    assert to_dict(Outer(), defaults=False) == named(Outer)
    changed = Outer(epochs=4, inner=Inner(rate=2.0))
    assert to_dict(changed, defaults=False) == named(Outer) | {"epochs": 4, "inner": named(Inner) | {"rate": 2.0}}


def test_to_dict_is_json_and_names_the_classes():
    assert json.loads(json.dumps(to_dict(Outer()))) == {
        **named(Outer),
        "inner": {**named(Inner), "rate": 0.5},
        "epochs": 3,
        "names": ["a"],
        "size": None,
    }


class Many(Settings):
    inners: tuple[Inner, ...] = ()
    outer: Outer = Outer()


def test_settings_come_back_from_their_dict():
    made = Many(inners=(Inner(rate=1.0), Inner()), outer=Outer(names=("b", "c"), size=4))
    for defaults in (True, False):
        assert from_dict(json.loads(json.dumps(to_dict(made, defaults=defaults)))) == made
    assert from_dict([3, "a", None]) == (3, "a", None)
    for wrong, said in (
        ({"type": "Innr"}, "did you mean 'Inner'"),
        ({"type": "Inner", "rat": 1}, "did you mean 'rate'"),
        ({"type": "Inner", "rate": "x"}, "Inner.rate must be float"),
        ({"type": "Painted"}, "Painted lacks colour"),
        ({"type": "elsewhere:Inner", "source": "0"}, "not imported: `import elsewhere`"),
        ({"type": "__main__:Inner"}, "run the cell that defines them"),
        ({"type": f"{__name__}:Innr"}, f"module {__name__} has no settings Innr"),
        ({"type": ["Inner"]}, "unknown kind of settings"),
    ):
        with pytest.raises(ConfigError, match=said):
            from_dict(wrong)
