"""What any mouth does when it sounds like that: the answer where a take's own sound is missing, short or not this mouth's.

The mean of a ridge regression on bands and network, and of the network with a head for mouths; both know only the speakers of
the GRID corpus (Cooke, Barker, Cunningham and Shao 2006), see `lipsync.training.generic_mouth`. Beside them what the network
hears the lips do, which it learnt from many more voices and languages.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from lipsync import store
from lipsync.faces.pose import DoubleArray
from lipsync.faces.tracker import FloatArray
from lipsync.sound.adaptation import MEASURES
from lipsync.sound.features import heard_channel
from lipsync.sound.regression import Ridge

# How wide a mouth is follows less from these than from how far the network hears the lips put forward: what the first counts,
# what the second takes away, and its usual value. Fitted on ten takes, each left out once.
WIDTH_SHARE, NARROWING, USUAL_PROTRUSION = 0.25, 2.3, 0.16

WEIGHTS = Path(__file__).parent.parent / "weights" / "generic_mouth.npz"


@dataclass(frozen=True, slots=True)
class Generic:
    """ridge: from the features without the guess; ridge_share, guess_share: (MEASURES,) what each of the two counts"""

    ridge: Ridge
    ridge_share: DoubleArray
    guess_share: DoubleArray

    def __call__(self, features: FloatArray) -> DoubleArray:
        """(n, MEASURES) standardised aperture, width and drop of the chin for `SoundFeatures.at`'s features (n, d)."""
        ridge = self.ridge(features[:, :-MEASURES])
        answers = np.asarray(ridge * self.ridge_share + features[:, -MEASURES:] * self.guess_share)
        rounded = heard_channel(features, "protrusion") - USUAL_PROTRUSION
        answers[:, 1] = WIDTH_SHARE * answers[:, 1] - NARROWING * rounded
        return answers


@cache
def generic_mouth() -> Generic:
    """The shipped one."""
    return store.load(WEIGHTS, Generic)
