__all__ = ["Bench", "Root", "make_server", "serve"]

from .bench import Bench
from .roots import Root
from .server import make_server, serve
