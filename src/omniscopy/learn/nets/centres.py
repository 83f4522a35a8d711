"""A network that says of every cell of 2 by 2 pixels whether the centre of an atom is in it."""

import torch

from omniscopy.learn.nets.cells import CellNet


class CentreNet(CellNet):
    """Scores, offsets and uncertainties of centres.

    Parameters
    ----------
    filters : int
        Channels of the first scale.
    classes : int
        Kinds of atoms that are told apart.

    Notes
    -----
    Of an image (examples, 1, rows, columns) the network gives (examples, 4 + classes, rows / 2,
    columns / 2): the log odds of a centre in the cell; where it is, along y and x from the middle
    of the cell, in cells; the logarithm of the variance of that; and scores of kinds, if there is
    more than one.
    """

    def __init__(self, *, filters: int = 24, classes: int = 1) -> None:
        super().__init__(1, 4 + (classes if classes > 1 else 0), filters=filters)
        # Few cells have a centre.
        with torch.no_grad():
            self.head.bias[0] = -3.0
