"""The work that is compared, done by stemtool."""

import numpy as np
import stemtool as st
from jobs import Arrays, main


def gpa(data: Arrays):
    """Do what its class does, with the steps that are drawn left out of the time."""
    import matplotlib.pyplot as plt

    image, period = data["values"], float(data["period"])

    def work():
        made = st.gpa.GPA(image, 1.0, "nm")
        made.find_spots((1 / period, 0), (0, 1 / period), circ_size=30)  # 1/nm from the middle
        made.define_reference((100, 100), (350, 100), (350, 900), (100, 900))
        made.refine_phase()
        made.get_strain()
        plt.close("all")
        return made

    def answer(made):
        return {"strain_xx": np.asarray(made.e_xx)}

    return work, 1, answer


if __name__ == "__main__":
    main({"gpa": gpa}, ("stemtool",))
