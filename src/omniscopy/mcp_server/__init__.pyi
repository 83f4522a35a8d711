__all__ = ["Bench", "make_server", "serve"]

from .bench import Bench
from .server import make_server, serve
