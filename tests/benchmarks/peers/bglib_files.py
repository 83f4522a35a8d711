"""What BGlib finds in a file: its own viewers and fitters open it, and their answers are kept."""

import json
import sys

import h5py
import matplotlib as mpl

mpl.use("Agg")
from bglib_jobs import restore_names


def tried(path):
    """Return what each of its functions came to: a list of numbers, or why it failed."""
    from BGlib.be.analysis import BELoopFitter, BESHOfitter
    from BGlib.be.translators.df_utils import be_utils
    from BGlib.be.viz import be_viz_utils
    from pyUSID.io.usi_data import USIDataset
    from sidpy.hdf.hdf_utils import get_auxiliary_datasets

    h5py.Dataset.value = property(lambda dataset: dataset[()])  # it left h5py long ago
    file = h5py.File(path, "r+")
    channel = file["Measurement_000/Channel_000"]
    raw = USIDataset(channel["Raw_Data"])
    group = channel["Raw_Data-SHO_Fit_000"]
    resonances, loops = USIDataset(group["Fit"]), group["Fit-Loop_Fit_000"]

    def guess(fitter):
        fitter.set_up_guess()
        return fitter.do_guess(override=True).shape

    def frequencies():
        table = get_auxiliary_datasets(raw, ["Bin_Frequencies"])[0]
        return be_utils.getForExcitWfm(raw, table, 1).tolist()

    def show_loops():
        parts = (USIDataset(loops[name]) for name in ("Projected_Loops", "Guess", "Fit"))
        be_viz_utils.jupyter_visualize_beps_loops(*parts)

    parameters = USIDataset(loops["Fit_Loop_Parameters"])
    work = {
        "labels": lambda: raw.spec_dim_labels,
        "steps": lambda: be_utils.getActiveUDVSsteps(raw).tolist(),
        "simple": lambda: be_utils.isSimpleDataset(raw),
        "frequencies": frequencies,
        "plot groups": lambda: be_utils.visualize_plot_groups(path),
        "spectrograms": lambda: be_viz_utils.jupyter_visualize_be_spectrograms(raw) and None,
        "resonances": lambda: (
            be_viz_utils.jupyter_visualize_beps_sho(resonances, "DC_Offset") and None
        ),
        "loops": show_loops,
        "maps": lambda: be_viz_utils.jupyter_visualize_parameter_maps(parameters) and None,
        "fit of resonances": lambda: guess(BESHOfitter(raw, cores=1)),
        "fit of loops": lambda: guess(
            BELoopFitter(resonances, "BEPSData", "DC modulation mode", "full", cores=1)
        ),
    }
    found = {}
    for name, function in work.items():
        try:
            found[name] = function()
        except Exception as error:  # noqa: BLE001 - whatever it raises is the answer
            found[name] = f"{type(error).__name__}: {error}"
    return found


if __name__ == "__main__":
    restore_names()
    sys.stdout.write("\n" + json.dumps(tried(sys.argv[1])) + "\n")
