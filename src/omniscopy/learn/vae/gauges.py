"""From where angles and shifts are counted: the mean, for objects of every kind."""

import numpy as np
import torch
from torch import nn

from omniscopy.learn.vae.poses import turned

# Objects that a mean is taken of, at least, and kinds that are told apart, at most.
_LEAST, _MOST = 100, 8


def kinds_of(examples: int) -> int:
    """Return how many kinds of objects are told apart among so many examples."""
    return int(np.clip(examples // _LEAST, 1, _MOST))


class Gauge(nn.Module):
    """Mean angles and middles of objects, by their codes.

    A decoder may keep objects of different codes differently turned and beside the middle, and
    nothing in the images tells: one turned further and kept turned back is the same. As angles and
    shifts are expected about 0 whatever the object, they are counted from the means of those of
    similar codes.
    """

    codes: torch.Tensor
    angles: torch.Tensor
    middles: torch.Tensor

    def __init__(self, kinds: int, width: int, axes: int) -> None:
        super().__init__()
        kinds = kinds if width else 1  # without codes nothing tells kinds apart
        self.register_buffer("codes", torch.zeros(kinds, max(width, 1)))
        self.register_buffer("angles", torch.zeros(kinds))
        self.register_buffer("middles", torch.zeros(kinds, axes))

    def learn(
        self, codes: np.ndarray, angles: np.ndarray | None, shifts: np.ndarray | None, *,
        centred: bool,
    ) -> None:  # fmt: skip
        """Take means of the poses that a decoder knows, radians and half widths.

        Angles are only with `centred`: where all are as likely, they have no mean.
        """
        from sklearn.cluster import KMeans

        kinds = len(self.codes)
        codes = codes if codes.shape[1] else np.zeros((len(codes), 1))
        found = KMeans(kinds, n_init=4, random_state=0).fit(codes)
        self.codes.copy_(torch.from_numpy(found.cluster_centers_.astype(np.float32)))
        own = None if shifts is None else torch.from_numpy(shifts)
        if own is not None and angles is not None:
            own = turned(own, -torch.from_numpy(angles))
        for kind in range(kinds):
            members = found.labels_ == kind
            if angles is not None and centred:
                self.angles[kind] = float(np.angle(np.exp(1j * angles[members]).mean()))
            if own is not None:
                self.middles[kind] = own[torch.from_numpy(members)].mean(0)

    def at(self, codes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the mean angle and the middle of the kind that each code is nearest to."""
        if codes.shape[1] == 0:
            codes = codes.new_zeros((len(codes), 1))
        nearest = torch.cdist(codes, self.codes).argmin(-1)
        return self.angles[nearest], self.middles[nearest]
