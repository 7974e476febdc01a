"""What a clone holds in place of a large file that Git LFS has not fetched."""

POINTER = (
    b"version https://git-lfs.github.com/spec/v1\n"
    b"oid sha256:ed6fa7d45a5179f03cb5ce82c73b0c6711372968e53782e88395acee88d319e1\n"
    b"size 1789735\n"
)
REFUSED = "is a Git LFS pointer, not the file; git lfs pull"
