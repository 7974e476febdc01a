"""`retinaface export`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from retinaface.cli.options import PATH


class BatchSize(click.ParamType):  # type: ignore[type-arg] # generic only since click 8.3
    """A number of images, or `dynamic`, which is None inside."""

    name = "N|dynamic"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> int | None:
        """Parse; `dynamic` becomes None."""
        if value in ("dynamic", None):
            return None
        try:
            number = int(value)
        except ValueError:
            number = 0
        if number < 1:
            self.fail(f"expected a number of at least 1, or dynamic; got {value!r}", param, ctx)
        return number


@click.command()
@click.option("--output", type=PATH, required=True, metavar="FILE.onnx", help="What to write.")
@click.option(
    "--weights",
    metavar="FILE|synthetic",
    help="Checkpoint; 'synthetic' for generated weights.  [default: the published checkpoint]",
)
@click.option(
    "--exporter",
    type=click.Choice(["torchscript", "dynamo"]),
    default="torchscript",
    show_default=True,
    help="torch's exporter.",
)
@click.option(
    "--opset",
    type=int,
    metavar="N",
    help="torchscript: 11 to 20 (default 13). dynamo: 16 to 20 (default 18).",
)
@click.option(
    "--precision",
    type=click.Choice(["fp32", "fp16"]),
    default="fp32",
    show_default=True,
    help="Of weights and operators.",
)
@click.option(
    "--io",
    type=click.Choice(["fp32", "fp16"]),
    default="fp32",
    show_default=True,
    help="Of input and outputs; fp16 needs --precision fp16.",
)
@click.option(
    "--batch-size",
    type=BatchSize(),
    default="dynamic",
    metavar="N|dynamic",
    show_default=True,
    help="Fix the batch axis, or leave it free.",
)
@click.option("--dynamic-size", is_flag=True, help="Leave height and width free.")
@click.option("--no-simplify", is_flag=True, help="Do not run onnxsim.")
def export(
    output: Path,
    weights: str | None,
    exporter: Any,
    opset: int | None,
    precision: Any,
    io: Any,
    batch_size: int | None,
    dynamic_size: bool,
    no_simplify: bool,
) -> None:
    """Export the network to ONNX and verify what was written.

    Beside FILE.onnx stand FILE.json, a manifest (versions, options, hashes), and
    FILE.reference.npz, inputs with the outputs of float64 torch, by which a machine without torch
    judges an engine.

    \b
    retinaface export --output retinaface.onnx
    retinaface export --output retinaface.fp16.onnx --precision fp16 --batch-size 32
    """
    try:
        from retinaface.export import ExportOptions, sidecars
        from retinaface.export import export as run
        from retinaface.weights import load_model
    except ImportError as error:
        from retinaface.errors import ExportError

        raise ExportError(
            f"exporting needs {error.name}, which is not installed; install the extra 'export'"
        ) from error
    options = ExportOptions(
        exporter=exporter,
        opset=opset,
        precision=precision,
        io=io,
        batch_size=batch_size,
        dynamic_size=dynamic_size,
        simplify=not no_simplify,
    )
    manifest = run(load_model(weights, progress=True), options, output)
    n_nodes = sum(manifest["operators"].values())
    axes = "x".join(str(axis) for axis in manifest["axes"]["input"])
    click.echo(
        f"{output}: opset {manifest['options']['opset']}, IR {manifest['ir_version']}, {precision} "
        f"(I/O {io}), input {axes}, {n_nodes} nodes, sha256 {manifest['sha256'][:16]}"
    )
    for sidecar in sidecars(output):
        click.echo(sidecar)
