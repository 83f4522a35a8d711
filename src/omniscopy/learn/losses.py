"""How wrong the scores of pixels are."""

from typing import Literal, get_args

import torch
from torch.nn import functional

from omniscopy.model import require_choice

SegmentationLoss = Literal["ce", "focal", "dice", "bce"]
_TINY = 1e-7


def segmentation_loss(
    scores: torch.Tensor,
    wanted: torch.Tensor,
    loss: SegmentationLoss,
    *,
    alpha: float = 0.5,
    gamma: float = 2.0,
) -> torch.Tensor:
    """Return how wrong scores are.

    Parameters
    ----------
    scores : Tensor, shape (examples, channels, y, x)
        One channel is the log odds of the only class; of several, the first is the background
        and their exponentials are in the ratio of the probabilities. With "bce" each channel is
        the log odds of a class of its own, and pixels may be of several.
    wanted : Tensor, shape (examples, y, x) of int, or (examples, channels, y, x)
        Labels from 0, the background, on; or which classes pixels are of.
    loss : {"ce", "focal", "dice", "bce"}
        Cross entropy; that of which sure pixels count less (Lin et al. 2017, the power `gamma` and
        the share `alpha` of the class against the background); one less the overlap, averaged
        over classes (Milletari et al. 2016); cross entropy of each channel.
    """
    require_choice("loss", loss, get_args(SegmentationLoss))
    single = scores.shape[1] == 1
    if loss == "bce" or (loss == "ce" and single):
        return functional.binary_cross_entropy_with_logits(scores, _maps(wanted, scores))
    if loss == "ce":
        return functional.cross_entropy(scores, wanted)
    if loss == "focal":
        return _focal(scores, wanted, alpha, gamma)
    if single:
        share = torch.sigmoid(scores)
        share, maps = torch.cat([1.0 - share, share], 1), _maps(wanted, scores)
        maps = torch.cat([1.0 - maps, maps], 1)
    else:
        share, maps = scores.softmax(dim=1), one_hot(wanted, scores.shape[1])
    inside = (share * maps).sum(dim=(0, 2, 3))
    size = share.sum(dim=(0, 2, 3)) + maps.sum(dim=(0, 2, 3))
    # A class that is neither there nor seen is no mistake.
    return (1.0 - (2.0 * inside + _TINY) / (size + _TINY)).mean()


def one_hot(labels: torch.Tensor, count: int) -> torch.Tensor:
    """Return a map of each label, shape (examples, count, y, x)."""
    return functional.one_hot(labels, count).permute(0, 3, 1, 2).float()


def _maps(wanted: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
    return (wanted if wanted.ndim == scores.ndim else wanted[:, None]).to(scores.dtype)


def _focal(scores: torch.Tensor, wanted: torch.Tensor, alpha: float, gamma: float) -> torch.Tensor:
    if scores.shape[1] == 1:
        maps = _maps(wanted, scores)
        entropy = functional.binary_cross_entropy_with_logits(scores, maps, reduction="none")
        share = alpha * maps + (1.0 - alpha) * (1.0 - maps)
    else:
        entropy = functional.cross_entropy(scores, wanted, reduction="none")
        share = torch.where(wanted > 0, alpha, 1.0 - alpha)
    # Each pixel on its own: of a batch's mean there is nothing to focus on.
    return (share * (1.0 - torch.exp(-entropy)) ** gamma * entropy).mean()
