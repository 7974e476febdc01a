"""Blocks of code on pages of the docs."""

from __future__ import annotations


def blocks(text: str) -> tuple[list[tuple[str, str]], str]:
    """Split a page into its blocks as (language, content), and the text without them."""
    found: list[tuple[str, str]] = []
    prose: list[str] = []
    fence: list[str] | None = None
    language = ""
    indented = False
    for line in text.splitlines():
        if line.startswith("```"):
            if fence is None:
                fence, language = [], line[3:].strip()
            else:
                found.append((language, "\n".join(fence)))
                fence = None
        elif fence is not None:
            fence.append(line)
        elif line.startswith("    "):
            if not indented:
                found.append(("", ""))
            found[-1] = ("", f"{found[-1][1]}\n{line.strip()}")
        else:
            prose.append(line)
        indented = fence is None and line.startswith("    ")
    assert fence is None, "a fenced block is not closed"
    return found, "\n".join(prose)


def named_block(text: str, name: str) -> str:
    """Give the content of the fenced block after `<!-- block: NAME -->`."""
    _, _, rest = text.partition(f"<!-- block: {name} -->\n")
    found, _ = blocks(rest)
    return found[0][1] if found else ""
