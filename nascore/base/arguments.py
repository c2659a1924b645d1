"""What public functions are given, checked against their annotations: a wrong argument is told by its name.

    @checked
    def kinds(cells: Cells, reductions: tuple[Index, ...]) -> list[str]: ...

What is near is turned into what is meant, as with settings; see `nascore.base.conform`.
"""

import functools
import inspect
import typing
from collections.abc import Callable
from typing import Any, TypeVar

from nascore.base.conform import conform
from nascore.base.errors import ConfigError, GenotypeError, NascoreError

Checked = TypeVar("Checked", bound=Callable[..., Any])


def checked(given: Checked, error: type[NascoreError] = ConfigError) -> Checked:
    """`given`, a function, or a class for the sake of its constructor, with every argument checked before the call.

    It then raises `error` that names the function, the parameter, what it must be and what it was. Arguments that are
    missing, or too many, are Python's `TypeError`.
    """
    if isinstance(given, type):
        given.__init__ = checked(given.__init__, error)  # type: ignore[misc]  # of this very class
        return given
    signature, name = inspect.signature(given), given.__qualname__.removesuffix(".__init__")
    hints = functools.cache(lambda: typing.get_type_hints(given, include_extras=True))

    @functools.wraps(given)
    def call(*args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(*args, **kwargs)
        try:
            for parameter in bound.arguments.keys() & hints().keys():
                hint = _whole(hints()[parameter], signature.parameters[parameter].kind)
                bound.arguments[parameter] = conform(bound.arguments[parameter], hint, f"{name}: {parameter}")
        except ConfigError as wrong:
            raise error(str(wrong)) from wrong.__cause__
        return given(*bound.args, **bound.kwargs)

    return typing.cast(Checked, call)


def checked_genotype(given: Checked) -> Checked:
    """`checked`, for genotypes and what reads them: wrong arguments are a `GenotypeError`."""
    return checked(given, GenotypeError)


def _whole(hint: Any, kind: Any) -> Any:
    """What the annotation of `*args` or `**kwargs` says of all of them."""
    if kind is inspect.Parameter.VAR_POSITIONAL:
        return tuple[hint, ...]
    return dict[str, hint] if kind is inspect.Parameter.VAR_KEYWORD else hint
