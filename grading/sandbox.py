"""The trusted side of the sandbox: start it, prove it, and call a submission's functions in it.

A submission runs in a process of its own, shut off by bubblewrap: no network, no files but the
interpreter and a few packages, which it can't change, and limits on memory, time, processes
and output. Only numbers and arrays cross the line (see ``runner.py``).
"""

import builtins
import contextlib
import errno
import functools
import importlib.util
import inspect
import json
import os
import platform
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import types
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import runner

RUNNER = inspect.getsource(runner)
NOBODY = 65534
MODULE = runner.NAME
MOST = 10_000  # examples, units and the like in a check
Serve = Callable[[dict[str, Any], list[np.ndarray]], tuple[dict[str, Any], list[np.ndarray]]]
# A submission may import these: pandas for the history that `train` returns, the others for
# figures and progress bars. SciPy and scikit-learn, which hold the answers, are not there.
PACKAGES = ("numpy", "pandas", "dateutil", "six", "pytz", "tzdata", "tqdm", "seaborn")
PACKAGES += ("matplotlib", "contourpy", "cycler", "fontTools", "kiwisolver")
PACKAGES += ("packaging", "pyparsing", "PIL")


# System calls that no submission needs and that would lead around a limit: memory that belongs to
# no process, keys that outlive it, namespaces, other processes, and doors to the kernel's inside.
# The numbers are those of Linux on each machine (include/uapi/asm-generic/unistd.h and
# arch/x86/entry/syscalls/syscall_64.tbl); the first is the machine's own, of AUDIT_ARCH.
FORBIDDEN = {
    "x86_64": (
        *(0xC000003E, 29, 64, 68, 101, 165, 248, 249, 250, 272, 298, 308, 310, 311, 319, 321, 323),
        *(425, 426, 427, 428, 429, 430, 442, 447),
    ),
    "aarch64": (
        *(0xC00000B7, 194, 190, 186, 117, 40, 217, 218, 219, 97, 241, 268, 270, 271, 279, 280, 282),
        *(425, 426, 427, 428, 429, 430, 442, 447),
    ),
}


class Limits(NamedTuple):
    """How much a submission gets; seconds are those of the clock."""

    load_seconds: float = 5
    call_seconds: float = 3
    train_seconds: float = 30
    total_seconds: float = 90
    deaths: int = 5
    notebook_seconds: float = 180
    memory_bytes: int = 2**30
    notebook_memory_bytes: int = 4 * 2**30
    file_bytes: int = 64 * 2**20


class NoSandbox(Exception):  # noqa: N818 - a state of the machine
    """Submissions can't be shut off here; the message says why."""


class SubmissionFailed(AssertionError):  # noqa: N818 - it is the submission's error
    """A function of the submission did not answer; the message may be shown to the student.

    So it holds no text that the student's code made up: that could carry the random input out.
    """


# Starting it ----------------------------------------------------------------------------


def library_folders() -> list[Path]:
    """Return the folders that this interpreter imports installed packages from."""
    return [Path(p) for p in sys.path if Path(p).name in ("site-packages", "dist-packages")]


def system_call_filter() -> bytes:
    """Return a program for the kernel that refuses the system calls of `FORBIDDEN`.

    The form is that of classic BPF: (code, jump if true, jump if false, value), as in seccomp(2).
    """
    machine, *numbers = FORBIDDEN.get(platform.machine(), (0,))
    if not machine:
        return b""
    load, equal, at_least, end = 0x20, 0x15, 0x35, 0x06
    allowed, refused = 0x7FFF0000, 0x00050000 | errno.EPERM
    rest = len(numbers)
    program = [(load, 0, 0, 4), (equal, 0, rest + 3, machine), (load, 0, 0, 0)]
    program += [(at_least, rest + 1, 0, 0x40000000)]  # the 32-bit names of the same calls
    program += [(equal, rest - i, 0, number) for i, number in enumerate(numbers)]
    program += [(end, 0, 0, allowed), (end, 0, 0, refused)]
    return b"".join(struct.pack("HBBI", *line) for line in program)


