import contextlib

from retinaface.telling.work import shown_by, working


def test_work_is_shown_by_who_asks_for_it_and_by_nobody_else():
    seen = []

    @contextlib.contextmanager
    def show(what):
        seen.append(f"begin {what}")
        yield
        seen.append("end")

    with working("unseen"), shown_by(show), working("a long export"):
        seen.append("inside")
    with working("unseen"):
        pass
    assert seen == ["begin a long export", "inside", "end"]


def test_work_that_fails_ends_too():
    ended = []

    @contextlib.contextmanager
    def show(what):
        try:
            yield
        finally:
            ended.append(what)

    with contextlib.suppress(OSError), shown_by(show), working("x"):
        raise OSError
    assert ended == ["x"]
