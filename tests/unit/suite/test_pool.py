import shutil

import pytest

from retinaface.embedded import embedded_checkpoint
from retinaface.engines.catalogue import EngineEntry
from retinaface.errors import EngineUnavailable
from retinaface.export.tiny_model import tiny_model, write_model
from retinaface.suite.pool import EnginePool
from retinaface.suite.target import Target
from tests.support.engines import Counting, images

COUNTING = "tests.support.engines:Counting"
PICKY = f"{__name__}:Picky"


class Picky(Counting):
    """Takes files whose name says fp16, as an engine of one precision does."""

    def __init__(self, spec):
        if spec.model is not None and "fp16" not in spec.model.name:
            raise EngineUnavailable(f"{spec.model.name} is not FP16")
        super().__init__(spec)


@pytest.fixture
def files(tmp_path):
    paths = tuple(tmp_path / name for name in ("a.fp32.onnx", "b.fp16.onnx", "c.fp16.onnx"))
    for path in paths:
        shutil.copyfile(tiny_model(), path)
    return paths


def test_an_engine_is_opened_once_for_a_file_and_a_size(files):
    pool = EnginePool(Target(models=files))
    engine = pool.get(COUNTING)
    assert pool.get(COUNTING) is engine
    assert engine.spec.model == files[0]
    free, other = pool.get(COUNTING, size_px=None), pool.get(COUNTING, model=files[1])
    assert len({id(e) for e in (engine, free, other)}) == 3
    assert (engine.spec.height_px, free.spec.height_px) == (320, None)
    assert other.spec.model == files[1]
    assert pool.get(COUNTING, model=files[1]) is other


class Sharing(Counting):
    """Is another engine where it shares the processors of a CPU."""

    shares_in_calls = True


def test_an_engine_that_shares_the_processors_is_another_only_where_that_matters(files):
    pool = EnginePool(Target(models=files))
    assert pool.get(COUNTING, shares_cpus=True) is pool.get(COUNTING)
    alone, shared = (pool.get(f"{__name__}:Sharing", shares_cpus=s) for s in (False, True))
    assert (alone.spec.shares_cpus, shared.spec.shares_cpus) == (False, True)
    assert pool.get(f"{__name__}:Sharing", shares_cpus=True) is shared


def test_an_engine_gets_the_first_file_that_it_takes(files):
    assert EnginePool(Target(models=files)).get(PICKY).spec.model == files[1]


def test_a_file_that_is_named_is_not_exchanged_for_another(files):
    with pytest.raises(EngineUnavailable, match=r"^a.fp32.onnx is not FP16$"):
        EnginePool(Target(models=files)).get(PICKY, model=files[0])


def test_an_engine_that_takes_none_of_the_files_gives_a_reason_for_each(files, tmp_path):
    shutil.copyfile(tiny_model(), tmp_path / "d.onnx")
    pool = EnginePool(Target(models=(files[0], tmp_path / "d.onnx")))
    with pytest.raises(EngineUnavailable, match="a.fp32.onnx is not FP16; d.onnx is not FP16"):
        pool.get(PICKY)


def test_a_failure_is_not_kept(files):
    pool = EnginePool(Target(models=files[:1]))
    for _ in range(2):
        with pytest.raises(EngineUnavailable, match="is not FP16"):
            pool.get(PICKY)
    assert pool.open(PICKY, model=files[1]).spec.model == files[1]


def test_the_batch_of_the_run_fits_into_every_engine(files):
    sizes = [
        EnginePool(Target(models=files, batch=batch)).get(COUNTING).spec.max_batch
        for batch in (None, 8, 100)
    ]
    assert sizes == [32, 32, 100]


def test_an_engine_of_weights_gets_no_file(files, monkeypatch):
    """Torch builds the network from the checkpoint: a file is not for it."""
    entry = EngineEntry(COUNTING, "cpu", "fp32", loads_onnx=False)
    monkeypatch.setattr("retinaface.engines.catalogue.BUILTIN", {"own": entry})
    engine = EnginePool(Target(models=files[:1])).get("own")
    assert engine.spec.model is None
    assert engine.spec.weights == str(embedded_checkpoint())


def test_threads_and_options_reach_a_new_engine(files):
    pool = EnginePool(Target(models=files))
    shared = pool.get(COUNTING)
    engine = pool.open(COUNTING, threads=1, options={"a": "b"})
    assert engine is not shared
    assert (engine.spec.threads, engine.spec.options) == (1, {"a": "b"})


def test_closing_the_pool_closes_what_it_shares_and_nothing_else(files):
    pool = EnginePool(Target(models=files))
    shared, own = pool.get(COUNTING), pool.open(COUNTING)
    pool.close()
    pool.close()
    own.infer(images(1))
    with pytest.raises(ValueError, match="infer after close"):
        shared.infer(images(1))
    assert pool.get(COUNTING) is not shared


def test_options_of_the_run_reach_every_engine_unless_a_call_overrides_them(files):
    pool = EnginePool(Target(models=files, engine_options={"a": "b", "c": "d"}))
    assert pool.get(COUNTING).spec.options == {"a": "b", "c": "d"}
    assert pool.open(COUNTING, options={"a": "x"}).spec.options == {"a": "x", "c": "d"}


class Loading(Counting):
    """Loads builds whose name says so."""

    def __init__(self, spec):
        super().__init__(spec)
        if spec.engine_file is not None and "other" in spec.engine_file.name:
            raise EngineUnavailable(f"{spec.engine_file.name} is of another version")
        self.built_file = spec.engine_file


def test_a_build_goes_before_the_models_and_the_first_that_loads_is_taken(files, tmp_path):
    builds = tmp_path / "other.so", tmp_path / "mine.so"
    for path in builds:
        path.touch()
    pool = EnginePool(Target(models=files, engine_files=builds))
    engine = pool.get(f"{__name__}:Loading")
    assert (engine.spec.engine_file, engine.spec.model) == (builds[1], None)
    with pytest.raises(EngineUnavailable, match="other.so is of another version"):
        EnginePool(Target(models=files, engine_files=builds[:1])).get(f"{__name__}:Loading")


def test_an_engine_that_does_not_name_the_build_it_runs_is_refused(files, tmp_path):
    (tmp_path / "a.so").touch()
    pool = EnginePool(Target(models=files, engine_files=(tmp_path / "a.so",)))
    with pytest.raises(EngineUnavailable, match="does not confirm that it runs it"):
        pool.get(COUNTING)


def test_scores_are_said_of_the_files_of_the_run_and_not_of_exports(files, tmp_path):
    (tmp_path / "a.so").touch()
    builds = (tmp_path / "a.so",)
    pool = EnginePool(Target(models=files[:1], engine_files=builds, scores="logits"))
    assert pool.get(f"{__name__}:Loading").spec.scores == "logits"
    assert pool.get(COUNTING, model=files[1]).spec.scores == "probabilities"


def test_a_build_has_a_number(files):
    pool = EnginePool(Target(models=files))
    assert [pool.open(COUNTING, build=n).spec.build for n in (1, 2)] == [1, 2]


@pytest.mark.needs("onnx", "onnxruntime")
def test_an_engine_of_one_batch_is_timed_at_it_alone(tmp_path):
    name = "ort-cpu-fp32"
    write_model(tmp_path / "b8.onnx", batch=8)
    pool = EnginePool(Target(models=(tmp_path / "b8.onnx",)))
    try:
        assert pool.other_batch(name, 8) is None
        assert "runs batches of 8 alone and is timed at them" in pool.other_batch(name, 32)
    finally:
        pool.close()
