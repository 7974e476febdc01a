import numpy as np
import pytest

from retinaface.cluster.versions import check_equal, versions
from retinaface.errors import ClusterError


def test_the_versions_are_those_of_this_process():
    found = versions()
    assert found["NumPy"] == np.__version__
    assert list(found) == ["Python", "NumPy", "OpenCV", "the code of retinaface"]
    check_equal(found, versions(), where_one="here", where_other="there")


def test_what_differs_is_named_on_both_sides():
    one, other = {"A": "1", "B": "2", "C": "3"}, {"A": "1", "B": "4"}
    with pytest.raises(ClusterError, match="^B is 2 here and 4 there; C is 3 here and None there:"):
        check_equal(one, other, where_one="here", where_other="there")
