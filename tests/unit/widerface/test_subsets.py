"""A list of images has a name, or it is told what it lacks."""

import pytest

from retinaface.errors import DatasetError
from retinaface.widerface.subsets import WHOLE, images_of_subset, missing_images, name_of_part

WHOLE_SET = tuple(f"{event}/{i:02}" for event in ("b", "a") for i in range(17))
EVERY_8 = ("b/00", "b/08", "b/16", "a/00", "a/08", "a/16")


def test_every_eighth_of_each_event_keeps_the_order_of_the_set():
    assert images_of_subset("every-8", WHOLE_SET) == EVERY_8
    with pytest.raises(DatasetError, match="unknown subset 'half'; expected one of: every-8"):
        images_of_subset("half", WHOLE_SET)


@pytest.mark.parametrize(
    ("images", "name"),
    [
        (WHOLE_SET, WHOLE),
        (WHOLE_SET[::-1], WHOLE),
        (EVERY_8, "every-8"),
        (EVERY_8[::-1], "every-8"),
        (EVERY_8[1:], None),
        ((*EVERY_8, "a/01"), None),
        ((*EVERY_8[1:], "b/01"), None),
        (WHOLE_SET[1:], None),
        (WHOLE_SET[:17], None),
        ((), None),
    ],
)
def test_only_a_list_of_exactly_its_images_has_the_name(images, name):
    assert name_of_part(images, WHOLE_SET) == name


def test_what_a_list_lacks_is_told_in_the_order_of_the_set():
    assert missing_images(WHOLE_SET[2:], WHOLE_SET) == ["b/00", "b/01"]
