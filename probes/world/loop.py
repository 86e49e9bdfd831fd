"""One event loop for all that is asked of the world at once; synchronous steps wait for it."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

# One for the whole program: pyinfra works on several hosts in one thread (gevent), and a thread can
# have only one running loop.
_lock = threading.Lock()
_loops: dict[int, tuple[asyncio.AbstractEventLoop, threading.Thread]] = {}  # by process


def wait_for(work: Coroutine[Any, Any, T]) -> T:
    """Do some work in the loop, and return what comes of it; raises what it raises.

    Raises RuntimeError in the loop itself, which would wait for itself.
    """
    loop, thread = _running()
    if thread is threading.current_thread():
        work.close()
        raise RuntimeError("the loop cannot wait for itself")
    future = asyncio.run_coroutine_threadsafe(work, loop)
    try:
        return future.result()
    except BaseException:
        future.cancel()
        raise


def _running() -> tuple[asyncio.AbstractEventLoop, threading.Thread]:
    with _lock:
        found = _loops.get(os.getpid())
        if found is None:
            loop = asyncio.new_event_loop()
            thread = threading.Thread(target=loop.run_forever, name="world", daemon=True)
            thread.start()
            found = _loops[os.getpid()] = (loop, thread)
        return found
