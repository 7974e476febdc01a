"""The fields are those of onnx's own description of its messages."""

import pytest

from retinaface.export.reading.messages import MESSAGES, PLACE, ROOT

pytestmark = pytest.mark.needs("onnx")


def contents(descriptor):
    """Give what each field of bytes of a message holds: another message, texts, numbers."""
    for field in descriptor.fields:
        if field.message_type is not None:
            yield field.number, field.message_type
        elif field.type == field.TYPE_STRING:
            yield field.number, "text"
        elif field.type != field.TYPE_BYTES and field.is_repeated:
            yield field.number, "numbers"


def test_every_field_of_onnx_is_known():
    import onnx

    todo, done = [(onnx.ModelProto.DESCRIPTOR, ROOT)], set()
    while todo:
        descriptor, name = todo.pop()
        if (descriptor.full_name, name) in done:
            continue
        done.add((descriptor.full_name, name))
        for number, content in contents(descriptor):
            known = MESSAGES[name].get(number)
            if isinstance(content, str):
                assert known == content, (descriptor.full_name, number)
            else:
                assert known in MESSAGES, (descriptor.full_name, number)
                todo.append((content, known))
    assert len(done) > 15
    assert ("onnx.StringStringEntryProto", PLACE) in done
