"""Find which layers of an INT8 file cost its accuracy: each in float alone, ranked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from retinaface.checks.int8.budgets import Budget, count_alone, meets
from retinaface.telling.work import working
from retinaface.verdicts import Check, Verdict
from retinaface.widerface.average_precision import average_precision
from retinaface.widerface.evaluation import Evaluation

if TYPE_CHECKING:
    from retinaface.network.model import RetinaFace

# Of the run, spread over its events: a file for each of 56 layers runs over them.
N_IMAGES = 24
_N_TOLD = 8


@dataclass(frozen=True)
class Cost:
    """What INT8 costs against FP32 on the images of the search.

    Attributes:
        floats: Layers in float.
        lost_points: AP lost, by split.
        share: Of detections without a counterpart, 0 to 1.
    """

    floats: tuple[str, ...]
    lost_points: dict[str, float]
    share: float

    @property
    def rank(self) -> tuple[float, float]:
        """Order by detections without a counterpart, then by the AP lost in all splits."""
        return self.share, sum(self.lost_points.values())

    def __str__(self) -> str:
        lost = " / ".join(f"{-points:+.2f}" for points in self.lost_points.values())
        return f"{self.share:.2%} of detections, AP {lost}"


def cost_of(floats: tuple[str, ...], fp32: Evaluation, found: Evaluation) -> Cost:
    """Compare an evaluation with that of FP32 over the same images."""
    before, after = average_precision(fp32.counts), average_precision(found.counts)
    return Cost(
        floats,
        {split: 100 * (before[split] - after[split]) for split in before},
        count_alone(fp32.detections, found.detections).share,
    )


@dataclass(frozen=True)
class Search:
    """A search for costly layers: what to run, and how.

    Attributes:
        layers: Names, in the order of the network.
        cost: Runs the file with some layers in float.
        budget: Of the user.
        n_images: That each file runs over.
    """

    layers: Sequence[str]
    cost: Callable[[tuple[str, ...]], Cost]
    budget: Budget
    n_images: int

    def run(self) -> Check:
        """Put each layer in float alone, rank them, and find a smallest set that meets the budget.

        The set is greedy: the first k layers by rank, the smallest k that is found by halving.
        """
        with working(f"{len(self.layers)} INT8 files, a layer in float in each"):
            whole = self.cost(())
            alone = [self.cost((layer,)) for layer in self.layers]
        ranked = sorted(alone, key=lambda cost: cost.rank)
        lines = [f"\n  {cost.floats[0]} in float: {cost}" for cost in ranked[:_N_TOLD]]
        text = f"on {self.n_images} images: all in INT8 {whole}; the layers that cost most:"
        text += "".join(lines)
        numbers = {
            "n_images": self.n_images,
            "int8": _figures(whole),
            "layers": {cost.floats[0]: _figures(cost) for cost in ranked},
        }
        name = "layers that cost INT8 its accuracy"
        if not self.budget:
            return Check(name, Verdict.INCONCLUSIVE, f"no budget is stated; {text}", numbers)
        if self._meets(whole):
            return Check(name, Verdict.PASS, f"within the budget; {text}", numbers)
        chosen = self._smallest([cost.floats[0] for cost in ranked])
        if chosen is None:
            text = f"no {len(ranked) - 1} layers in float meet the budget; {text}"
            return Check(name, Verdict.FAIL, text, numbers)
        options = " ".join(f"--float-layer {layer}" for layer in chosen.floats)
        text = (
            f"{len(chosen.floats)} layers in float meet the budget ({chosen}; the first by rank): "
            f"retinaface export --precision int8 {options}\n{text}"
        )
        return Check(name, Verdict.FAIL, text, {**numbers, "float_layers": list(chosen.floats)})

    def _meets(self, cost: Cost) -> bool:
        return meets(self.budget, cost.lost_points, cost.share)

    def _smallest(self, ranked: Sequence[str]) -> Cost | None:
        """Halve between none and all but one; assumes that more layers in float cost no more."""
        low, high = 0, len(ranked) - 1
        best = self.cost(tuple(ranked[:high])) if high > 0 else None
        if best is None or not self._meets(best):
            return None
        while high - low > 1:
            middle = (low + high) // 2
            found = self.cost(tuple(ranked[:middle]))
            if self._meets(found):
                high, best = middle, found
            else:
                low = middle
        return best


def _figures(cost: Cost) -> dict[str, float]:
    return {"share": cost.share, **cost.lost_points}


class Variants:
    """Writes files of an INT8 file with some of its layers in float."""

    def __init__(self, model: RetinaFace, file: Path, folder: Path) -> None:
        """Match the layers of the network with those of the file.

        Raises:
            ExportError: They do not match.
        """
        import onnx

        from retinaface.export.layer_match import match_convolutions
        from retinaface.reference.layers_from_torch import torch_convolutions

        self._model = onnx.load(file)
        self._folder = folder
        self._tensors = {m.layer: m.tensor for m in match_convolutions(model, file)}
        self._layers = {layer.name: layer for layer in torch_convolutions(model)}

    def layers(self, already: Sequence[str] = ()) -> list[str]:
        """Name the layers that are quantised.

        Args:
            already: Those that the file has in float.
        """
        return [layer for layer in self._tensors if layer not in already]

    def write(self, floats: tuple[str, ...]) -> Path:
        """Write a file with some layers in float.

        Raises:
            ExportError: The file is not of the form QDQ.
        """
        import onnx

        from retinaface.export.int8.float_layers import with_float_layers

        chosen = {self._tensors[name]: self._layers[name] for name in floats}
        path = self._folder / "variant.onnx"
        onnx.save(with_float_layers(self._model, chosen), path)
        return path
