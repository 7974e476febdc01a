import pytest


@pytest.mark.needs("torch")
def test_a_damaged_checkpoint_in_the_mirror_is_not_replaced_by_another(
    refuse, tmp_path, monkeypatch
):
    (tmp_path / "m").mkdir()
    (tmp_path / "m/mobilenet0.25_Final.pth").write_bytes(b"no")
    monkeypatch.setenv("RETINAFACE_ASSETS", str(tmp_path / "m"))
    refuse("demo", match=r"is not the pinned mobilenet0\.25_Final\.pth")
