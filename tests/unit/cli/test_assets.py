import re


def test_assets_list_shows_the_place_of_each_file(run, tmp_path, monkeypatch):
    (tmp_path / "m").mkdir()
    (tmp_path / "m/mobilenet0.25_Final.pth").write_bytes(b"no")
    monkeypatch.setenv("RETINAFACE_ASSETS", str(tmp_path / "m"))
    code, out, _ = run("assets", "list")
    assert code == 0
    assert re.search(r"mobilenet0\.25_Final\.pth .*MIT .*WRONG HASH", out)
    assert re.search(r"WIDER_val\.zip +362\.8 .*not on this machine", out)


def test_assets_path_of_a_missing_file_is_an_error(refuse):
    refuse("assets", "path", "WIDER_val.zip", match="run: retinaface assets fetch WIDER_val.zip")
    refuse("assets", "path", "nothing", match="unknown asset 'nothing'")
