"""Make the embedded set again: `python -m tools.embedded`."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import click

PACKAGE = Path(__file__).resolve().parents[2] / "retinaface" / "embedded"
FOLDER = click.Path(path_type=Path, file_okay=False)
WORK = Path("out/embedded")


@click.group(no_args_is_help=True)
def main() -> None:
    """Make the pictures, the ground truth and the checkpoint that ship with the package.

    Pictures are the same each time, up to rounding inside OpenCV. Training is not reproducible to
    the bit, so retinaface/assets.py pins the shipped checkpoint by its hash.
    """


@main.command()
@click.option("--output", type=FOLDER, default=PACKAGE / "widerface", show_default=True)
def pictures(output: Path) -> None:
    """Draw the 67 pictures and write their ground truth."""
    from retinaface.embedded import folder_sha256
    from tools.embedded.embedded_set import write_embedded_set

    if output.exists():
        shutil.rmtree(output)
    write_embedded_set(output)
    click.echo(f"{output}: sha256 {folder_sha256(output)}")


@main.command("training-set")
@click.option("--output", type=FOLDER, default=WORK / "pictures", show_default=True)
@click.option("--pictures", "n_pictures", type=click.IntRange(1), help="Number of pictures.")
def training_set(output: Path, n_pictures: int | None) -> None:
    """Draw pictures to train on; this takes four minutes on two cores."""
    from tools.embedded.training_set import N_PICTURES, write_training_set

    write_training_set(output, n_pictures or N_PICTURES)


@main.command()
@click.option("--pictures", "folder", type=FOLDER, default=WORK / "pictures", show_default=True)
@click.option("--output", type=FOLDER, default=WORK / "checkpoints", show_default=True)
@click.option(
    "--steps", type=click.IntRange(1), help="Stop after this many steps, for a smoke test."
)
def train(folder: Path, output: Path, steps: int | None) -> None:
    """Train from random weights; this takes up to an hour on two cores."""
    from tools.embedded.train import Schedule
    from tools.embedded.train import train as run
    from tools.embedded.training_set import TrainingSet

    run(TrainingSet(folder), output, Schedule(), n_steps=steps, report=click.echo)


@main.command()
@click.argument("checkpoint", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--output", type=click.Path(path_type=Path), default=PACKAGE / "embedded.pth")
def publish(checkpoint: Path, output: Path) -> None:
    """Add the FP16 trap to a checkpoint, and print the hash to pin."""
    import torch

    from retinaface.storage.hashing import file_sha256
    from tools.embedded.fp16_trap import with_fp16_trap

    state = torch.load(checkpoint, weights_only=True)
    torch.save(with_fp16_trap(state), output)
    click.echo(f"{output}: sha256 {file_sha256(output)}")


@main.command()
def noise() -> None:
    """Compare honest engines on the set, to justify the delta of its AP."""
    from tools.embedded.noise import honest_shifts

    click.echo(
        "| pipeline | engine | split | AP (%) | difference | 95 % interval | standard error |"
    )
    click.echo("| --- | --- | --- | --- | --- | --- | --- |")
    for s in honest_shifts():
        click.echo(
            f"| {s.pipeline} | {s.engine} | {s.split} | {s.ap:.2f} | {s.difference:+.3f} | "
            f"{s.low:+.3f} to {s.high:+.3f} | {s.standard_error:.3f} |"
        )


if __name__ == "__main__":
    sys.exit(main())
