"""The work that is compared, done by LiberTEM."""

import libertem.api as lt
import numpy as np
from jobs import Arrays, main
from libertem.udf.com import CoMUDF
from libertem.udf.masks import ApplyMasksUDF
from libertem.udf.sum import SumUDF


def reductions(data: Arrays):
    values = data["values"]
    context = lt.Context.make_with("inline")
    cube = context.load("memory", data=values, sig_dims=2)
    middle = (values.shape[2] - 1) / 2
    axis = np.arange(values.shape[2]) - middle
    disc = (np.hypot(axis[:, None], axis) < 30).astype(np.float32)
    asked = [
        ApplyMasksUDF(mask_factories=[lambda: disc]), CoMUDF.with_params(cy=middle, cx=middle),
        SumUDF(),
    ]  # fmt: skip

    def work():
        return context.run_udf(cube, asked)

    def answer(found):
        masks, com, total = found
        return {
            "disc": masks["intensity"].data[..., 0], "com_y": com["raw_shifts"].data[..., 0],
            "com_x": com["raw_shifts"].data[..., 1],
            "mean": total["intensity"].data / (values.shape[0] * values.shape[1]),
        }  # fmt: skip

    return work, 1, answer


if __name__ == "__main__":
    main({"reductions": reductions}, ("libertem",))
