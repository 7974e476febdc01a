import pytest

from retinaface.engines.importing import importing
from retinaface.errors import EngineUnavailable


def test_a_missing_package_is_named_with_the_next_step():
    message = r"acme cannot be imported \(ModuleNotFoundError: No module named 'acme'\); get it$"
    with pytest.raises(EngineUnavailable, match=message), importing("acme", "get it"):
        import acme  # noqa: F401 - there is none


def test_a_broken_install_is_refused_in_a_line_whatever_it_raises():
    def load():
        raise OSError("libacme.so.3: cannot open\nand a long trace")

    with (
        pytest.raises(EngineUnavailable, match=r"\(OSError: libacme.so.3: cannot open\); repair$"),
        importing("acme", "repair"),
    ):
        load()


def test_a_refusal_inside_stays_as_it_is():
    with (
        pytest.raises(EngineUnavailable, match="^of another maker$"),
        importing("acme", "pip install acme"),
    ):
        raise EngineUnavailable("of another maker")