def command(trusted: bool, notebooks: bool) -> tuple[list[str], list[str]]:
    """Return the command that starts the runner, and the folders where it finds packages."""
    if trusted:  # the same two processes, without walls
        return [sys.executable, "-X", "utf8", "-I", "-c", RUNNER], []
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        raise NoSandbox("bubblewrap is not installed (Debian, Ubuntu: apt install bubblewrap)")
    prefix = os.path.realpath(sys.base_prefix)
    arguments = [bwrap, "--die-with-parent", "--new-session", "--hostname", "sandbox"]
    if os.getuid() == 0:
        # As root, bubblewrap needs no user namespace, and the runner can become somebody else
        # for good. Inside a namespace it would stay root to the outside, above all limits.
        arguments += ["--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts"]
        arguments += ["--unshare-cgroup-try", "--cap-drop", "ALL"]
        arguments += ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    else:
        arguments += ["--unshare-all", "--uid", str(NOBODY), "--gid", str(NOBODY)]
    # Folders that bubblewrap makes on the way to a bind are closed to others than root.
    for folder in (*reversed(Path(prefix).parents[:-1]), Path("/packages")):
        arguments += ["--perms", "0755", "--dir", str(folder)]
    for path in ("/usr/lib", "/usr/lib64", "/lib", "/lib64", "/etc/ld.so.cache", prefix):
        if not path.startswith(prefix + "/"):
            arguments += ["--ro-bind-try", path, path]
    packages = []
    if notebooks:
        for number, folder in enumerate(library_folders()):
            packages.append(f"/packages/{number}")
            arguments += ["--ro-bind", str(folder.resolve()), packages[-1]]
        templates = "nbconvert/templates"
        arguments += ["--perms", "0755", "--dir", "/jupyter", "--perms", "0755", "--dir"]
        arguments += ["/jupyter/nbconvert", "--ro-bind-try"]
        arguments += [f"{sys.prefix}/share/jupyter/{templates}", f"/jupyter/{templates}"]
    else:
        packages.append("/packages")
        sources = set()
        for name in PACKAGES:
            spec = importlib.util.find_spec(name)
            if spec and spec.origin:
                origin = Path(spec.origin).resolve()
                source = origin.parent if origin.name == "__init__.py" else origin
                sources |= {source, *source.parent.glob("*.libs")}  # wheels bring libraries
        for source in sorted(sources):
            arguments += ["--ro-bind", str(source), f"/packages/{source.name}"]
    arguments += ["--dev", "/dev", "--remount-ro", "/dev"]
    arguments += ["--perms", "1777", "--size", str(Limits().file_bytes), "--tmpfs", "/tmp"]
    arguments += ["--remount-ro", "/", "--chdir", "/tmp", "--"]
    python = os.path.realpath(sys.executable)
    return [*arguments, python, "-X", "utf8", "-I", "-S", "-B", "-c", RUNNER], packages


