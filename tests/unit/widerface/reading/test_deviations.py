from retinaface.widerface.reading.deviations import COLUMNS, HIDDEN, Deviations


def test_each_kind_gives_one_note_that_counts_its_files():
    found = Deviations()
    for file in ("p/.a", "p/.b", "p/.c"):
        found.add(HIDDEN, file)
    found.add(COLUMNS, "p/e/a.txt", "10")
    assert found.notes() == (
        "3 files hidden or of the system, passed over: first p/.a",
        "1 file with further columns behind the score (number: 10), ignored: first p/e/a.txt",
    )


def test_what_files_of_a_kind_have_is_listed_once():
    found = Deviations()
    for detail in ("10", "1", "10"):
        found.add(COLUMNS, "file", detail)
    assert "3 files with further columns behind the score (number: 1 or 10)" in found.notes()[0]


def test_without_deviations_there_is_no_note():
    assert Deviations().notes() == ()
