"""A file in the cache is taken only if it is what was written there."""

from retinaface.cached_files import is_as_written, note_of, remember, why_again


def test_a_file_is_as_written_until_a_byte_of_it_changes(tmp_path):
    path = tmp_path / "x.plan"
    assert not is_as_written(path)
    assert why_again(path) == ""
    path.write_bytes(b"plan")
    assert not is_as_written(path)
    assert why_again(path) == " (again: of the one in the cache no hash was kept)"
    remember(path)
    assert is_as_written(path)
    path.write_bytes(b"plam")
    assert not is_as_written(path)
    assert why_again(path) == " (again: the one in the cache is not what was written there)"
    path.write_bytes(b"plan")
    note_of(path).write_bytes(b"\xff")
    assert not is_as_written(path)
    note_of(path).unlink()
    assert not is_as_written(path)
