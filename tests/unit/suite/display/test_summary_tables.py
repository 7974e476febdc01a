from retinaface.suite.display.summary_tables import ap_table, speed_table

FP32 = {
    "id": "ort-cpu-fp32--igie--b32",
    "ap": {"easy": 0.80125, "medium": 0.7, "hard": 0.4},
    "n_images": 3226,
    "speed": {"network": {"images_per_s": 812.34}, "session": {"median_s": 0.1234}},
}


def test_ap_stands_in_percent_by_engine_and_pipeline():
    assert ap_table([FP32, {"id": "ort-cpu-fp32"}]) == [
        "AP in %, 3226 images    easy  medium    hard",
        "  ort-cpu-fp32 igie    80.12   70.00   40.00",
    ]


def test_different_numbers_of_images_are_all_shown():
    assert "67 or 3226 images" in ap_table([FP32, {**FP32, "n_images": 67}])[0]


def test_images_per_second_stand_by_batch_in_the_order_of_batches():
    others = [
        {"id": f"ort-cpu-fp32--igie--b{n}", "speed": {"network": {"images_per_s": n}}}
        for n in (1, 8)
    ]
    assert speed_table([FP32, *others]) == [
        "images/s by batch           b1      b8     b32",
        "  ort-cpu-fp32 network     1.0     8.0   812.3",
    ]


def test_a_batch_that_was_not_timed_is_a_dash():
    other = {"id": "other--igie--b1", "speed": {"network": {"images_per_s": 3}}}
    assert speed_table([FP32, other])[-1].split() == ["other", "network", "3.0", "-"]


def test_nothing_measured_is_no_table():
    assert ap_table([{"id": "a"}]) == speed_table([{"id": "a"}]) == []
