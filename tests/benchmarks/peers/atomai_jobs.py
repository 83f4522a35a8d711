"""The work that is compared, done by atomAI, whose names are restored as `atomai_atoms` says."""

import contextlib
import io

from atomai_atoms import restore_names
from jobs import Arrays, main


def quietly():
    """Keep what is told of each epoch away from what this process tells."""
    return contextlib.redirect_stdout(io.StringIO())


def deep_kernel(data: Arrays):
    """Learn a Gaussian process of features from some points, and predict the others."""
    from atomai.models import dklGPR

    x, y, new = data["x"], data["y"], data["new"]

    def work():
        model = dklGPR(x.shape[1], embedim=2, precision="double", seed=0)
        with quietly():
            model.fit(x, y, training_cycles=100, lr=1e-2)
            return model.predict(new, batch_size=len(new))[0]

    return work, 1, lambda found: {"values": found}


JOBS = {job.__name__: job for job in (deep_kernel,)}

if __name__ == "__main__":
    restore_names()
    main(JOBS, ("atomai", "torch"))
