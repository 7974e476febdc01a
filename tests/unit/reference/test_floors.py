from retinaface.reference.floors import FACTORS, FLOOR_WORDS


def test_the_milder_floor_has_the_tighter_factors():
    strict, mild = FACTORS["fp16"], FACTORS["fp16-blocks"]
    assert mild.largest < strict.largest
    assert mild.rms < strict.rms


def test_each_floor_has_factors_and_words_of_its_own():
    assert set(FACTORS) == set(FLOOR_WORDS)
    assert len(set(FLOOR_WORDS.values())) == len(FLOOR_WORDS)
    assert all(1 < factors.rms < factors.largest for factors in FACTORS.values())
