"""A take of somebody who does not exist, made on the spot: the demo's input and the tests' ground truth.

`python -m lipsync.synthetic FOLDER` leaves a talking take, a second voice in another language and the mouth shape that
was intended in every frame of the take.
"""
