"""An answer of each command, with names as long as they get."""

from __future__ import annotations

from msgspec import structs

from retinaface.checks.intervals import Interval
from retinaface.cli.answers.accuracy import (
    ClusterRun,
    Demo,
    DemoAp,
    DemoErrors,
    DemoFaces,
    DemoModel,
    Detected,
    Evaluated,
    FoundFaces,
    Scored,
)
from retinaface.cli.answers.agreement import AgreeImage, Agreement, AgreeShard, AgreeSide
from retinaface.cli.answers.files import (
    AssetList,
    AssetPath,
    AssetPaths,
    AssetRow,
    Reported,
    WrittenFile,
)
from retinaface.cli.answers.matrix import Matrix
from retinaface.cli.answers.records import EngineList, RunList, RunRow, Trends
from retinaface.cli.answers.speed import Bench, SoakResult
from retinaface.cli.output.answer import Answer
from retinaface.cluster.targets.rows import TargetRow
from retinaface.comparison.engine_table import EngineRow
from retinaface.engines.catalogue import BUILTIN
from retinaface.history.answer import (
    ChangedFigure,
    JudgedFigure,
    JudgedRun,
    LevelChange,
    Series,
    SeriesPoint,
    Trend,
)
from retinaface.records.schema import CheckResult
from retinaface.verdicts import Verdict

AP = {"easy": 0.8287, "medium": 0.7085, "hard": 0.4653}
LONG = "acme.engines.of.a.vendor:open_the_engine_of_the_new_board_x1_fp16"
PATH = "/home/somebody/validation/of/the/new/board/runs/2026-11-27-first-day"
NOTE = "covers 67 of 67 images of the embedded set: comparable only with that set"


def sample_answers() -> list[Answer]:
    """Make an answer of each command that needs no run, no session and no manifest."""
    of_sets = [*_of_accuracy(), _of_agreement()]
    return [*of_sets, *_of_files(), *_of_records(), _of_history(), _of_matrix()]


def _of_accuracy() -> list[Answer]:
    measured = {"scoring": "official", "subset": None, "notes": [NOTE]}
    return [
        Evaluated(
            **measured,
            engine=LONG,
            pipeline="upstream-640",
            batch=32,
            limit=None,
            ap=AP,
            n_images=67,
            detect_s=3.2,
            bad_images={"0--Parade/a": "0--Parade/a: the file is empty"},
            predictions=PATH,
            record=None,
            warnings=["next to nothing was found in 67 images; name the checkpoint with --weights"],
            cluster=ClusterRun(
                scheduler="tcp://scheduler.of.the.lab:8786",
                dashboard="http://scheduler.of.the.lab:8787/status",
                n_workers=16,
                n_lost=1,
                n_repeated=2,
                images_per_s=1234.5,
            ),
        ),
        Scored(
            **measured,
            ap=AP,
            predictions=PATH,
            n_images=67,
            n_images_total=67,
            n_detections=900,
            missing=[],
            record=PATH,
        ),
        Detected(
            engine="ort-cpu-fp32",
            pipeline="igie",
            score_above=0.5,
            images=[
                FoundFaces(
                    image="group.jpg",
                    width=1024,
                    height=768,
                    boxes_xyxy=[[1.0, 2.0, 1003.5, 700.25]],
                    scores=[0.987],
                    landmarks_xy=[[[101.0, 102.0]] * 5],
                )
            ],
            pictures=None,
        ),
        Demo(
            weights="embedded",
            weights_sha256="a" * 64,
            models=[
                DemoModel(file="x.fp32.onnx", opset=13, ir_version=7, n_nodes=168, n_bytes=1740000)
            ],
            inputs=["noise", "zeros", "a picture of somebody"],
            errors=[
                DemoErrors(engine=LONG, largest={"loc": 1e-6, "conf": 2e-6, "landmarks": 3e-6})
            ],
            score_above=0.5,
            faces=[DemoFaces(image="0--Parade/a", n_faces=3)],
            accuracy=DemoAp(engine=LONG, pipeline="igie", batch=32, ap=AP),
            folder="runs/demo",
        ),
        Bench(
            engine=LONG,
            device="Iluvatar MR-V100",
            runtime="ixrt 1.0",
            precision="fp16",
            engine_file=None,
            outputs="equal exact ones within the noise of the precision",
            batch=32,
            protocol="ours",
            timed="median of 100 runs",
            n_runs=100,
            run_s=0.0123,
            images_per_s=2601.6,
            n_checked=104,
        ),
        _of_soak(),
    ]


