"""Atoms found by the U-Net of atomAI, which is trained here on patches that are given.

atomAI imports torchvision for three backbones and a grid of pictures, of which there is none beside
the build of torch for processors, and a table of elements that imports six without asking for it.
None of these is used here: empty modules stand for them.
"""

import sys
import time
import types

import numpy as np


def restore_names() -> None:
    """Stand in for what cannot be imported."""
    names = ("torchvision", "torchvision.models", "torchvision.utils", "mendeleev")
    modules = {name: types.ModuleType(name) for name in names}
    for name in ("mobilenet_v2", "resnet50", "vgg16"):
        setattr(modules["torchvision.models"], name, None)
    modules["torchvision.utils"].make_grid = None
    modules["mendeleev"].element = None
    modules["torchvision"].models = modules["torchvision.models"]
    modules["torchvision"].utils = modules["torchvision.utils"]
    sys.modules |= modules


def unit(images: np.ndarray) -> np.ndarray:
    """Bring each image to 0 and 1, so that none depends on the others."""
    low = images.min((-2, -1), keepdims=True)
    return (images - low) / (images.max((-2, -1), keepdims=True) - low)


def main(source: str, target: str, cycles: int) -> None:
    restore_names()
    import torch

    torch.set_num_threads(1)
    from atomai.models import Segmentor

    given = np.load(source)
    x, y = unit(given["images"])[:, None], given["masks"][:, None].astype(np.float32)
    held = max(8, len(x) // 10)
    began = time.process_time()
    model = Segmentor("Unet", nb_classes=1, nb_filters=16, seed=1)
    model.fit(
        x[held:], y[held:], x[:held], y[:held], training_cycles=cycles, batch_size=8, swa=True,
        print_loss=cycles, plot_training_history=False, filename=f"{target}.model",
    )  # fmt: skip
    told = {"training": np.array(time.process_time() - began)}
    spent = 0.0
    for name in given.files:
        if name.startswith("scene"):
            for refine in (False, True):
                began = time.process_time()
                _, found = model.predict(unit(given[name])[None], refine=refine, d=4, verbose=False)
                spent += 0.0 if refine else time.process_time() - began
                key = f"{name}_refined" if refine else name
                told[key] = np.asarray(found[0], np.float64).reshape(-1, 3)[:, :2]
    np.savez(target, predicting=np.array(spent), **told)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
