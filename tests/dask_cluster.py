"""A dask cluster on this machine: programs of its own, started as dask's documentation says."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

NEEDED = "dask is not installed (pip install -r dask-requirements.txt)"


@contextlib.contextmanager
def cluster(folder: Path, **environment: str) -> Iterator[tuple[Any, list[subprocess.Popen]]]:
    """Start a scheduler and two workers; yield a client and the workers, and end them all."""
    from distributed import Client

    file = str(folder / "scheduler.json")
    local = ["--scheduler-file", file, "--host", "127.0.0.1", "--no-dashboard"]
    scheduler = ["scheduler", *local, "--port", "0"]
    scheduler += ["--dashboard-address", "127.0.0.1:0"]  # 8787 may be taken: a warning
    worker = ["worker", *local, "--no-nanny", "--nthreads", "1"]
    processes = []
    with contextlib.ExitStack() as stack:
        for line in (scheduler, worker, worker):
            process = subprocess.Popen(
                [sys.executable, "-m", "dask", *line],
                cwd=folder,
                env={**os.environ, **environment},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            processes.append(process)
            stack.callback(process.wait)
            stack.callback(process.kill)
        client = stack.enter_context(Client(scheduler_file=file, timeout=60))
        client.wait_for_workers(2, timeout=60)
        yield client, processes[1:]
