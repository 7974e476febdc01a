import hashlib

from retinaface.embedded import embedded_root
from retinaface.widerface.ground_truth_mats import MAT_FILES
from retinaface.widerface.mats.pinned import EMBEDDED_MATS, is_pinned


def test_the_shipped_files_are_the_pinned_ones():
    folder = embedded_root() / "ground_truth"
    found = {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.iterdir()}
    assert found == EMBEDDED_MATS
    assert sorted(found) == sorted(MAT_FILES)


def test_a_changed_byte_makes_a_file_that_of_a_stranger():
    data = (embedded_root() / "ground_truth" / MAT_FILES[0]).read_bytes()
    assert is_pinned(data)
    assert not is_pinned(data[:-1] + bytes([data[-1] ^ 1]))
