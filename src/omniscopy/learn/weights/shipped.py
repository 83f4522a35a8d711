"""Finding the weights that come with the package."""

from pathlib import Path

from omniscopy.learn.loading import load
from omniscopy.learn.models import Estimator
from omniscopy.model import DataError

_FOLDER = Path(__file__).parent


def shipped_models() -> list[str]:
    """Return the names of the models that come with the package.

    Returns
    -------
    list of str
        As `load_shipped` takes them.
    """
    return sorted(each.parent.name for each in _FOLDER.glob("*/model.json"))


def load_shipped(name: str) -> Estimator:
    """Return one of the models that come with the package.

    Parameters
    ----------
    name : str
        One of `shipped_models`.

    Returns
    -------
    Estimator
        Fitted, ready to predict.

    Raises
    ------
    DataError
        There is none of that name.
    """
    if name not in shipped_models():
        message = f"there are no weights {name!r} in the package; there are {shipped_models()}"
        raise DataError(message)
    found: Estimator = load(_FOLDER / name)
    return found


def adopt_shipped(model: Estimator, name: str) -> None:
    """Give a model the weights that come with the package; raise where its settings differ."""
    own = load_shipped(name)
    differing = {
        key: value for key, value in own.settings.items()
        if key != "device" and model.settings.get(key) != value
    }  # fmt: skip
    if type(own) is not type(model) or differing:
        message = (
            f"the weights of the package are for {type(own).__name__} with {own.settings}; call "
            "fit for other settings"
        )
        raise DataError(message)
    model.facts_, model.net_, model.about_ = own.facts_, own.net_, own.about_
