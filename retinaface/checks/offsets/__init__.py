"""Whether matched detections are shifted as a whole: mean signed offsets by the size of faces."""
