"""The terminal shows header and verdict of small validation runs."""

from retinaface.export.tiny_model import write_model
from tests.support.made.small_suites import FAILS, PASSES, SUITE, UNDECIDED

pytest_plugins = ["pytester"]


def test_the_header_names_what_is_tested(session, pytester):
    write_model(pytester.path / "a.onnx")
    result, record = session(
        PASSES,
        arguments=[
            "--engine=ort-cpu-fp32",
            "--pipeline=ixrt",
            "--model=a.onnx",
            "--weights=embedded",
        ],
    )
    result.stdout.fnmatch_lines(
        [
            "engines   ort-cpu-fp32",
            "pipelines ixrt",
            "models    a.onnx",
            "weights   embedded",
            "data      *covers 67 of 67 images of the*",
            "versions *",
            "device    *, * processors (*)",
        ]
    )
    assert record["target"]["engines"] == ["ort-cpu-fp32"]
    assert record["target"]["models"] == ["a.onnx"]


def test_an_undecided_test_is_shown_with_its_message(session):
    result, _ = session(PASSES, UNDECIDED)
    result.stdout.fnmatch_lines(
        [f"*INCONCLUSIVE {SUITE}::test_c*", "INCONCLUSIVE one thing: too few", "VERDICT: INCONC*"]
    )


def test_the_verdict_is_the_last_line_of_the_block(session):
    result, _ = session(PASSES, FAILS)
    block = result.outlines[result.outlines.index(" validation ".center(80, "-")) :]
    assert block[1:6] == [
        "Coverage: 1 FAIL, 1 PASS: small 1 FAIL, 1 PASS",
        "FAIL test_small::test_b",
        "  one thing: off by 3",
        "Record: record",
        "VERDICT: FAIL (embedded set)",
    ]


def test_without_a_suite_nothing_is_closed(session):
    other = {"tests/test_other.py": "def test_other():\n    pass\n"}
    result, _ = session(files=other, arguments=["tests/test_other.py"])
    assert "VERDICT" not in result.stdout.str()
