import pytest

from retinaface.suite.display.times import time_lines


def test_the_longest_comes_first_and_the_parts_are_the_whole():
    times = {"start": 0.2, "fps": 20.4, "inference": 30.0, "placement": 0.4}
    assert time_lines(times, 80) == ["Time: 51 s: inference 30 s, fps 20 s, other 0.6 s"]


def test_less_than_a_second_is_not_worth_a_line():
    assert time_lines({"fps": 0.6, "inference": 0.3}, 80) == []


@pytest.mark.parametrize("width", [80, 120])
def test_many_activities_fit_the_width(width):
    times = {f"a_suite_of_a_long_name_{i}": 10.0 + i for i in range(15)}
    lines = time_lines(times, width)
    assert max(map(len, lines)) <= width
    assert lines[0].startswith("Time: 255 s: a_suite_of_a_long_name_14 24 s, ")
    assert "other 108 s" in " ".join(lines)


@pytest.mark.parametrize("width", range(40, 81))
def test_no_line_ends_between_a_name_its_number_and_its_unit(width):
    times = {"inference": 30.0, "fps": 20.4, "engine_contract": 8.3, "decoding": 5.0, "start": 1.2}
    first, *more = (line.strip().removesuffix(",") for line in time_lines(times, width))
    parts = ", ".join([first.removeprefix("Time: 65 s: "), *more]).split(", ")
    expected = ["inference 30 s", "fps 20 s", "engine_contract 8.3 s", "decoding 5.0 s"]
    assert parts == [*expected, "other 1.2 s"]
