"""Programs that made the embedded set: pictures, ground truth, and a checkpoint.

python -m tools.embedded pictures          the 67 pictures and their ground truth
python -m tools.embedded training-set      generated pictures to train on
python -m tools.embedded train             the checkpoint, one file for each epoch
python -m tools.embedded publish           the last checkpoint, with the FP16 trap built in
"""
