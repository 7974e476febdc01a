"""A server of S3 with an empty bucket."""

import pytest

from retinaface.storage.connection import connect
from retinaface.storage.location import Url
from tests.support.servers.s3 import running_s3, settings_of_s3


@pytest.fixture(scope="package")
def s3():
    with running_s3() as endpoint, settings_of_s3(endpoint):
        yield connect(Url("s3://any"))[0]


@pytest.fixture
def bucket(s3, request):
    name = f"bucket-{abs(hash(request.node.nodeid))}"
    s3.mkdir(name)
    return f"s3://{name}"
