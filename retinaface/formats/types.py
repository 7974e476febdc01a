"""Check what was parsed against a type; apart from parsing, which workers do without msgspec."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from retinaface.formats.faults import FormatError

Form = TypeVar("Form")


def typed(content: Any, form: type[Form]) -> Form:
    """Check parsed content against a type of msgspec, whose constraints are the ranges.

    Raises:
        FormatError: A field is missing or of another type, or lies out of range; names its place.
    """
    try:
        return msgspec.convert(content, form)
    except msgspec.ValidationError as error:
        raise FormatError(str(error)) from error
    except UnicodeEncodeError as error:  # half a pair where the type expects one of few words
        raise FormatError("a text in it is no Unicode") from error
