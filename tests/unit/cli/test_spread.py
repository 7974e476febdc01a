import json

import numpy as np
import pytest

pytestmark = pytest.mark.alone  # starts workers


def evaluate(*more):
    engine = ["--engine", "tests.support.clusters:Spotter", "--model", "any.model"]
    return ["evaluate", "--pipeline", "igie", *engine, "--batch", 4, *more]


def test_the_record_is_that_of_one_machine(run, tmp_path, widerface):
    options = ["--widerface", widerface, "--json"]
    assert run(*evaluate(*options, "one.json", "--output", "one"))[0] == 0
    spread = ["--scheduler", "local:1", "--output", "two", "--predictions", "texts"]
    code, out, err = run(*evaluate(*options, "two.json", *spread))
    assert code == 0
    assert "1 workers; dashboard: http://127.0.0.1:" in err
    assert "note: on 1 workers of local:1" in out
    one, two = (json.loads((tmp_path / n / "record.json").read_text()) for n in ("one", "two"))
    for record in (one, two):
        record["results"][0]["detect_s"] = 0.0
    assert one["results"] == two["results"]
    assert two["coverage"].pop("notes") == [
        *one["coverage"].pop("notes"),
        "on 1 workers of local:1",
    ]
    assert one["coverage"] == two["coverage"]
    for name in one["arrays"]:
        with np.load(tmp_path / "one" / name) as ours, np.load(tmp_path / "two" / name) as theirs:
            assert sorted(ours) == sorted(theirs)
            for key in ours:
                np.testing.assert_array_equal(ours[key], theirs[key], strict=True)
    one, two = (json.loads((tmp_path / f"{n}.json").read_text()) for n in ("one", "two"))
    assert one["ap"] == two["ap"]
    assert "cluster" not in one
    assert two["cluster"]["n_workers"] == 1


def test_what_cannot_be_spread_is_refused(refuse, widerface):
    options = ["--widerface", widerface]
    refuse(*evaluate(*options, "--worker-resource", "GPU=1"), match="of --scheduler; name one")
    spread = ["--scheduler", "local:1", "--worker-resource"]
    refuse(*evaluate(*options, *spread, "GPU=x"), match="GPU=x is not NAME=NUMBER")
    refuse(*evaluate(*options, *spread, "GPU=1"), match="no worker of .* has the resources GPU=1")
    refuse(*evaluate(*options, "--scheduler", "here"), match="'here' is not an address")
