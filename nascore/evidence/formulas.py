"""Arithmetic as claims write it, computed without evaluating code; and numbers as they are printed, rounded.

A printed number stands for all that round to it: "97.58" for 97.575 to 97.585. So a sum of printed numbers has a range,
and agrees with a printed result where the two ranges meet.
"""

import ast
import itertools
import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from nascore.base.arguments import checked
from nascore.base.errors import ConfigError, shortened

_LONGEST = 300  # characters of a formula, which keeps its depth small, too
_LARGEST = 1e30  # of any number on the way: no claim comes near, and powers do not run away
_INEXACT = 10  # rounded numbers in a formula: twice as many corners with each

_BINARY: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
_UNARY: dict[type, Callable[[Any], Any]] = {ast.UAdd: operator.pos, ast.USub: operator.neg}
_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "round": round,
    "comb": math.comb,
    "sum": lambda *terms: sum(terms),
    "min": min,
    "max": max,
    "abs": abs,
    "sqrt": math.sqrt,
    "log": math.log,
    "exp": math.exp,
}


@dataclass(frozen=True)
class Number:
    """A number and how far the true one may lie from it: half a unit of its last printed digit, 0 where it is exact."""

    value: float
    half: float = 0.0

    @property
    def low(self) -> float:
        return self.value - self.half

    @property
    def high(self) -> float:
        return self.value + self.half


@checked
def number(text: str | int | float) -> Number:
    """A number as it is printed, "3.30", "1,448" or "97.5 %", with half a unit of its last digit; numbers that are none
    of text are exact. Raises `ConfigError` for what is no number.
    """
    if not isinstance(text, str):
        return Number(float(text))
    try:
        decimal = Decimal(text.strip().removesuffix("%").strip().replace(",", ""))
    except InvalidOperation as error:
        raise ConfigError(f"{shortened(text)} is no printed number") from error
    exponent = decimal.as_tuple().exponent
    if not isinstance(exponent, int) or abs(decimal.adjusted()) > 30 or exponent < -30:
        raise ConfigError(f"{shortened(text)} is no printed number")
    return Number(float(decimal), 0.5 * 10.0**exponent)


@checked
def evaluate(formula: str, values: Mapping[str, float]) -> float:
    """The value of `formula`, whose names are given in `values`: + - * / // % **, parentheses, and round, comb, sum,
    min, max, abs, sqrt, log, exp, which take their terms one by one.

    Raises `ConfigError` for anything else in it, names that are not given, and what has no finite value.
    """
    if len(formula) > _LONGEST:
        raise ConfigError(f"a formula has at most {_LONGEST} characters, not {len(formula)}: {shortened(formula)}")
    try:
        tree = ast.parse(formula.strip(), mode="eval")
        found = _value(tree.body, values, formula)
    except ConfigError:
        raise
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise ConfigError(f"{shortened(formula)} is no formula: {error}") from error
    except (ArithmeticError, TypeError) as error:
        raise ConfigError(f"{shortened(formula)} has no value: {error}") from error
    return float(found)


@checked
def reach(formula: str, values: Mapping[str, Number]) -> Number:
    """The value of `formula`, and how far it can go from there when each of `values` goes from its low end to its high.

    The ends are looked for at the corners, which is exact where the formula grows or falls with each name, as those of
    claims do. Raises `ConfigError` as `evaluate` does, and for more than 10 rounded numbers.
    """
    inexact = [name for name, each in values.items() if each.half]
    if len(inexact) > _INEXACT:
        raise ConfigError(f"{len(inexact)} rounded numbers in one formula are too many: at most {_INEXACT}")
    middle = {name: each.value for name, each in values.items()}
    centre = evaluate(formula, middle)
    ends = [[(name, values[name].low), (name, values[name].high)] for name in inexact]
    corners = [evaluate(formula, middle | dict(corner)) for corner in itertools.product(*ends)]
    return Number(centre, max(abs(each - centre) for each in corners) if inexact else 0.0)


def _value(node: ast.AST, values: Mapping[str, float], formula: str) -> int | float:
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return _small(node.value, formula)
    if isinstance(node, ast.Name):
        if node.id not in values:
            raise ConfigError(f"{shortened(formula)} names {node.id!r}, which is not given: {', '.join(values)}")
        return values[node.id]
    if isinstance(node, ast.UnaryOp) and type(node.op) in _UNARY:
        return _UNARY[type(node.op)](_value(node.operand, values, formula))
    if isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
        left, right = (_value(side, values, formula) for side in (node.left, node.right))
        if isinstance(node.op, ast.Pow):
            _within_powers(left, right, formula)
        return _small(_BINARY[type(node.op)](left, right), formula)
    if isinstance(node, ast.Call) and node.args and not node.keywords and getattr(node.func, "id", "") in _FUNCTIONS:
        terms = [_value(each, values, formula) for each in node.args]
        return _small(_called(ast.unparse(node.func), terms, formula), formula)
    raise ConfigError(f"{shortened(formula)} has {ast.unparse(node)[:40]!r} in it, which is no arithmetic")


def _called(name: str, terms: list[int | float], formula: str) -> Any:
    if name == "comb" or (name == "round" and len(terms) > 1):  # which take whole numbers
        whole = terms if name == "comb" else terms[1:]
        if any(each != int(each) or abs(each) > 1000 for each in whole):
            raise ConfigError(f"{shortened(formula)}: {name} takes whole numbers up to 1000")
        terms = [*terms[: len(terms) - len(whole)], *(int(each) for each in whole)]
    return _FUNCTIONS[name](*terms)


def _within_powers(base: float, power: float, formula: str) -> None:
    size = abs(power) * abs(math.log10(abs(base))) if base else 0.0
    if size > math.log10(_LARGEST) or (base < 0 and power != int(power)):
        raise ConfigError(f"{shortened(formula)}: {base:g} ** {power:g} is too much for a claim")


def _small(value: Any, formula: str) -> int | float:
    if not abs(value) < _LARGEST:  # which NaN is not, either
        raise ConfigError(f"{shortened(formula)} has no value below {_LARGEST:g}")
    return value
