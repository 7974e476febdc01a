from tests.support.made.widerface_copy import IMAGES


def test_score_refuses_malformed_predictions(refuse, tmp_path, widerface):
    event, name = IMAGES[0].split("/")
    file = tmp_path / "p" / event / f"{name}.txt"
    file.parent.mkdir(parents=True)
    for text, match in (
        (f"{name}\n1\n1 2 3 4\n", "4 columns, expected 5"),
        (f"{name}\n1\n1 2 3 4 nan\n", "NaN"),
        (f"{name}\n2\n1 2 3 4 0.5\n", "announces 2"),
    ):
        file.write_text(text)
        refuse("score", "p", "--widerface", widerface, "--json", "s.json", match=match)
    assert not (tmp_path / "s.json").exists()
