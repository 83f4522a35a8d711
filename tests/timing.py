"""Bounds on time that hold on slow and busy machines."""

import time


def require_quick(function, seconds=2.0):
    """Return what a function returns, which must take less than so many seconds of this thread.

    One that seems to take longer is called twice more: in a long process the collector of garbage
    may come in between, but not every time.
    """
    took = []
    for _ in range(3):
        started = time.thread_time()
        found = function()
        took.append(time.thread_time() - started)
        if took[-1] < seconds:
            return found
    message = f"it took {took} s of processor time, at most {seconds} are expected"
    raise AssertionError(message)
