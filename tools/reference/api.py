"""Describe the functions of `import retinaface` from their signatures and docstrings."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any

import docstring_parser

import retinaface

_INTRODUCTION = """\
# Python API

`python -m tools.reference` writes this page from the docstrings.
[Use it from Python](../python-api.md) shows the functions at work.
"""


def api_page() -> str:
    """Write the page of the public functions."""
    functions = [getattr(retinaface, name) for name in retinaface.__all__]
    return "\n".join(
        [_INTRODUCTION, *(_section(one) for one in functions if inspect.isfunction(one))]
    )


def _section(function: Callable[..., Any]) -> str:
    doc = docstring_parser.parse(
        inspect.getdoc(function) or "", docstring_parser.DocstringStyle.GOOGLE
    )
    lines = [
        f"## retinaface.{function.__name__}",
        "",
        "```python",
        *_signature(function),
        "```",
        "",
        *(f"{_flowing(text)}\n" for text in (doc.short_description, doc.long_description) if text),
    ]
    if doc.params:
        lines += ["| argument | meaning |", "| --- | --- |"]
        lines += [f"| `{one.arg_name}` | {_flowing(one.description)} |" for one in doc.params]
        lines.append("")
    if doc.returns:
        lines.append(f"**Returns** {_flowing(doc.returns.description)}\n")
    if doc.raises:
        lines += ["| raises | when |", "| --- | --- |"]
        lines += [f"| `{one.type_name}` | {_flowing(one.description)} |" for one in doc.raises]
        lines.append("")
    return "\n".join(lines)


def _signature(function: Callable[..., Any]) -> Iterator[str]:
    """Write the signature with one argument on a line."""
    signature = inspect.signature(function)
    yield f"{function.__name__}("
    is_keyword_only = False
    for parameter in signature.parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and not is_keyword_only:
            is_keyword_only = True
            yield "    *,"
        default = "" if parameter.default is parameter.empty else f" = {parameter.default!r}"
        yield f"    {parameter.name}: {parameter.annotation}{default},"
    yield f") -> {signature.return_annotation}"


def _flowing(text: str | None) -> str:
    return re.sub(r"\s+", " ", text or "").strip()
