"""What two engines found in some images, in sums that add up over shards."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from retinaface.checks.agreement.offset_sums import OffsetSums, sum_offsets
from retinaface.checks.agreement.shares import ShareSums, sum_shares
from retinaface.checks.detection_changes import ImageDifference
from retinaface.checks.detection_matching import MATCH_LANDMARK
from retinaface.checks.detections import CONFIDENT, is_broken
from retinaface.checks.offsets.judged import Precisions

N_WORST = 20
_N_BAD_NAMED = 20


@dataclass(frozen=True)
class ChangedImage:
    """An image in which detections changed.

    Attributes:
        n_compared: Detections of both sides.
        n_unmatched: Those without a counterpart.
        n_unexplained: Those of them whose coming or going nothing explains.
        score: The surest of those without a counterpart.
        first: The change that is to be looked at first, in words.
    """

    image: str
    n_compared: int
    n_unmatched: int
    n_unexplained: int
    score: float
    first: str

    @property
    def rank(self) -> tuple[int, int, float, str]:
        """Order by how much changed; names decide between equals."""
        return self.n_unexplained, self.n_unmatched, self.score, self.image


@dataclass(frozen=True)
class ShardSums:
    """What two engines found in some images, in sums that add up in any order.

    Attributes:
        n_images: Images that both engines ran.
        n_bad: Images that could not be used.
        bad_images: Why, of the first of them.
        unmatched: Detections without a counterpart, of those of both sides.
        unexplained: Those whose coming or going nothing explains.
        changed_images: Images with a detection without a counterpart, each counted as one of one.
        n_confident: Unexplained ones with a high score; half of one for each side of one that
            moved.
        n_broken: Images in which most changes have no explanation.
        landmarks: Pairs that disagree about a landmark.
        causes: Number of detections without a counterpart, by kind and cause.
        offsets: Of the pairs.
        worst: The images that changed most, the worst first.
    """

    n_images: int
    n_bad: int
    bad_images: dict[str, str]
    unmatched: ShareSums
    unexplained: ShareSums
    changed_images: ShareSums
    n_confident: float
    n_broken: int
    landmarks: ShareSums
    causes: Counter[str]
    offsets: OffsetSums
    worst: tuple[ChangedImage, ...]

    def __add__(self, other: ShardSums) -> ShardSums:
        """Add the sums of other images."""
        mine, theirs = vars(self), vars(other)
        kept = {"bad_images", "worst"}
        added = {name: mine[name] + theirs[name] for name in mine if name not in kept}
        bad = sorted({**self.bad_images, **other.bad_images}.items())
        worst = heapq.nlargest(N_WORST, (*self.worst, *other.worst), key=lambda one: one.rank)
        return replace(self, **added, bad_images=dict(bad[:_N_BAD_NAMED]), worst=tuple(worst))


def sum_up(
    found: Sequence[ImageDifference], bad: Mapping[str, str], precisions: Precisions
) -> ShardSums:
    """Sum the differences of images, and drop them.

    Args:
        bad: Why an image could not be used, by name.
        precisions: Of the old and of the new detections.
    """
    unexplained = [sum(change.is_unexplained for change in one.changes) for one in found]
    confident = [
        0.5 if change.kind == "moved" else 1.0
        for one in found
        for change in one.changes
        if change.is_unexplained and change.score > CONFIDENT
    ]
    return ShardSums(
        n_images=len(found),
        n_bad=len(bad),
        bad_images=dict(sorted(bad.items())[:_N_BAD_NAMED]),
        unmatched=sum_shares((len(one.changes), one.n_compared) for one in found),
        unexplained=sum_shares(
            (n, one.n_compared) for n, one in zip(unexplained, found, strict=True)
        ),
        changed_images=sum_shares((int(bool(one.changes)), 1) for one in found),
        n_confident=sum(confident),
        n_broken=sum(map(is_broken, found)),
        landmarks=sum_shares(
            (int((~(one.landmark_shifts <= MATCH_LANDMARK)).sum()), len(one.landmark_shifts))
            for one in found
        ),
        causes=Counter(
            f"{change.kind}: {change.cause or 'unexplained'}" for o in found for change in o.changes
        ),
        offsets=sum_offsets([one.offsets for one in found], precisions),
        worst=_worst(found),
    )


def _worst(found: Sequence[ImageDifference]) -> tuple[ChangedImage, ...]:
    changed = [_changed(one) for one in found if one.changes]
    return tuple(heapq.nlargest(N_WORST, changed, key=lambda one: one.rank))


def _changed(one: ImageDifference) -> ChangedImage:
    n_unexplained, n_unmatched, score = one.rank
    first = max(one.changes, key=lambda change: (change.is_unexplained, change.score))
    return ChangedImage(one.image, one.n_compared, n_unmatched, n_unexplained, score, str(first))
