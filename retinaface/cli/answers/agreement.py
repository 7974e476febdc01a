"""The answer of `retinaface agree`."""

from __future__ import annotations

from msgspec import Struct

from retinaface.cli.output.answer import Judgement
from retinaface.records.schema import CheckResult
from retinaface.typing import FloatPrecision


class AgreeSide(Struct, kw_only=True):
    """One of the two engines.

    Attributes:
        python: Its environment, where that is another one.
    """

    engine: str
    precision: FloatPrecision
    python: str | None


class AgreeShard(Struct, kw_only=True):
    """Neighbours in the order of the images.

    Attributes:
        number: From 1.
        n_compared: Detections of both engines.
        n_unmatched: Those without a counterpart.
        n_unexplained: Those of them whose coming or going nothing explains.
        share: Of those without a counterpart, with its interval; None where nothing was found.
        score_offset: Mean of new scores minus old ones; None where no detection has a counterpart.
    """

    number: int
    first_image: str
    last_image: str
    n_images: int
    n_bad: int
    n_compared: int
    n_unmatched: int
    n_unexplained: int
    share: float | None
    low: float | None
    high: float | None
    score_offset: float | None


class AgreeImage(Struct, kw_only=True):
    """An image that changed; see `AgreeShard`.

    Attributes:
        first: The change to look at first, in words.
    """

    image: str
    n_compared: int
    n_unmatched: int
    n_unexplained: int
    first: str


class Agreement(Judgement, kw_only=True, tag="agree"):
    """What two engines find in the same images.

    Attributes:
        old: Engine A, the reference side.
        new: Engine B.
        n_images: That both ran.
        n_bad: That could not be used.
        bad_images: Why, of the first of them.
        n_compared: Detections of both.
        n_unmatched: Those without a counterpart.
        n_pairs: Detections of one with their counterparts of the other.
        seconds_taken: From the first read to the last comparison.
        n_shards: All of them.
        shards: The worst of them; `--csv` writes all.
        images: Those that changed most.
        csv: File of the figures of all shards, where one was asked for; `-` is standard output.
    """

    old: AgreeSide
    new: AgreeSide
    pipeline: str
    batch: int
    shard_size: int
    folder: str
    n_images: int
    n_bad: int
    bad_images: dict[str, str]
    n_compared: int
    n_unmatched: int
    n_pairs: int
    seconds_taken: float
    checks: list[CheckResult]
    n_shards: int
    shards: list[AgreeShard]
    images: list[AgreeImage]
    csv: str | None

    @property
    def replaces_text(self) -> bool:
        """Tell whether standard output has the table of the shards."""
        return self.csv == "-"
