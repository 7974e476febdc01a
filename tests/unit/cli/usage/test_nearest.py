from retinaface.errors import nearest, unknown


def test_the_nearest_name_is_found_whatever_its_case():
    assert nearest("ORT-cpu-fp23", ["ort-cpu-fp32", "torch-cpu-fp32"]) == "ort-cpu-fp32"
    assert nearest("perf", ["PERFORMANCE_HINT", "perfs"]) == "perfs"
    assert nearest("zzz", ["a", "b"]) is None


def test_few_names_are_listed_and_many_only_where_none_is_near():
    assert unknown("unknown x", "igi", ["igie"]) == (
        "unknown x 'igi'; did you mean igie? Expected one of: igie"
    )
    many = [f"name-{i}" for i in range(20)]
    assert unknown("unknown x", "nam-3", many) == "unknown x 'nam-3'; did you mean name-3?"
    assert unknown("unknown x", "?", many, more="or y").endswith("name-19, or y")
