"""One page that says what is in a file, what it shows, and how to make it again."""

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
