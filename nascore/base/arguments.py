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

    @functools.wraps(given)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            found = bound(given, *args, **kwargs)
        except ConfigError as wrong:
            raise error(str(wrong)) from wrong.__cause__
        return given(*found.args, **found.kwargs)

    return typing.cast(Checked, call)


def checked_genotype(given: Checked) -> Checked:
    """`checked`, for genotypes and what reads them: wrong arguments are a `GenotypeError`."""
    return checked(given, GenotypeError)


def bound(function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> inspect.BoundArguments:
    """The arguments of a call of `function`, checked, as they are handed to it."""
    signature, hints = _annotated(function)
    found, name = signature.bind(*args, **kwargs), function.__qualname__.removesuffix(".__init__")
    for parameter in found.arguments.keys() & hints.keys():
        found.arguments[parameter] = conform(found.arguments[parameter], hints[parameter], f"{name}: {parameter}")
    return found


@functools.cache
def _annotated(function: Callable[..., Any]) -> tuple[inspect.Signature, dict[str, Any]]:
    """Read when it is first called: annotations may name what is defined below it."""
    signature, hints = inspect.signature(function), typing.get_type_hints(function, include_extras=True)
    return signature, {
        name: _whole(hints[name], parameter.kind) for name, parameter in signature.parameters.items() if name in hints
    }


def _whole(hint: Any, kind: Any) -> Any:
    """What the annotation of `*args` or `**kwargs` says of all of them."""
    if kind is inspect.Parameter.VAR_POSITIONAL:
        return tuple[hint, ...]
    return dict[str, hint] if kind is inspect.Parameter.VAR_KEYWORD else hint
