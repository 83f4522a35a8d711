"""The work that is compared, done by py4DSTEM."""

import numpy as np
import py4DSTEM
from jobs import Arrays, main


def discs(data: Arrays):
    values = data["values"]
    cube = py4DSTEM.DataCube(values)
    probe = py4DSTEM.Probe.generate_synthetic_probe(float(data["radius"]), 0.7, values.shape[2:])
    probe.get_kernel(mode="flat")

    def work():
        return cube.find_Bragg_disks(
            template=probe.kernel, minAbsoluteIntensity=0, minRelativeIntensity=0.01,
            minPeakSpacing=12, edgeBoundary=6, sigma=1, maxNumPeaks=40, subpixel="poly",
            corrPower=1.0,
        )  # fmt: skip

    def answer(found):
        # Lattices are fitted to the discs next to the places that the truth has.
        middle, g = (values.shape[2] - 1) / 2, float(data["g"])
        lengths = np.full(values.shape[:2], np.nan)
        for y, x in np.ndindex(*lengths.shape):
            table = found.raw[y, x].data
            places = np.stack([table["qx"], table["qy"]], axis=1)
            around = places[np.argmin(np.hypot(*(places - middle).T))]
            number = np.round((places - around) / g)
            near = np.abs((places - around) / g - number).max(axis=1) < 0.2
            design = np.c_[number[near], np.ones(near.sum())]
            lengths[y, x] = np.linalg.lstsq(design, places[near], rcond=None)[0][1, 1]
        reference = np.median(lengths[:, : values.shape[1] // 2])
        return {"strain": reference / lengths - 1}

    return work, values.shape[0] * values.shape[1], answer


def reductions(data: Arrays):
    cube = py4DSTEM.DataCube(data["values"])
    middle = (data["values"].shape[2] - 1) / 2

    def work():
        cube.get_virtual_image(mode="circle", geometry=((middle, middle), 30), name="disc")
        com = py4DSTEM.process.phase.DPC(datacube=cube, energy=300e3, verbose=False)
        com.preprocess(
            plot_center_of_mass=False, plot_rotation=False, vectorized_com_calculation=False,
            force_com_rotation=0, force_com_transpose=False, store_initial_arrays=False,
        )  # fmt: skip
        return cube.tree("disc"), com, cube.get_dp_mean()

    def answer(found):
        disc, com, mean = found
        return {
            "disc": disc.data, "com_y": com._com_measured_x - middle,
            "com_x": com._com_measured_y - middle, "mean": mean.data,
        }  # fmt: skip

    return work, 1, answer


if __name__ == "__main__":
    main({"discs": discs, "reductions": reductions}, ("py4DSTEM",))