def _of_soak() -> Answer:
    grew = "+40.00 MiB along 8.0 h, 95% interval [+38.00, +42.00], allowed 8 (median of the first"
    check = CheckResult(
        name="memory",
        verdict=Verdict.FAIL,
        message=f"{grew} third 310.0, of the last 340.0)",
        numbers={"low": 39845888.0},
        value=41943040.0,
        limit=8388608.0,
        margin=-33554432.0,
        unit="MiB",
    )
    return SoakResult(
        verdict=Verdict.FAIL,
        engine=LONG,
        device="Iluvatar MR-V100",
        runtime="ixrt 1.0",
        precision="fp16",
        batch=32,
        outputs="equal exact ones within the noise of the precision",
        n_calls=234000,
        seconds=28800.2,
        images_per_s=2601.6,
        ended_early=True,
        checks=[check],
        output=f"{PATH}/soak.jsonl",
        notes=["not readable: temperature of the machine: no sensor in /sys/class/thermal"],
        warnings=[f"{PATH}/soak.jsonl has no room for the last lines"],
    )


def _of_agreement() -> Answer:
    check = CheckResult(
        name="detections without a counterpart",
        verdict=Verdict.INCONCLUSIVE,
        message="0 of 4864 (0 %) [0 %, 0.157 %], allowed 0.05 %; about 207 images would decide",
        numbers={"share": 0.0},
        value=0.0,
        limit=0.05,
        unit="%",
    )
    shard = AgreeShard(
        number=1,
        first_image="0--Parade/a/folder/of/many/a_picture_of_a_parade_0.jpg",
        last_image="0--Parade/z.jpg",
        n_images=66,
        n_bad=1,
        n_compared=4864,
        n_unmatched=3,
        n_unexplained=0,
        share=3 / 4864,
        low=0.0,
        high=0.003,
        score_offset=None,
    )
    counts = {"n_compared": 170, "n_unmatched": 3, "n_unexplained": 0}
    return Agreement(
        verdict=Verdict.INCONCLUSIVE,
        old=AgreeSide(engine="ort-cpu-fp32", precision="fp32", python=None),
        new=AgreeSide(engine=LONG, precision="fp16", python=PATH),
        pipeline="igie",
        batch=32,
        shard_size=66,
        folder=PATH,
        n_images=132,
        n_bad=1,
        bad_images={"0--Parade/a.jpg": "0--Parade/a.jpg: the file is empty"},
        n_compared=4864,
        n_unmatched=3,
        n_pairs=2430,
        seconds_taken=3.2,
        checks=[
            check,
            structs.replace(check, name="mean offset of boxes in x", verdict=Verdict.PASS),
        ],
        n_shards=2,
        shards=[shard, structs.replace(shard, number=2)],
        images=[AgreeImage(image=shard.first_image, first="a box is lost", **counts)],
        csv=None,
    )


def _of_files() -> list[Answer]:
    there = AssetRow(name="mobilenet0.25_Final.pth", n_bytes=1800000, licence="MIT", path=PATH)
    gone = AssetRow(
        name="wider_medium_val.mat",
        n_bytes=400000,
        licence="WIDER FACE, research only",
        path=None,
        has_wrong_hash=True,
    )
    return [
        AssetList(assets=[there, gone]),
        AssetPaths(paths=[PATH]),
        AssetPath(path=PATH),
        Reported(
            scorecard=["RetinaFace validation: PASS", "export faithful? PASS"],
            verdict=Verdict.INCONCLUSIVE,
            files=[WrittenFile(path="report.html", n_bytes=900000)],
        ),
    ]


def _of_records() -> list[Answer]:
    engines = [
        EngineRow(
            engine=name,
            runtime="a-runtime 1.32.0",
            largest_error=1.2e-6,
            of_the_limit=0.31,
            unmatched=0.012,
            ap={split: 100 * value for split, value in AP.items()},
            n_images=67,
            speed_ratio=[0.91, 1.02, 1.13],
            build_s=12.34,
            run="a",
        )
        for name in (*list(BUILTIN)[:11], LONG)
    ]
    row = RunRow(
        name="validate-ort132-python314-first-day-on-the-new-board",
        path=PATH,
        created="2026-11-27T06:52:14+00:00",
        verdict="INCONCLUSIVE",
        state="crashed",
        runtimes=["onnxruntime 1.32.0", "openvino 2026.1.0"],
        devices=["Intel(R) Xeon(R) Platinum 8380 CPU @ 2.30GHz"],
        ap={"ort-cpu-fp32--upstream-640--b32": AP, "openvino-cpu-fp32--igie--b32": AP},
        n_run=651,
        n_skipped=12,
        warnings=["weights nobody knows: next to nothing was found"],
    )
    return [EngineList(engines=engines), RunList(runs=[row], unavailable=[], csv="figures.csv")]


