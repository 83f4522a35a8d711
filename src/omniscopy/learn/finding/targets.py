"""What the network should say of each cell, and how wrong it is."""

import numpy as np
import torch
from torch.nn import functional

from omniscopy.learn.batches import Batch
from omniscopy.learn.nets.cells import CELL

# Maps of a target: centre, offsets, where offsets count, kind, and where centres count.
CENTRE, DY, DX, NEAR, KIND, COUNTED = range(6)
# Offsets of cells beside the one with the centre count so much.
_BESIDE = 0.25
_VARIANCE = (-9.0, 3.0)
_OFFSETS, _KINDS = 0.5, 0.5


def target_of(
    size: tuple[int, int],
    places: np.ndarray,
    kinds: np.ndarray,
    counted: np.ndarray,
) -> np.ndarray:
    """Return the maps of a target, shape (6, rows, columns) of cells.

    Parameters
    ----------
    size : (int, int)
        Rows and columns of cells.
    places : array, shape (atoms, 2)
        In pixels of the scaled image, the middle of the first at 0.
    kinds : array of int, shape (atoms,)
    counted : array of bool, shape (atoms,)
        Of others nothing is asked, neither that they are found nor that they are not.
    """
    target = np.zeros((6, *size), np.float32)
    target[COUNTED] = 1.0
    # In cells, the middle of the first at 0.
    cells = (places + 0.5) / CELL - 0.5
    home = np.rint(cells).astype(np.int64)
    nearest = np.full(size, np.inf)
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            at = home + np.array([down, right])
            inside = ((at >= 0) & (at < size)).all(axis=1)
            rows, columns = at[inside].T
            away = cells[inside] - at[inside]
            distance = np.hypot(*away.T)
            # Where two atoms claim a cell, the nearer one has it.
            order = np.argsort(-distance, kind="stable")
            rows, columns, away, distance = (
                each[order] for each in (rows, columns, away, distance)
            )
            better = distance < nearest[rows, columns]
            rows, columns, away = rows[better], columns[better], away[better]
            nearest[rows, columns] = distance[better]
            target[DY, rows, columns], target[DX, rows, columns] = away.T
            target[KIND, rows, columns] = kinds[inside][order][better]
            target[NEAR, rows, columns] = np.maximum(target[NEAR, rows, columns], _BESIDE)
            ignored = ~counted[inside][order][better]
            target[COUNTED, rows[ignored], columns[ignored]] = 0.0
    inside = ((home >= 0) & (home < size)).all(axis=1) & counted
    rows, columns = home[inside].T
    target[CENTRE, rows, columns] = 1.0
    target[NEAR, rows, columns] = 1.0
    target[COUNTED, rows, columns] = 1.0
    return target


def centre_loss(
    net: torch.nn.Module, batch: Batch, _generator: torch.Generator
) -> dict[str, torch.Tensor]:
    """Return how unlikely centres, offsets and kinds are, for each atom.

    Centres: the logarithm of their probability, so that probabilities are true ones. Offsets: that
    of a normal distribution whose variance is said too (DECODE).
    """
    images, target = batch
    said = net(images).float()
    counted, near = target[:, COUNTED], target[:, NEAR] * target[:, COUNTED]
    atoms = target[:, CENTRE].sum().clamp(min=1.0)
    centres = functional.binary_cross_entropy_with_logits(
        said[:, 0], target[:, CENTRE], weight=counted, reduction="sum"
    )
    log_variance = said[:, 3].clamp(*_VARIANCE)
    square = (said[:, 1] - target[:, DY]) ** 2 + (said[:, 2] - target[:, DX]) ** 2
    offsets = (near * (0.5 * square * torch.exp(-log_variance) + log_variance)).sum()
    found = {
        "centres": centres / atoms,
        "offsets": offsets / near.sum().clamp(min=1.0),
    }
    found["loss"] = found["centres"] + _OFFSETS * found["offsets"]
    if said.shape[1] > 4:
        kinds = functional.cross_entropy(said[:, 4:], target[:, KIND].long(), reduction="none")
        found["kinds"] = (kinds * near).sum() / near.sum().clamp(min=1.0)
        found["loss"] = found["loss"] + _KINDS * found["kinds"]
    return found
