"""Parse JSON of strangers into a known form, and say in words why it is none."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from retinaface.errors import DatasetError

Form = TypeVar("Form")


def parse_json(data: bytes, form: type[Form]) -> Form:
    """Parse a file that was read; its size is limited where it is read.

    Raises:
        DatasetError: It is damaged or of another form; the message lacks the name of the file.
    """
    try:
        return msgspec.json.decode(data, type=form)
    except RecursionError as error:  # of the C parser, which counts its depth
        raise DatasetError("it has lists or objects inside each other, too deep") from error
    except UnicodeDecodeError as error:
        raise DatasetError("a text in it is not UTF-8") from error
    except msgspec.DecodeError as error:
        raise DatasetError(str(error)) from error
