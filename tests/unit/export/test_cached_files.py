"""A file in the cache is taken only if it is what was written there."""

from retinaface.export.cached_files import (
    is_as_written,
    note_of,
    remember,
    remember_new,
    remove_damaged,
    why_again,
)


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


def test_files_of_another_program_are_kept_while_they_are_as_it_left_them(tmp_path):
    for name in ("a.engine", "a.profile", "b.engine"):
        (tmp_path / name).write_bytes(name.encode())
    remember_new(tmp_path)
    assert remove_damaged(tmp_path) == []
    (tmp_path / "a.engine").write_bytes(b"changed")
    (tmp_path / "c.engine").write_bytes(b"of a process that was ended")
    remember_new(tmp_path / ".")  # keeps the hash of what was changed as it was
    note_of(tmp_path / "c.engine").unlink()
    assert remove_damaged(tmp_path) == ["a.engine", "c.engine"]
    left = {"a.profile", "a.profile.sha256", "b.engine", "b.engine.sha256"}
    assert {path.name for path in tmp_path.iterdir()} == left
