import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from retinaface.engines.base import Engine
from retinaface.errors import EngineFault
from tests.support.engines import Counting, Showing, images, spec


def test_infer_gives_float32_of_the_shapes_of_the_priors():
    with Counting(spec()) as engine:
        loc, scores, landmarks = engine.infer(images(2))
    assert (loc.shape, scores.shape, landmarks.shape) == ((2, 4200, 4), (2, 4200, 2), (2, 4200, 10))
    assert {loc.dtype, scores.dtype, landmarks.dtype} == {np.dtype(np.float32)}


def test_a_fixed_batch_is_filled_by_repetition_and_the_filling_dropped():
    engine = Counting(spec(max_batch=4), fixed_batch=4)
    batch = np.concatenate([images(1, 1.0), images(1, 2.0), images(1, 3.0)])
    outputs = engine.infer(batch)
    assert [i.mean() for i in engine.batches[0]] == [1, 2, 3, 1]
    assert outputs.loc[:, 0, 0].tolist() == [1, 2, 3]


def test_input_that_is_not_contiguous_is_made_so():
    engine = Counting(spec())
    engine.infer(images(4)[::2])
    assert engine.batches[0].flags.c_contiguous


@pytest.mark.parametrize(
    ("batch", "error", "message"),
    [
        (images(1).astype(np.float64), TypeError, "must be float32, got float64"),
        (images(0), ValueError, r"must be \(1..32, 3, 320, 320\), got \(0, 3, 320, 320\)"),
        (images(33), ValueError, r"got \(33,"),
        (images(1)[0], ValueError, r"got \(3, 320, 320\)"),
        (images(1)[:, :1], ValueError, r"got \(1, 1, 320, 320\)"),
        (images(1)[:, :, :300], ValueError, r"got \(1, 3, 300, 320\)"),
    ],
    ids=["dtype", "empty", "too-many", "rank", "channels", "size"],
)
def test_infer_refuses_bad_input_before_the_call(batch, error, message):
    engine = Counting(spec())
    with pytest.raises(error, match=message):
        engine.infer(batch)
    assert engine.batches == []


def test_a_free_size_takes_any_size():
    engine = Counting(spec(height_px=None, width_px=None), n_priors=2860)
    assert engine.infer(images(1)[:, :, :213]).loc.shape == (1, 2860, 4)


def test_outputs_of_another_shape_are_a_fault():
    with pytest.raises(EngineFault, match=r"loc should be \(1, 4200, 4\), got \(1, 10, 4\)"):
        Counting(spec(), n_priors=10).infer(images(1))


def test_infer_after_close_is_refused():
    with Counting(spec()) as engine:
        pass
    with pytest.raises(ValueError, match="infer after close"):
        engine.infer(images(1))
    engine.close()


@pytest.mark.parametrize(
    ("run", "message"),
    [
        (lambda _: 1 // 0, "inference of 1 images failed: ZeroDivisionError"),
        (lambda _: None, "failed: TypeError"),
        (lambda _: (np.zeros(3), np.zeros(3)), "failed: TypeError"),
    ],
    ids=["raises", "nothing", "two"],
)
def test_a_runtime_that_fails_is_a_fault(run, message):
    engine = Counting(spec())
    engine._run = run
    with pytest.raises(EngineFault, match=message):
        engine.infer(images(1))


def test_intermediates_are_float32_and_without_the_filling_of_a_fixed_batch():
    engine = Showing(spec(max_batch=4), fixed_batch=4)
    found = engine.infer_intermediates(np.concatenate([images(1, 1.0), images(1, 2.0)]), ["mean"])
    assert found["mean"].tolist() == [1, 2]
    assert found["mean"].dtype == np.float32
    assert found["loc"].shape == (2, 4200, 4)
    assert len(engine.batches[0]) == 4


class Describing(Counting):
    """An engine that adds facts to its description."""

    _runtime, _build_s, _placement = "acme 2.1.0", 0.5, {"provider": "acme"}

    def _device_facts(self):
        return {"device_name": "Acme X1"}

    def _facts(self):
        return {"threads": 2}

    def describe(self):
        return Engine.describe(self)


def test_a_description_begins_with_the_keys_of_the_base():
    found = Describing(spec()).describe()
    assert list(found) == [
        "name", "device", "device_name", "precision", "runtime", "threads", "build_s", "placement",
    ]  # fmt: skip
    assert (found["name"], found["device"], found["precision"]) == ("test", "cpu", "fp32")
    assert (found["runtime"], found["build_s"]) == ("acme 2.1.0", 0.5)


def test_an_engine_need_not_show_intermediates():
    with pytest.raises(NotImplementedError, match="test shows no intermediate tensors: Counting"):
        Counting(spec()).infer_intermediates(images(1), ["mean"])


def test_intermediates_of_bad_input_are_refused_before_the_call():
    engine = Showing(spec())
    with pytest.raises(ValueError, match=r"got \(33,"):
        engine.infer_intermediates(images(33), ["mean"])
    engine.close()
    with pytest.raises(ValueError, match="after close"):
        engine.infer_intermediates(images(1), ["mean"])
    assert engine.batches == []


def test_a_runtime_that_fails_to_show_intermediates_is_a_fault():
    engine = Showing(spec())
    engine._run_intermediates = lambda *_: 1 // 0
    with pytest.raises(EngineFault, match="intermediates of 1 images failed: ZeroDivisionError"):
        engine.infer_intermediates(images(1), ["mean"])


class OneAtATime(Counting):
    """Counts the calls that came in while another ran."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.lock, self.n_met = threading.Lock(), 0

    def _run(self, images):
        is_alone = self.lock.acquire(blocking=False)
        self.n_met += not is_alone
        time.sleep(0.002)
        if is_alone:
            self.lock.release()
        return super()._run(images)

    def _run_intermediates(self, images, names):
        return {name: self._run(images).loc for name in names}


def test_threads_of_a_user_get_one_call_at_a_time_unless_the_engine_takes_more():
    def call(engine, i):
        if i % 2:
            return engine.infer_intermediates(images(1, float(i)), ["x"])["x"][0, 0, 0]
        return engine.infer(images(1, float(i))).loc[0, 0, 0]

    met = []
    for n_calls in (1, 4):
        engine = OneAtATime(spec())
        engine.parallel_calls = n_calls
        with ThreadPoolExecutor(4) as threads:
            found = list(threads.map(lambda i, engine=engine: call(engine, i), range(24)))
        assert found == [float(i) for i in range(24)]
        met.append(engine.n_met)
    assert met[0] == 0
    assert met[1] > 0
