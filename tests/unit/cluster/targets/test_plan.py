import pytest

from retinaface.cluster.targets.plan import PlanError, read_plan
from retinaface.suite.options import TargetError


@pytest.fixture
def write(tmp_path):
    def call(text):
        file = tmp_path / "plan.toml"
        file.write_text(text)
        return file

    return call


def test_a_target_is_the_arguments_of_a_run(write, tmp_path):
    (target,) = read_plan(
        write(
            '[[target]]\nname = "one"\nengine = "ort-cpu-fp32"\npipeline = ["igie", "ixrt"]\n'
            'batch = 8\nmodel = "x.onnx"\nweights = "embedded"\nkeywords = "parity"\n'
            'markers = "accuracy"\nquick = false\nneeds = {GPU = 1}\ntime-limit = 90\n'
            'env = {A = "b"}\npython = "envs/old"\n'
        )
    )
    assert (target.name, target.tag) == ("one", "GPU=1")
    assert target.arguments == [
        "--engine=ort-cpu-fp32",
        "--pipeline=igie",
        "--pipeline=ixrt",
        "--batch=8",
        f"--model={tmp_path}/x.onnx",
        "--weights=embedded",
        "--full",
        *("-k", "parity"),
        *("-m", "accuracy"),
    ]
    own = target.own
    assert (own.time_limit, own.env, own.alone) == (90, {"A": "b"}, True)
    assert own.python == f"{tmp_path}/envs/old"


def test_a_target_goes_before_the_defaults(write):
    first, second = read_plan(
        write(
            '[defaults]\nengine = "a"\nbatch = 2\nenv = {A = "1"}\npython = "python3"\n'
            '[[target]]\nname = "first"\n'
            '[[target]]\nengine = "b:open"\nenv = {}\npipeline = "igie"\n'
        )
    )
    assert first.options == {"engine": ("a",), "batch": ("2",)}
    assert (first.own.env, first.own.python) == ({"A": "1"}, "python3")
    assert second.options["engine"] == ("b:open",)
    assert second.own.env == {}
    assert second.name == "b-open-igie-b2"


@pytest.mark.parametrize(
    ("markers", "expected"), [("", "not speed"), ("a or b", "(a or b) and not speed")]
)
def test_a_target_that_shares_its_machine_takes_no_times(write, markers, expected):
    (target,) = read_plan(write(f'[[target]]\nalone = false\nmarkers = "{markers}"\n'))
    assert target.arguments == ["-m", expected]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no target; write a table [[target]] for each"),
        ("target = 3", "target should be a list of tables; write [[target]]"),
        ("[target]\n", "target should be a list of tables"),
        ("defaults = 3\n[[target]]", "defaults should be a table; write [defaults]"),
        ("[default]\n[[target]]", "unknown key default; did you mean defaults?"),
        ("[zzz]\n", "unknown key zzz; expected [defaults] and [[target]]"),
        ("[[target]]\nengin = 'a'", "[[target]] 1: engin: unknown option; did you mean engine?"),
        ("[[target]]\nneed = {}", "[[target]] 1: need: unknown option; did you mean needs?"),
        ("[[target]]\nrecord = 'a'", "record: unknown option; "),
        ("[[target]]\naccept-baseline = true", "must be typed"),
        ("[[target]]\npipeline = 'igi'", "unknown value 'igi'; did you mean igie?"),
        ("[[target]]\nbatch = 'a'", "batch: expected a whole number, got 'a'"),
        ("[[target]]\n[[target]]\nbatch = 1.5", "[[target]] 2: batch: expected a whole number"),
        ("[[target]]\nneeds = {GPU = 'a'}", "Expected `float`, got `str` in `needs[...]`"),
        ("[[target]]\ntime-limit = 0", "Expected `float` > 0.0 in `time-limit`; correct it"),
        ("[defaults]\ntime-limit = -1\n[[target]]", "[defaults] Expected `float` > 0.0"),
        ("[defaults]\nname = 'a'\n[[target]]", "each target has a name of its own"),
        ("[[target]]\nname = '../x'", "name '../x': expected at most 100 letters"),
        ("[[target]]\nname = 'report.html'", "name 'report.html': expected"),
        ("[[target]]\nname = 'a'\n[[target]]\nname = 'A'", "2 targets are named a; give each"),
        ("[[target]]\n[[target]]\n", "2 targets are named default; give each a name"),
        ("[[target]]\nalone = false\nsoak = 9", "alone = false leaves out all times"),
        ("[[target]\n", "is not TOML: "),
    ],
)
def test_a_bad_plan_is_refused(write, text, message):
    file = write(text)
    with pytest.raises((PlanError, TargetError)) as raised:
        read_plan(file)
    assert str(file) in str(raised.value)
    assert message in str(raised.value)


def test_a_plan_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(PlanError, match="cannot read the plan .*none.toml: No such file"):
        read_plan(tmp_path / "none.toml")


def test_other_options_of_a_run_stand_in_a_plan_too(write):
    (target,) = read_plan(write("[[target]]\ntimeout = 5\nbaseline = 'auto'\nrequire = ['cuda']\n"))
    assert target.arguments == ["--timeout=5", "--baseline=auto", "--require=cuda"]