class Sandbox:
    """A running sandbox with one submission in it.

    It is a context: leaving it ends every process of the submission.
    """

    def __init__(self, limits: Limits, *, trusted: bool = False, notebooks: bool = False) -> None:
        self.limits = limits
        self.deadline, self.timed_out = float("inf"), False
        line, packages = command(trusted, notebooks)
        self.folder = tempfile.TemporaryDirectory(prefix="submission-") if trusted else None
        memory = limits.notebook_memory_bytes if notebooks else limits.memory_bytes
        seconds = limits.notebook_seconds if notebooks else limits.total_seconds
        settings = {
            "uid": 0 if trusted else NOBODY,
            "memory_bytes": memory,
            "cpu_seconds": int(seconds) + 1,
            "file_bytes": limits.file_bytes,
        }
        environment = {"LANG": "C.UTF-8", "HOME": "/tmp", "JUPYTER_PATH": "/jupyter"}
        environment |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
        environment |= dict.fromkeys(("MPLCONFIGDIR", "IPYTHONDIR"), "/tmp")
        if "SYSTEMROOT" in os.environ:  # without it, Python does not start on Windows
            environment["SYSTEMROOT"] = os.environ["SYSTEMROOT"]
        descriptors = ()
        if program := b"" if trusted else system_call_filter():
            readable, writable = os.pipe()
            os.write(writable, program)
            os.close(writable)
            descriptors = (readable,)
            line[1:1] = ["--seccomp", str(readable)]
        try:
            self.process = subprocess.Popen(
                line,
                pass_fds=descriptors,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environment,
                cwd=self.folder.name if self.folder else "/",
            )
        except OSError as error:
            raise NoSandbox(f"no process can be started: {error.strerror}") from error
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        self.closed = threading.Event()
        self.watchdog = threading.Thread(target=self._watch, daemon=True)
        self.watchdog.start()
        try:
            start = json.dumps({"path": packages, "limits": settings}).encode() + b"\n"
            self.process.stdin.write(start)
            self.process.stdin.flush()
            self.request(None, 4 * limits.load_seconds)
        except (EOFError, OSError):
            said = self.process.stderr.read(4096).decode(errors="replace").strip()
            self.close()
            raise NoSandbox(f"the sandbox does not start: {said or 'without a word'}") from None

    def __enter__(self) -> "Sandbox":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _watch(self) -> None:
        """Kill what runs beyond its time: neither a read nor a write would wake up by itself."""
        while not self.closed.wait(0.05):
            if time.monotonic() > self.deadline:
                self.timed_out = True
                self.process.kill()
                return

    def close(self) -> None:
        """End the submission and every process it started."""
        self.closed.set()
        self.process.kill()  # bubblewrap takes the sandbox's first process, and all others, along
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            with contextlib.suppress(OSError):  # what was still to be sent goes nowhere
                stream.close()
        self.process.wait()
        if self.folder:
            self.folder.cleanup()

    def request(
        self,
        message: dict[str, Any] | None,
        seconds: float,
        arrays: Sequence[np.ndarray] = (),
        serve: Serve | None = None,
        limit: int = runner.MESSAGE_BYTES,
    ) -> tuple[dict[str, Any], list[np.ndarray]]:
        """Send a message, if any, and return the reply; EOFError: the submission is dead.

        What the submission asks for in between is answered by `serve`.
        """
        self.deadline = time.monotonic() + seconds
        try:
            if message is not None:
                runner.send(self.process.stdin, message, arrays)
            while True:
                reply, arrays = runner.receive(self.process.stdout, limit)
                if serve is None or "callback" not in reply:
                    return reply, arrays
                runner.send(self.process.stdin, *serve(reply, arrays))
        except (OSError, ValueError, TypeError, RecursionError, MemoryError) as error:
            self.process.kill()
            raise EOFError from error
        finally:
            self.deadline = float("inf")


PROBE = """
import os, socket
def escapes():
    found = []
    try:
        socket.create_connection(("127.0.0.1", {port}), timeout=2); found.append(0)
    except OSError:
        pass
    try:
        open({file!r}).close(); found.append(1)
    except OSError:
        pass
    for folder in ("/", "/packages", os.path.dirname(os.__file__)):
        try:
            open(folder + "/probe", "w").close(); found.append(2)
        except OSError:
            pass
    try:
        if os.fork() == 0:
            os._exit(0)
        found.append(3)
    except OSError:
        pass
    if os.getuid() == 0:
        found.append(4)
    try:
        bytearray({memory}); found.append(5)
    except MemoryError:
        pass
    try:
        os.memfd_create("probe"); found.append(6)
    except (OSError, AttributeError):
        pass
    return found
"""
ESCAPES = (
    "reaches the network",
    "reads the grader's files",
    "writes to shared folders",
    "starts processes",
    "is root",
    "takes all memory",
    "takes memory that nobody counts",
)


