"""The work that is compared, done by FFTA."""

from bglib_jobs import restore_names
from jobs import Arrays, main


def transient(data: Arrays):
    import ffta

    values = data["values"][:5]
    time = data["time"]
    settings = {
        "trigger": float(data["trigger"]), "total_time": len(time) * (time[1] - time[0]),
        "sampling_rate": 1 / (time[1] - time[0]), "drive_freq": float(data["drive"]), "roi": 3e-4,
    }  # fmt: skip

    def work():
        found = []
        for trace in values:
            pixel = ffta.pixel.Pixel(trace, dict(settings), method="hilbert", fit_form="product")
            pixel.analyze()
            found.append(pixel.shift)
        return found

    return work, len(values), lambda found: {"shift": found}


if __name__ == "__main__":
    restore_names()
    main({"transient": transient}, ("ffta", "torch"))
