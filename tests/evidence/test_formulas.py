"""Formulas: arithmetic and nothing else, and printed numbers with what their rounding leaves open."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nascore.base.errors import ConfigError, NascoreError
from nascore.evidence.formulas import Number, evaluate, number, reach


@pytest.mark.parametrize(
    ("formula", "value"),
    [
        ("1 + 2 * 3", 7),
        ("-(a - b) / 2", -0.5),
        ("2 ** 10 // 3 % 7", 2**10 // 3 % 7),
        ("comb(6, 2) + sum(1, 2, 3)", 21),
        ("round(a / 3, 2)", 1.33),
        ("max(a, b) - min(a, b) + abs(-1)", 2),
        ("sqrt(16) + log(exp(2))", 6),
        ("100 * (97.58 - 97.24) / 97.24", 100 * 0.34 / 97.24),
    ],
)
def test_arithmetic(formula, value):
    assert evaluate(formula, {"a": 4.0, "b": 3.0}) == pytest.approx(value)


@pytest.mark.parametrize(
    ("formula", "message"),
    [
        ("__import__('os')", "no arithmetic"),
        ("a.real", "no arithmetic"),
        ("a[0]", "no arithmetic"),
        ("(lambda: 1)()", "no arithmetic"),
        ("[x for x in a]", "no arithmetic"),
        ("'a' * 3", "no arithmetic"),
        ("True + 1", "no arithmetic"),
        ("1 < 2", "no arithmetic"),
        ("1 if a else 2", "no arithmetic"),
        ("open('x')", "no arithmetic"),
        ("round(ndigits=2)", "no arithmetic"),
        ("a + c", "names 'c', which is not given: a, b"),
        ("1 +", "no formula"),
        ("", "no formula"),
        ("1 / 0", "has no value"),
        ("9 ** 9 ** 9", "too much"),
        ("(-1) ** 0.5", "too much"),
        ("10 ** 20 * 10 ** 20", "no value below"),
        ("comb(10 ** 9, 3)", "whole numbers up to 1000"),
        ("comb(2.5, 1)", "whole numbers"),
        ("round(a, 10 ** 9)", "whole numbers"),
        ("log(0)", "no formula"),
        ("1" * 400, "at most 300 characters"),
        ("(" * 250 + "1" + ")" * 40, "no formula"),
    ],
)
def test_what_is_no_arithmetic_is_told(formula, message):
    with pytest.raises(ConfigError, match=message):
        evaluate(formula, {"a": 4.0, "b": 3.0})


@given(st.text(max_size=40))
def test_no_text_does_anything_but_give_a_number_or_an_error(text):
    with contextlib.suppress(NascoreError):
        assert isinstance(evaluate(text, {"a": 2.0}), float)


def test_printed_numbers_have_half_a_unit_of_their_last_digit():
    assert number("97.50") == Number(97.5, 0.005)
    assert number("1,448") == Number(1448.0, 0.5) and number("0.6 %") == Number(0.6, 0.05)
    assert number(3) == Number(3.0) and number(0.5) == Number(0.5)
    assert (number("3.3").low, number("3.3").high) == pytest.approx((3.25, 3.35))
    for wrong in ("", "3-4", "nan", "inf", "1e400", "None"):
        with pytest.raises(ConfigError, match="no printed number"):
            number(wrong)


def test_a_sum_of_rounded_numbers_has_a_range():
    found = reach("a - b", {"a": number("97.58"), "b": number("97.24")})
    assert found.value == pytest.approx(0.34) and found.half == pytest.approx(0.01)
    assert reach("a * n", {"a": number("1.5"), "n": number(4)}).half == pytest.approx(0.2)
    with pytest.raises(ConfigError, match="11 rounded numbers"):
        reach("1", {f"a{at}": number("1.0") for at in range(11)})