def probe(limits: Limits = Limits()) -> None:  # noqa: B008 - it can't be changed
    """Prove that the sandbox holds on this machine by running in it what it must not allow.

    Raises
    ------
    NoSandbox
        It does not start, or it lets something through.
    """
    with tempfile.NamedTemporaryFile() as file, socket.create_server(("127.0.0.1", 0)) as server:
        os.chmod(file.name, 0o644)
        port = server.getsockname()[1]
        source = PROBE.format(port=port, file=file.name, memory=2 * limits.memory_bytes)
        with Sandbox(limits) as sandbox:
            try:
                sandbox.request({"load": source}, limits.load_seconds)
                message = {"call": "escapes", "references": [], "errstate": {}}
                message |= {"args": {"tuple": [], "name": ""}, "kwargs": {"table": {}}}
                reply, _ = sandbox.request(message, 2 * limits.call_seconds)
                found = set(reply["result"]["tuple"])
            except (EOFError, KeyError, TypeError) as error:
                raise NoSandbox("the sandbox breaks down when it is probed") from error
    if found:
        raise NoSandbox(f"code in the sandbox {', '.join(ESCAPES[i] for i in sorted(found))}")


# Calling a submission -------------------------------------------------------------------


class Kept:
    """An object that stays in the sandbox, by its number; no tuple, which could pass for data."""

    def __init__(self, number: int) -> None:
        self.number = number