def _of_matrix() -> Answer:
    there = TargetRow(
        name="the-new-board-of-a-vendor-fp16",
        verdict=Verdict.FAIL,
        reason="gave no answer within 1800 s; test_fps.py::test_network[b32] was running",
        engines=[LONG, "ort-cpu-fp32"],
        pipelines=["igie", "upstream-640"],
        tag="GPU=1, MEMORY=8e+09",
        worker="tcp://192.168.100.101:45767",
        seconds=1801.23,
        record=f"{PATH}/the-new-board-of-a-vendor-fp16",
        output=f"{PATH}/the-new-board-of-a-vendor-fp16.txt",
        lost=["tcp://192.168.100.101:45766"],
    )
    reason = "no worker with NPU=1 within 60 s; the cluster has 1 worker with GPU=1"
    gone = structs.replace(
        there,
        name="npu",
        verdict=Verdict.INCONCLUSIVE,
        reason=reason,
        tag="NPU=1",
        worker="",
        record=None,
        output=None,
    )
    return Matrix(
        verdict=Verdict.FAIL,
        plan="plan.toml",
        scheduler="tcp://192.168.100.100:8786",
        folder=PATH,
        targets=[there, gone],
        files=[f"{PATH}/report.html", f"{PATH}/report.md", f"{PATH}/matrix.json"],
        notes=["a: tcp://a:1 was lost, and tcp://a:2 ran it again"],
    )


def _of_history() -> Answer:
    run, device = "validate-ort132-python314-on-the-new-board", "Iluvatar MR-V100"
    point = SeriesPoint(run=run, created="2026-11-27 06:52", value=46.53, busy="", note="")
    trend = Trend(
        engine=LONG,
        pipeline="upstream-640",
        batch=32,
        precision="fp16",
        device=device,
        basis="3226 images 55555555, weights b4b4b4b4",
        label="upstream-640 b32 AP e/m/h %",
        newest="82.87 / 70.85 / 46.53",
        spark="▅▅▅▅▅▅▅▅▁▁▁▁▁▁▁▁",
        state="12 changes",
        series=[Series(metric=f"AP {split}", unit="%", points=[point]) for split in AP],
    )
    size = Interval(-0.6, -0.71, -0.49)
    change = LevelChange(
        engine=LONG,
        device=device,
        before="validate-ort131-python314-on-the-new-board",
        after=run,
        created=point.created,
        is_worse=True,
        figures=[
            ChangedFigure(
                pipeline="upstream-640", batch=32, metric="AP hard", unit="points", change=size
            )
        ],
        text="upstream-640 b32 AP hard -0.60 [-0.71, -0.49] points; and 2 more",
        what_else="onnxruntime 1.31.1 -> 1.32.0; cuda_driver 580.65.06 -> 590.12.01",
    )
    figure = JudgedFigure(
        subject=f"{LONG} upstream-640 b32",
        device=device,
        metric="AP hard",
        unit="%",
        value=46.53,
        level=47.13,
        change=size,
        change_unit="points",
        earlier=["a", "b", "c", "d", "e"],
        verdict=Verdict.FAIL,
        is_news=True,
        text="AP hard 46.53, level 47.13 %: -0.60 [-0.71, -0.49] points; below all of the last 5",
    )
    judged = JudgedRun(
        run=run,
        n_last=10,
        own_verdict=None,
        state="crashed",
        figures=[figure],
        absent=[f"{LONG} igie b32: network"],
    )
    with_words = {"label": "a-pipeline-of-a-vendor b1024 least margin", "newest": "100 % left"}
    return Trends(
        folder=PATH,
        index=None,
        period="40 runs, 2026-09-01 04:30 to 2026-11-27 06:52 UTC",
        summary=f"1 change of level in 1 of 1 engine; the newest, for the worse: {change.text}.",
        n_runs=40,
        n_unavailable=2,
        damaged={"a": f"cannot read a run record from {PATH}"},
        trends=[trend, structs.replace(trend, **with_words)],
        changes=[change],
        judged=judged,
        verdict=Verdict.FAIL,
        csv="figures.csv",
        files=["history.html", "history.md"],
        notes=["no index can be kept in the cache: every record was read"],
    )
