"""Suites of a few lines, for validation runs inside a test."""

SUITE = "tests/validation/test_small.py"
HEAD = """
import pytest
from retinaface.verdicts import Check, Verdict

def check(verdict, message="words", **numbers):
    return Check("one thing", Verdict(verdict), message, numbers)
"""
PASSES = "def test_a(gate):\n    gate(check('PASS'))\n"
FAILS = "def test_b(gate):\n    gate(check('PASS'), check('FAIL', 'off by 3'))\n"
UNDECIDED = "def test_c(gate):\n    gate(check('INCONCLUSIVE', 'too few'), check('PASS'))\n"
SKIPS = "@pytest.mark.needs('golden')\ndef test_d(gate):\n    gate(check('PASS'))\n"
