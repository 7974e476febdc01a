import pytest

from retinaface.storage.location import Url, is_url, location, without_secrets


def test_a_url_has_a_scheme_and_everything_else_is_a_path(tmp_path):
    assert location("s3://bucket/a") == Url("s3://bucket/a")
    assert location("simplecache::s3://bucket/a") == Url("simplecache::s3://bucket/a")
    assert location(Url("s3://bucket/a")) == Url("s3://bucket/a")
    assert location(str(tmp_path)) == location(tmp_path) == tmp_path
    assert [is_url(text) for text in ("s3://b", Url("x://y"), "C:/x", tmp_path)] == [
        *(True, True),
        *(False, False),
    ]


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("s3://bucket/a/b", "s3://bucket/a/b"),
        ("sftp://me:secret@host/a", "sftp://me:...@host/a"),
        ("https://host/a?token=secret&x=1", "https://host/a?..."),
        ("https://me:secret@host/a?token=secret", "https://me:...@host/a?..."),
    ],
    ids=["none", "password", "query", "both"],
)
def test_no_text_of_a_url_has_a_secret(address, shown):
    url = Url(address)
    assert [str(url), repr(url), f"{url}", str([url])] == [*[shown] * 3, f"[{shown}]"]
    assert url.address == address
    line = f"retinaface evaluate --widerface '{address}' --limit 3"
    assert without_secrets(line) == f"retinaface evaluate --widerface '{shown}' --limit 3"


def test_parts_begin_with_the_bucket():
    assert Url("s3://bucket/a/b/?x=y/z").parts == ["bucket", "a", "b"]