class Submission:
    """A student's `nn_helpers`, for the checks: its functions run in a sandbox.

    A check is given this object as its module ``nn``. Functions that are in `wrong`, and not in
    `own`, are the reference's, both here and inside the sandbox, where they are asked for by
    message.

    Parameters
    ----------
    source : str
        The student's module.
    reference : module
        The right `nn_helpers`.
    graded : set of str
        The functions that are the student's; all else is the reference's.
    limits : Limits
    trusted : bool
        Run without a sandbox.
    """

    def __init__(
        self,
        source: str,
        reference: types.ModuleType,
        graded: set[str],
        limits: Limits,
        *,
        trusted: bool = False,
    ) -> None:
        self.source, self.reference, self.graded = source, reference, graded
        self.limits, self.trusted = limits, trusted
        self.wrong: set[str] = set()
        self.own: set[str] = set()
        self.writes_back = False  # what a function changed in its arguments, for one check
        self.dead: dict[str, str] = {}
        self.seconds_left = limits.total_seconds
        self.sandbox: Sandbox | None = None
        self.classes = {
            name: getattr(reference, name)
            for name in ("SignDigits", "Standardizer", "Parameters", "Activations", "Metrics")
        }

    def __enter__(self) -> "Submission":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __getattr__(self, name: str) -> Any:
        if name not in self.graded or name in self.wrong - self.own:
            return getattr(self.reference, name)
        return functools.partial(self.call, name)

    def close(self) -> None:
        """End the sandbox; the next call starts a new one."""
        if self.sandbox is not None:
            self.sandbox.close()
            self.sandbox = None

    def started(self) -> Sandbox:
        """Start a sandbox, in a moment when the machine has no room for it a little later."""
        for _ in range(2):
            with contextlib.suppress(NoSandbox):
                return Sandbox(self.limits, trusted=self.trusted)
        return Sandbox(self.limits, trusted=self.trusted)

    def load(self) -> None:
        """Start a sandbox and load the module in it."""
        if MODULE in self.dead:
            raise SubmissionFailed(self.dead[MODULE])
        self.sandbox = self.started()
        reply, _ = self.request({"load": self.source}, self.limits.load_seconds, MODULE)
        if "error" in reply:
            self.dead[MODULE] = f"{MODULE} can't be loaded: {self.blame(reply)}"
            self.close()
            raise SubmissionFailed(self.dead[MODULE])

    def request(
        self,
        message: dict[str, Any],
        seconds: float,
        name: str,
        arrays: Sequence[np.ndarray] = (),
        serve: Serve | None = None,
    ) -> tuple[dict[str, Any], list[np.ndarray]]:
        """Send a message; if the submission dies of it, it is not asked for that again."""
        if name in self.dead:
            raise SubmissionFailed(self.dead[name])
        if len(self.dead) >= self.limits.deaths or self.seconds_left <= 0:
            raise SubmissionFailed("not tried, because too much before it had to be stopped")
        start = time.monotonic()
        try:
            return self.sandbox.request(message, min(seconds, self.seconds_left), arrays, serve)
        except EOFError:
            text = f"`{name}` ended the program, or answered with something else than numbers"
            if self.sandbox.timed_out:
                text = f"`{name}` took longer than {seconds:g} s and was stopped"
                if seconds > self.seconds_left:
                    text = f"`{name}` was stopped: all calls together took too long"
            self.dead[name] = text
            self.close()
            raise SubmissionFailed(self.dead[name]) from None
        finally:
            self.seconds_left -= time.monotonic() - start

    def call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """Call a function of the student's."""
        if name in self.dead:
            raise SubmissionFailed(self.dead[name])
        if self.sandbox is None:
            self.load()
        arrays: list[np.ndarray] = []
        recorders: list[Callable] = []

        def keep(value: Any) -> dict[str, int]:
            if isinstance(value, np.random.Generator):
                # A seed from it: drawing here and drawing there stay two different things.
                return {"rng": int(value.integers(2**63))}
            if isinstance(value, Kept):
                return {"kept": value.number}
            recorders.append(value)
            return {"recorder": 0}

        references = sorted(self.wrong - self.own)
        message = {
            "call": name,
            "args": runner.encode(args, arrays, keep),
            "kwargs": runner.encode(kwargs, arrays, keep),
            "references": references,
            "errstate": np.geterr(),
        }
        seconds = self.limits.train_seconds if name == "train" else self.limits.call_seconds
        serve = functools.partial(self.serve, references)
        reply, replies = self.request(message, seconds, name, arrays, serve)
        if "error" in reply:
            self.fail(name, reply, arrays)
        try:
            result = self.checked(name, self.decode(reply["result"], replies))
            seen = self.decode(reply["recorded"], replies)
            if self.writes_back:
                for place, values in self.decode(reply["changed"], replies).items():
                    arrays[int(place)][...] = values
        except SubmissionFailed:
            raise
        except Exception as error:
            raise SubmissionFailed(
                f"`{name}` should return {self.expected(name)}, it returned something else"
            ) from error
        for values in seen:
            for record in recorders:
                record(*values)
        return result

    def serve(
        self, references: list[str], message: dict[str, Any], arrays: list[np.ndarray]
    ) -> tuple[dict[str, Any], list[np.ndarray]]:
        """Answer the student's code where a function of its own is known to be wrong."""
        name = message["callback"]
        if name not in references:
            raise ValueError("the submission asks for what it may not have")
        try:
            args, kwargs = (self.decode(message[part], arrays) for part in ("args", "kwargs"))
            # Nothing builds on `train`, and it can run for any time; other counts are small.
            if name == "train" or any(
                isinstance(value, int) and value > MOST for value in (*args, *kwargs.values())
            ):
                raise ValueError("not here")
            with np.errstate(all="ignore"):
                result = getattr(self.reference, name)(*args, **kwargs)
            if hasattr(result, "__next__"):
                result = list(result)
            replies: list[np.ndarray] = []
            return {"result": runner.encode(result, replies, self.refuse)}, replies
        except Exception as error:
            return {"error": str(error)}, []

    def refuse(self, value: Any) -> Any:
        raise TypeError(f"a {type(value).__name__} can't be sent")

    def decode(self, value: Any, arrays: list[np.ndarray]) -> Any:
        return runner.decode(value, arrays, self.make_tuple, self.fetch)

    def make_tuple(self, name: str, items: list[Any]) -> tuple:
        kind = self.classes.get(name)
        return kind(*items) if kind and len(items) == len(kind._fields) else tuple(items)

    def fetch(self, value: dict[str, Any]) -> Any:
        if "rng" in value:
            return np.random.default_rng(int(value["rng"]))
        return Kept(int(value["kept"]))

    def fail(self, name: str, reply: dict[str, Any], arrays: list[np.ndarray]) -> None:
        """Raise what the student's function raised, told in the grader's own words."""
        kind = str(reply["error"])
        if kind == "missing":
            raise SubmissionFailed(f"nn_helpers.py has no function `{name}`")
        if kind == "NotImplementedError":
            raise SubmissionFailed(f"`{name}` is not written yet")
        shapes = ", ".join(str(array.shape) for array in arrays)
        text = f"`{name}` raised {self.blame(reply)}"
        if shapes:
            text += f" (given arrays of the shapes {shapes})"
        if kind in ("FloatingPointError", "ZeroDivisionError"):  # a check may be waiting for these
            raise getattr(builtins, kind)(text)
        raise SubmissionFailed(text)

    def blame(self, reply: dict[str, Any]) -> str:
        """Name the kind of an error and the line of the student's file that it came from."""
        kind, line = str(reply["error"]), reply.get("line")
        known = getattr(builtins, kind, None)
        if not (isinstance(known, type) and issubclass(known, BaseException)):
            kind = "an error of its own"
        lines = self.source.splitlines()
        if type(line) is not int or not 0 < line <= len(lines):
            return kind
        return f"{kind} in line {line}: `{lines[line - 1].strip()[:120]}`"

    def expected(self, name: str) -> str:
        """Say in words what a function should return."""
        if name in RETURNS:
            return f"({', '.join(RETURNS[name])})"
        return {
            "minibatches": "arrays of row numbers",
            "train": "TrainingRun(parameters, history)",
            "fit_standardizer": "Standardizer(mean, scale)",
        }.get(name, "an array of numbers")

    def checked(self, name: str, result: Any) -> Any:
        """Return a result in the form that the checks rely on, or raise any exception."""
        if name == "fit_standardizer":
            return result
        if name == "minibatches":
            return [numbers(batch) for batch in result]
        if name == "train":
            parameters, history = result
            return self.reference.TrainingRun(
                self.checked("gradient_step", parameters),
                {column: numbers(values) for column, values in history.items()},
            )
        if name not in RETURNS:
            return numbers(result)
        if not isinstance(result, tuple) or len(result) != len(RETURNS[name]):
            got = f"an array of shape {result.shape}" if isinstance(result, np.ndarray) else None
            if isinstance(result, tuple):
                got = f"{len(result)} values" if len(result) < 10 else "many values"
            raise SubmissionFailed(
                f"`{name}` should return {self.expected(name)}, "
                f"it returned {got or 'something else'}"
            )
        optional = name == "select_digits"  # the signers may be unknown
        items = [None if optional and item is None else numbers(item) for item in result]
        return self.make_tuple(CLASSES.get(name, ""), items)


def numbers(value: Any) -> Any:
    """Return what is an array or a number, or can be made one; raise TypeError otherwise."""
    if isinstance(value, (bool, int, float, np.ndarray)):
        return value
    array = np.array(value)
    if array.dtype.kind not in "biuf":
        raise TypeError("not numbers")
    return array


RETURNS = {
    "select_digits": ("X", "y", "signers"),
    "split_by_signer": ("train", "test"),
    "forward": ("z1", "a1", "z2", "a2"),
    "backward": ("dW1", "db1", "dW2", "db2"),
    "gradient_step": ("W1", "b1", "W2", "b2"),
    "initialize_parameters": ("W1", "b1", "W2", "b2"),
    "classification_metrics": ("accuracy", "precision", "recall", "f1"),
    "wilson_interval": ("low", "high"),
}
CLASSES = {
    "forward": "Activations",
    "backward": "Parameters",
    "gradient_step": "Parameters",
    "initialize_parameters": "Parameters",
}
