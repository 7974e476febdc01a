"""The kinds of faults, the sizes that are tried, and the tests that run on each."""

from __future__ import annotations

from dataclasses import dataclass

# What runs, as words for `-k`.
RAW = "b3-noise"
AP = "widerface_ap"
WALK = "every_row"  # has batch 18, and takes a quarter of the time of both
WALKS = "every_row or another_order"
MEMORY = "memory_behind"
# What is judged without an engine: samples of a clock, drawn with a fixed seed.
SAMPLES = "samples"
# Where a fault lies: each has a table on the page.
OUTPUTS = "outputs"
DECODED = "decoded"
CALLS = "calls"
TIMES = "times"


@dataclass(frozen=True)
class Kind:
    """One row of the page.

    Attributes:
        name: Key of the row in the file of measurements.
        title: What is wrong, for a reader.
        unit: Of the sizes.
        sizes: Rising.
        where: The table that the row stands in.
        tests: Words for `-k`, or `SAMPLES`.
        fault: In `tests.support.given.sized_faults`, or in `samples`.
        says: What one of the checks that are red must say: it is red for this fault.
    """

    name: str
    title: str
    unit: str
    sizes: tuple[float, ...]
    where: str
    tests: str
    fault: str
    says: str
    precision: str = "fp32"


_DECADES = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2)
_PX = (0.02, 0.05, 0.1, 0.2, 0.5)
_PX_FP16 = (0.001, 0.002, 0.005, 0.01, 0.02)
_SHARES = (0.002, 0.005, 0.01, 0.02, 0.05)
_SCORES = (0.0002, 0.0005, 0.001, 0.002, 0.005)
_FP16 = (0.001, 0.003, 0.01, 0.03, 0.1)
_BYTES = (2_000, 5_000, 10_000, 20_000, 50_000)
_SLOWER = (0.02, 0.05, 0.1, 0.2, 0.5)


def _of_outputs() -> list[Kind]:
    found = []
    for precision, boxes, shares, of_background in (
        ("fp32", _DECADES, _DECADES[:3], "conf log-odds: error against"),
        ("fp16", _PX_FP16, _FP16, "background and face add up to 1 within"),
    ):
        short, text = f"_{precision}", f", {precision.upper()}"
        rows = (
            ("boxes", f"boxes too far right{text}", "px", boxes, "boxes_right_px",
             "loc: error against"),
            ("noise", f"noise on all outputs{text}", "of each value", shares, "noise",
             "error against"),
            ("background", f"background's probability alone too small{text}", "of itself", shares,
             "background_lower", of_background),
        )  # fmt: skip
        found += [
            Kind(f"{name}{short}", title, unit, sizes, OUTPUTS, RAW, fault, says, precision)
            for name, title, unit, sizes, fault, says in rows
        ]
    title = "batch norms unfolded in a cast to FP16"
    last = Kind("unfolded", title, "", (1,), OUTPUTS, RAW, "unfolded_cast", "error against", "fp16")
    return [*found, last]


KINDS = (
    *_of_outputs(),
    Kind("shift_px", "boxes too far right", "px", _PX, DECODED, AP, "boxes_right_px",
         "mean offset of boxes in x"),
    Kind("shift_share", "boxes too far right", "of their width", _SHARES, DECODED, AP,
         "boxes_right_share", "mean offset of boxes in x"),
    Kind("landmarks", "landmarks too far right", "px", (0.05, *_PX[2:], 1.0), DECODED, AP,
         "landmarks_right_px", "mean offset of landmarks in x"),
    Kind("scores", "scores of all faces lower", "", _SCORES, DECODED, AP, "scores_lower",
         "mean offset of scores"),
    Kind("small_scores", "scores of faces below 16 px lower", "", _SCORES, DECODED, AP,
         "small_scores_lower", "mean offset of scores"),
    Kind("tail", "noise at batch 18 alone", "of each value", _DECADES, CALLS, WALK, "tail_noise",
         "batch 18 after"),
    Kind("other_image", "images with the outputs of another", "of the images",
         (0.0001, 0.0003, 0.001, 0.003, 0.01), CALLS, WALKS, "other_image", "largest difference"),
    Kind("leak_one", "memory left by each call of batch 1", "bytes", _BYTES, CALLS, MEMORY,
         "leak_at_one", "runs of batch 1 left"),
    Kind("leak_batches", "memory left by each call above batch 1", "bytes", _BYTES, CALLS, MEMORY,
         "leak_in_batches", "memory of batches"),
    Kind("slower", "all calls slower than the baseline", "of the time", _SLOWER, TIMES, SAMPLES,
         "all_slower", "times as long as the baseline"),
    Kind("slower_late", "last third of the calls slower", "of the time", _SLOWER, TIMES, SAMPLES,
         "late_slower", "drift within the run"),
    Kind("one_in_five", "one call in five slower", "of the time", _SLOWER, TIMES, SAMPLES,
         "one_in_five_slower", "slow calls"),
)  # fmt: skip
