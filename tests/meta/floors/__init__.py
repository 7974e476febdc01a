"""The noise floors that FP16 is held to, and what each must see."""
