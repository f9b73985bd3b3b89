"""The trusted side of the sandbox: start it, prove it, and call a submission's functions in it.

A submission runs in processes of its own, shut off by bubblewrap: no network, no files but the
interpreter and NumPy, which it can't change, few system calls, and limits on memory, time and
processes. Only numbers and arrays cross the line (see ``runner.py``).
"""

import base64
import builtins
import contextlib
import errno
import functools
import glob
import importlib.util
import inspect
import json
import marshal
import math
import os
import platform
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import types
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import psutil
import runner

RUNNER = inspect.getsource(runner)
NOBODY = 65534
MODULE = runner.NAME
MOST = 4_000_000  # numbers that the grader computes at once on a submission's behalf
Serve = Callable[[dict[str, Any], list[np.ndarray]], tuple[dict[str, Any], list[np.ndarray]]]
PACKAGES = ("numpy", "tqdm")  # what a submission may use; others it may import
# What the reference imports: a child that is forked need not do it again.
IMPORTS = (
    "functools",
    "inspect",
    "pathlib",
    "re",
    "statistics",
    "tempfile",
    "threading",
    "zipfile",
)


class Limits(NamedTuple):
    """How much a submission gets; seconds are of computing, and as many again of waiting."""

    load_seconds: float = 5
    call_seconds: float = 3
    train_seconds: float = 30
    total_seconds: float = 90
    deaths: int = 5
    notebook_seconds: float = 180
    stop_seconds: float = 20  # more, to return what a notebook printed until then
    memory_bytes: int = 2**30
    notebook_memory_bytes: int = 4 * 2**30
    file_bytes: int = 64 * 2**20
    files: int = 2000


class NoSandbox(Exception):  # noqa: N818 - a state of the machine
    """Submissions can't be shut off here; the message says why."""


class SubmissionFailed(AssertionError):  # noqa: N818 - it is the submission's error
    """A function of the submission did not answer; the message may be shown to the student.

    So it holds no text that the student's code made up: that could carry the random input out.
    """


# System calls ---------------------------------------------------------------------------

# All that a submission may ask of the kernel: its number on x86-64 and on ARM, from Linux's
# arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h. There is no socket
# of any family among them, no process, no other process's business, no lock, no second name.
CALLS = """
read 0 63, write 1 64, readv 19 65, writev 20 66, pread64 17 67, close 3 57, fstat 5 80,
newfstatat 262 79, stat 4 -, lstat 6 -, statx 332 291, lseek 8 62, mmap 9 222, mprotect 10 226,
munmap 11 215, mremap 25 216, brk 12 214, madvise 28 233, rt_sigaction 13 134,
rt_sigprocmask 14 135, rt_sigreturn 15 139, sigaltstack 131 132, access 21 -, faccessat 269 48,
faccessat2 439 439, open 2 -, openat 257 56, getdents64 217 61, readlink 89 -, readlinkat 267 78,
getcwd 79 17, dup 32 23, dup2 33 -, dup3 292 24, getpid 39 172, gettid 186 178, getppid 110 173,
getuid 102 174, geteuid 107 175, getgid 104 176, getegid 108 177, uname 63 160, sysinfo 99 179,
getrusage 98 165, times 100 153, clock_gettime 228 113, clock_getres 229 114, gettimeofday 96 169,
time 201 -, nanosleep 35 101, clock_nanosleep 230 115, sched_yield 24 124,
sched_getaffinity 204 123, getrandom 318 278, futex 202 98, set_robust_list 273 99, rseq 334 293,
exit 60 93, exit_group 231 94, restart_syscall 219 128, poll 7 -, ppoll 271 73, select 23 -,
pselect6 270 72, getrlimit 97 163
"""
# A notebook writes files too.
FILE_CALLS = """
mkdir 83 -, mkdirat 258 34, rmdir 84 -, unlink 87 -, unlinkat 263 35, rename 82 -, renameat 264 38,
renameat2 316 276, ftruncate 77 46, fsync 74 82, fdatasync 75 83, chmod 90 -, fchmod 91 52,
fchmodat 268 53, utimensat 280 88, umask 95 166, pwrite64 18 68, chdir 80 49, fadvise64 221 223
"""
# These only with some arguments: to copy a descriptor, to read its flags, not to hand it on (fcntl,
# ioctl); to read one's limits.
COMMANDS = {
    (72, 25): (0, 1, 2, 3, 4, 1030),  # F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, with CLOEXEC
    (16, 29): (0x5450, 0x5451),  # FIONCLEX, FIOCLEX
}
PRLIMIT = (302, 261)
MACHINES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}  # AUDIT_ARCH_…


def system_call_filter(*, files: bool) -> bytes:
    """Return a program for the kernel that refuses all system calls but those above.

    The form is that of classic BPF: (code, jump if true, jump if false, value), as in seccomp(2).
    """
    machine = platform.machine()
    if machine not in MACHINES:
        raise NoSandbox(f"system calls of a processor of the kind {machine!r} are not known here")
    column = list(MACHINES).index(machine)
    lines = (CALLS + "," + FILE_CALLS if files else CALLS).split(",")
    numbers = [line.split()[1 + column] for line in lines]
    load, equal, at_least, end = 0x20, 0x15, 0x35, 0x06
    allow, refuse = (end, 0, 0, 0x7FFF0000), (end, 0, 0, 0x00050000 | errno.EPERM)

    def argument(i: int) -> tuple[int, ...]:  # its lower half
        return load, 0, 0, 16 + 8 * i

    program = [(load, 0, 0, 4), (equal, 1, 0, MACHINES[machine]), refuse, (load, 0, 0, 0)]
    program += [(at_least, 0, 1, 0x40000000), refuse]  # the 32-bit names of the same calls
    for call, commands in COMMANDS.items():
        asked = [(equal, len(commands) - i, 0, c) for i, c in enumerate(commands)]
        program += [(equal, 0, len(asked) + 3, call[column]), argument(1), *asked, refuse, allow]
    # prlimit64(0, …, NULL, …): the process's own, and nothing to set.
    program += [(equal, 0, 8, PRLIMIT[column]), argument(0), (equal, 0, 4, 0)]
    program += [argument(2), (equal, 0, 2, 0), (load, 0, 0, 16 + 8 * 2 + 4), (equal, 1, 0, 0)]
    program += [refuse, allow]
    numbers = [int(number) for number in numbers if number != "-"]
    program += [(equal, len(numbers) - i, 0, number) for i, number in enumerate(numbers)]
    program += [refuse, allow]
    return b"".join(struct.pack("HBBI", *line) for line in program)


# Starting it ----------------------------------------------------------------------------


def library_folders() -> list[Path]:
    """Return the folders that this interpreter imports installed packages from."""
    return [Path(p) for p in sys.path if Path(p).name in ("site-packages", "dist-packages")]


@functools.cache
def package_files() -> tuple[Path, ...]:
    """Return the files and folders of the packages that a submission may use."""
    found: set[Path] = set()
    for name in PACKAGES:
        spec = importlib.util.find_spec(name)
        if spec and spec.origin:
            folder = Path(spec.origin).resolve().parent
            found |= {folder, *folder.parent.glob(f"{name}.libs")}  # wheels bring libraries
    return tuple(sorted(found))


@functools.cache
def shared_libraries() -> tuple[str, ...]:
    """Return the system's libraries that the interpreter and these packages are linked with."""
    objects = [os.path.realpath(sys.executable)]
    objects += glob.glob(f"{standard_library()}/lib-dynload/[!_]*.so")
    objects += glob.glob(f"{standard_library()}/lib-dynload/_[!t]*.so")  # not Tk and its windows
    objects += [str(p) for folder in package_files() for p in folder.rglob("*.so*")]
    try:
        said = subprocess.run(["ldd", *objects], capture_output=True, text=True).stdout
    except OSError as error:
        raise NoSandbox(
            "the program ldd is not there to say which libraries NumPy needs"
        ) from error
    found = set(re.findall(r"(?:=> |^\s+)(/\S+) \(0x", said, flags=re.MULTILINE))
    inside = tuple(f"{folder}/" for folder in package_files())
    return tuple(sorted(p for p in found if not os.path.realpath(p).startswith(inside)))


def standard_library() -> str:
    """Return the folder of Python's own modules."""
    return os.path.dirname(os.path.realpath(os.__file__))


def command(notebooks: bool) -> tuple[list[str], list[str]]:
    """Return the command that starts the runner, and the folders where it finds packages."""
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        raise NoSandbox("bubblewrap is not installed (Debian, Ubuntu: apt install bubblewrap)")
    arguments = [bwrap, "--die-with-parent", "--new-session", "--hostname", "sandbox"]
    if os.getuid() == 0:
        # As root, bubblewrap needs no user namespace, and the runner can become somebody else
        # for good. Inside a namespace it would stay root to the outside, above all limits.
        arguments += ["--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts"]
        arguments += ["--unshare-cgroup-try", "--cap-drop", "ALL"]
        arguments += ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    else:
        arguments += ["--unshare-all", "--uid", str(NOBODY), "--gid", str(NOBODY)]
    python, standard = os.path.realpath(sys.executable), standard_library()
    shown = {path: path for path in (python, standard)}
    if notebooks:
        arguments += ["--cap-add", "CAP_SYS_ADMIN"]  # until /tmp is made
        folders = {str(Path(path).parent): None for path in shared_libraries()}
        shown |= {path: path for path in ("/usr/lib", "/lib", *folders)}
        packages = {f"/packages/{i}": str(p.resolve()) for i, p in enumerate(library_folders())}
        shown |= packages
        templates = "nbconvert/templates"
        shown[f"/jupyter/{templates}"] = f"{sys.prefix}/share/jupyter/{templates}"
        paths = list(packages)
    else:
        shown |= {path: path for path in shared_libraries()}
        shown |= {f"/packages/{path.name}": str(path) for path in package_files()}
        paths = ["/packages"]
    # Folders that bubblewrap makes on the way to a bind are closed to others than root.
    parents = {parent for path in shown for parent in list(Path(path).parents)[:-1]}
    for folder in sorted(parents | {Path("/tmp"), Path("/dev")}):
        arguments += ["--perms", "0755", "--dir", str(folder)]
    for path in sorted(shown):
        arguments += ["--ro-bind-try", shown[path], path]
    for name in ("site-packages", "dist-packages"):  # what else this Python has
        if os.path.isdir(f"{standard}/{name}"):
            arguments += ["--tmpfs", f"{standard}/{name}", "--remount-ro", f"{standard}/{name}"]
    for name in ("null", "zero", "urandom"):
        arguments += ["--dev-bind", f"/dev/{name}", f"/dev/{name}"]
    arguments += ["--remount-ro", "/", "--chdir", "/tmp", "--"]
    return [*arguments, python, "-X", "utf8", "-I", "-S", "-B", "-c", RUNNER], paths


class Child:
    """A process with one submission in it, and the line to it.

    It is a context: leaving it ends the process.
    """

    def __init__(self, line: tuple[Any, Any], process: psutil.Process, limits: Limits) -> None:
        self.requests, self.replies = line
        self.process, self.limits = process, limits
        self.timed_out = False
        self.allowed, self.used, self.idle = float("inf"), 0.0, 0.0
        self.warned = 0.0  # from how many seconds on it is told to stop by itself
        self.doing = ""  # what this side does while a request is under way
        self.asked, self.closed = threading.Event(), threading.Event()
        self.watchdog = threading.Thread(target=self._watch, daemon=True)
        self.watchdog.start()

    def __enter__(self) -> "Child":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _watch(self) -> None:
        """Kill what computes or waits beyond its time: a read would not wake up by itself."""
        seen = None
        while not self.closed.is_set():
            if not self.asked.wait(1):
                seen = None
                continue
            time.sleep(0.05)
            try:
                cpu = sum(self.process.cpu_times()[:2])
                asleep = self.process.status() == psutil.STATUS_SLEEPING
            except psutil.Error:
                return  # it has ended, and the line with it
            now = time.monotonic()
            if seen is not None and self.asked.is_set():
                self.count(cpu - seen[0], now - seen[1], asleep=asleep)
                spent = max(self.used, self.idle)
                if spent > self.allowed:
                    self.timed_out = True
                    self.kill()
                    return
                if spent > self.warned > 0:
                    self.process.send_signal(signal.SIGINT)
                    self.warned += 1
            seen = cpu, now

    def count(self, computed: float, passed: float, *, asleep: bool) -> None:
        """Count the seconds that the submission computed, or else did nothing.

        Those in which it waits for a processor, or for this side, are not its own.
        """
        self.used += computed
        if asleep and not self._is_late():
            self.idle += min(passed, 0.1)  # if more has passed, this process had to wait itself

    def _is_late(self) -> bool:
        """Say whether it is this side that the other one waits for."""
        if self.doing == "reading":
            with contextlib.suppress(OSError, ValueError):
                return bool(select.select([self.replies], [], [], 0)[0])
        return self.doing == "serving"

    def kill(self) -> None:
        """End the process."""
        with contextlib.suppress(psutil.Error):
            self.process.kill()

    def close(self) -> None:
        """End the process, and wait until it has ended: the next one is to be alone."""
        self.closed.set()
        self.asked.set()  # so that the watchdog goes too
        self.kill()
        for stream in (self.requests, self.replies):
            with contextlib.suppress(OSError):  # what was still to be sent goes nowhere
                stream.close()
        with contextlib.suppress(psutil.Error):
            self.process.wait(10)

    def request(
        self,
        message: dict[str, Any] | None,
        seconds: float,
        arrays: Sequence[np.ndarray] = (),
        serve: Serve | None = None,
        limit: int = runner.JSON_BYTES,
        to_stop: float = 0,
    ) -> tuple[dict[str, Any], list[np.ndarray]]:
        """Send a message, if any, and return the reply; EOFError: the submission is dead.

        What the submission asks for in between is answered by `serve`, on its time. After the
        seconds it is interrupted, and has the seconds `to_stop` to answer with what it has.
        """
        self.allowed, self.used, self.idle = seconds + to_stop, 0.0, 0.0
        self.warned = seconds if to_stop else 0
        self.doing = "writing"
        self.asked.set()
        try:
            if message is not None:
                runner.send(self.requests, message, arrays)
            while True:
                self.doing = "reading"
                reply, arrays = runner.receive(self.replies, limit)
                if serve is None or "callback" not in reply:
                    return reply, arrays
                self.doing, start = "serving", time.thread_time()
                answer = serve(reply, arrays)
                self.doing = "writing"
                runner.send(self.requests, *answer)
                self.used += time.thread_time() - start
        except (OSError, ValueError, TypeError, RecursionError, MemoryError) as error:
            self.kill()
            raise EOFError from error
        finally:
            self.asked.clear()


class Sandbox:
    """Walls, and within them a process that forks a child for each line it is sent.

    It is a context: leaving it ends every process within. For trusted submissions there are no
    walls, and each child is a program of its own.
    """

    def __init__(self, limits: Limits, *, trusted: bool = False, notebooks: bool = False) -> None:
        self.limits, self.trusted = limits, trusted
        memory = limits.notebook_memory_bytes if notebooks else limits.memory_bytes
        seconds = limits.total_seconds
        if notebooks:
            seconds = limits.notebook_seconds + limits.stop_seconds
        program = b"" if trusted else system_call_filter(files=notebooks)
        self.environment = {"LANG": "C.UTF-8", "HOME": "/tmp", "JUPYTER_PATH": "/jupyter"}
        self.environment |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
        self.environment |= dict.fromkeys(("MPLCONFIGDIR", "IPYTHONDIR"), "/tmp")
        settings = {
            "fork": not trusted,
            "tmp": notebooks and not trusted,
            "imports": () if notebooks else IMPORTS,
            "uid": 0 if trusted else NOBODY,
            "memory_bytes": memory,
            "cpu_seconds": int(seconds) + 1,
            "file_bytes": limits.file_bytes,
            "files": limits.files,
            "filter": base64.b64encode(program).decode(),
        }
        if trusted:
            if "SYSTEMROOT" in os.environ:  # without it, Python does not start on Windows
                self.environment["SYSTEMROOT"] = os.environ["SYSTEMROOT"]
            self.folder = tempfile.TemporaryDirectory(prefix="submission-")
            line = [sys.executable, "-X", "utf8", "-I", "-c", RUNNER]
            self.line = [*line, json.dumps(settings | {"path": []})]
            return
        line, paths = command(notebooks)
        self.control, theirs = socket.socketpair()
        with theirs:
            self.walls = start([*line, json.dumps(settings | {"path": paths})], self, theirs)
        self.control.settimeout(4 * limits.load_seconds)
        self.ready = b""

    def __enter__(self) -> "Sandbox":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End everything within."""
        if self.trusted:
            self.folder.cleanup()
            return
        with contextlib.suppress(psutil.Error):  # bubblewrap takes all that is within along
            self.walls.kill()
        self.control.close()
        self.walls.stderr.close()
        self.walls.wait()

    def child(self) -> Child:
        """Start a process that has seen nothing yet."""
        if self.trusted:
            process = start(self.line, self, subprocess.PIPE)
            line = process.stdin, process.stdout
        else:
            process, line = self.forked()
        child = Child(line, process, self.limits)
        try:
            child.request(None, 4 * self.limits.load_seconds)
        except EOFError:
            child.close()
            raise self.failed() from None
        return child

    def forked(self) -> tuple[psutil.Process, tuple[Any, Any]]:
        """Send a line into the sandbox; return who answers on it, and its streams."""
        mine, theirs = socket.socketpair()
        mine.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        mine.settimeout(4 * self.limits.load_seconds)
        try:
            if not self.ready:
                self.ready = self.control.recv(1)
            socket.send_fds(self.control, [b"+"], [theirs.fileno()])
            theirs.close()
            # The kernel says which process sent this, by its number here.
            _, said, *_ = mine.recvmsg(1, socket.CMSG_SPACE(12))
            process = psutil.Process(struct.unpack("3i", said[0][2])[0])
        except (OSError, IndexError, psutil.Error):
            mine.close()
            raise self.failed() from None
        finally:
            theirs.close()
        mine.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 0)
        mine.settimeout(None)
        with mine:
            return process, (mine.makefile("wb"), mine.makefile("rb"))

    def failed(self) -> NoSandbox:
        """Return an error that quotes what the sandbox said last."""
        said = ""
        if not self.trusted:
            with contextlib.suppress(psutil.Error):
                self.walls.kill()
            said = self.walls.stderr.read(4096).decode(errors="replace").strip()
        return NoSandbox(f"the sandbox does not start: {said or 'without a word'}")


def start(line: list[str], sandbox: Sandbox, stdin: Any) -> psutil.Popen:
    """Start a program with pipes, and nothing of this process's surroundings."""
    try:
        return psutil.Popen(
            line,
            stdin=stdin,
            stdout=subprocess.PIPE if sandbox.trusted else subprocess.DEVNULL,
            stderr=subprocess.DEVNULL if sandbox.trusted else subprocess.PIPE,
            env=sandbox.environment,
            cwd=sandbox.folder.name if sandbox.trusted else "/",
        )
    except OSError as error:
        raise NoSandbox(f"no process can be started: {error.strerror}") from error


# What must not be possible in the sandbox, and how one would try: each of these must raise.
ATTEMPTS = {
    "finds what the grader left open": "[os.fstat(n) for n in range(3, 256) if is_open(n)][2]",
    "reaches the network": "socket.create_connection(('127.0.0.1', {port}), timeout=2)",
    "reads the grader's files": "[os.lstat(p) for p in {paths} if os.path.lexists(p)][0]",
    "writes to shared folders": "[open(f + '/probe', 'w') for f in {folders} if can(f)][0]",
    "starts processes": "os.fork() or os._exit(0)",
    "starts programs": "os.posix_spawn(sys.executable, [sys.executable, '-V'], {{}})",
    "is root": "[os.getuid()].index(0)",
    "takes all memory": "bytearray({memory})",
    "takes memory that nobody counts": "os.memfd_create('probe')",
    "opens a socket": "[(f, k) for f in range(46) for k in range(6) if opens(f, k)][0]",
    "reaches other processes": "os.pidfd_open(1)",
    "reaches other processes' limits": "resource.prlimit(1, resource.RLIMIT_NOFILE)",
    "makes more files than it may": "[open(f'/tmp/{{n}}', 'w').close() for n in range({files})]",
    "locks a file for others to see": "fcntl.flock(os.open(os.__file__, 0), fcntl.LOCK_SH)",
}
PROBE = """
import fcntl, os, resource, socket, sys
def can(folder):
    try:
        open(folder + "/probe", "w").close()
        return True
    except OSError:
        return False
def opens(family, kind):
    try:
        socket.socket(family, kind).close()
        return True
    except OSError:
        return False
def is_open(number):
    try:
        os.fstat(number)
        return True
    except OSError:
        return False
def escapes():
    found = []
    for number, attempt in enumerate({attempts}):
        try:
            eval(attempt)
            found.append(number)
        except (OSError, MemoryError, IndexError, ValueError):
            pass
    return found
"""


def probe(paths: Sequence[Path] = (), limits: Limits = Limits()) -> None:  # noqa: B008
    """Prove that the sandbox holds on this machine by trying in it what it must not allow.

    Parameters
    ----------
    paths : sequence of Path
        What nobody may find in it: the reference, the checks, the other submissions.
    limits : Limits

    Raises
    ------
    NoSandbox
        It does not start, or it lets something through.
    """
    paths = [str(path) for path in (__file__, *paths)]
    paths += [os.path.realpath(path) for path in paths]
    for notebooks in (False, True):
        folders = ["/", "/dev", "/packages", standard_library(), *([] if notebooks else ["/tmp"])]
        memory = limits.notebook_memory_bytes if notebooks else limits.memory_bytes
        with socket.create_server(("127.0.0.1", 0)) as server:
            tried = [
                attempt.format(
                    port=server.getsockname()[1],
                    paths=paths,
                    folders=folders,
                    memory=2 * memory,
                    files=limits.files + 1,
                )
                for attempt in ATTEMPTS.values()
            ]
            try:
                with Sandbox(limits, notebooks=notebooks) as box, box.child() as child:
                    load(child, PROBE.format(attempts=tried))
                    message = {"call": "escapes", "references": [], "codes": {}, "errstate": {}}
                    message |= {"args": {"tuple": [], "name": ""}, "kwargs": {"table": {}}}
                    reply, _ = child.request(message, 2 * limits.load_seconds)
                    found = set(reply["result"]["tuple"])
            except (EOFError, KeyError, TypeError) as error:
                raise NoSandbox("the sandbox breaks down when it is probed") from error
        if found:
            names = list(ATTEMPTS)
            raise NoSandbox(f"code in the sandbox {', '.join(names[i] for i in sorted(found))}")


def load(child: Child, source: str, code: Sequence[np.ndarray] = ()) -> dict[str, Any]:
    """Load a module in a child, compiled before or now; return the reply."""
    seconds = child.limits.load_seconds
    if not code:
        reply, code = child.request({"compile": source}, seconds)
        if "error" in reply:
            return reply
    return child.request({"load": source}, seconds, code)[0]


# Calling a submission -------------------------------------------------------------------


class Handle:
    """An object that stays in the sandbox, by its number; no tuple, which could pass for data."""

    def __init__(self, number: int) -> None:
        self.number = number


class Submission:
    """A student's `nn_helpers` in a sandbox.

    It is a context: leaving it ends every process of the submission.

    Parameters
    ----------
    source : str
        The student's module.
    reference : module
        The right `nn_helpers`.
    limits : Limits
    trusted : bool
        Run without a sandbox.
    """

    def __init__(
        self, source: str, reference: types.ModuleType, limits: Limits, *, trusted: bool = False
    ) -> None:
        self.source, self.reference, self.limits = source, reference, limits
        self.trusted = trusted
        self.wrong: set[str] = set()  # functions whose place the reference's take
        self.dead: dict[str, str] = {}  # what is not asked for again, and why
        self.timed_out = False
        self.seconds_left = limits.total_seconds
        self.sandbox: Sandbox | None = None
        self.code: list[np.ndarray] = []

    def __enter__(self) -> "Submission":
        return self

    def __exit__(self, *_: object) -> None:
        if self.sandbox is not None:
            self.sandbox.close()

    def functions(self, own: Collection[str]) -> "Functions":
        """Return the module that a check is given: only the functions in `own` are the student's.

        They run in a process that has seen no other check.
        """
        return Functions(self, set(own))

    def child(self) -> Child:
        """Start a process with the module in it."""
        if MODULE in self.dead:
            raise SubmissionFailed(self.dead[MODULE])
        self.require_patience()
        for attempt in range(3):
            try:
                self.sandbox = self.sandbox or Sandbox(self.limits, trusted=self.trusted)
                child = self.sandbox.child()
                break
            except NoSandbox:  # the machine may have room for it a little later
                if attempt == 2:
                    raise
                self.__exit__()
                self.sandbox = None
        try:
            if not self.code:
                reply, self.code = self.request(
                    child, MODULE, {"compile": self.source}, self.limits.load_seconds
                )
            if self.code:
                reply, _ = self.request(
                    child, MODULE, {"load": self.source}, self.limits.load_seconds, self.code
                )
            if "error" in reply:
                self.dead[MODULE] = f"{MODULE} can't be loaded: {self.blame(reply)}"
                raise SubmissionFailed(self.dead[MODULE])
        except SubmissionFailed:
            child.close()
            raise
        return child

    def require_patience(self) -> None:
        """Raise SubmissionFailed if too much had to be stopped already."""
        if len(self.dead) >= self.limits.deaths or self.seconds_left <= 0:
            raise SubmissionFailed("not tried, because too much before it had to be stopped")

    def request(
        self,
        child: Child,
        name: str,
        message: dict[str, Any],
        seconds: float,
        arrays: Sequence[np.ndarray] = (),
        serve: Serve | None = None,
    ) -> tuple[dict[str, Any], list[np.ndarray]]:
        """Send a message; if the submission dies of it, it is not asked for that again."""
        self.require_patience()
        start = time.monotonic()
        try:
            return child.request(message, min(seconds, self.seconds_left), arrays, serve)
        except EOFError:
            text = f"`{name}` ended the program, or answered with something else than numbers"
            if child.timed_out:
                self.timed_out = True
                text = f"`{name}` took longer than {seconds:g} s and was stopped"
                if seconds > self.seconds_left:
                    text = f"`{name}` was stopped: all calls together took too long"
            self.dead[name] = text
            raise SubmissionFailed(text) from None
        finally:
            # What was too short to be watched counts by the clock.
            self.seconds_left -= min(time.monotonic() - start, 0.1 + child.used + child.idle)

    def serve(
        self, references: list[str], message: dict[str, Any], arrays: list[np.ndarray]
    ) -> tuple[dict[str, Any], list[np.ndarray]]:
        """Answer the student's code where a function of its own is known to be wrong."""
        name = message["callback"]
        if name not in references:
            raise ValueError("the submission asks for what it may not have")
        try:
            args, kwargs = (self.decode(message[part], arrays) for part in ("args", "kwargs"))
            counts = [n for n in (*args, *kwargs.values()) if isinstance(n, int)]
            sides = sorted([1, 1, *counts, *(n for array in arrays for n in array.shape)])
            # Nothing builds on `train`, and it can run for any time.
            if name == "train" or math.prod(sides[-2:]) > MOST:
                raise ValueError("not here")
            with np.errstate(all="ignore"):
                result = getattr(self.reference, name)(*args, **kwargs)
            if hasattr(result, "__next__"):
                result = list(result)
            replies: list[np.ndarray] = []
            return {"result": runner.encode(result, replies, refuse)}, replies
        except Exception as error:
            return {"error": str(error)}, []

    def decode(self, value: Any, arrays: list[np.ndarray]) -> Any:
        """Return a value that came out of the sandbox."""
        return runner.decode(value, arrays, self.make_tuple, fetch)

    def make_tuple(self, name: str, items: list[Any]) -> tuple:
        """Return a tuple, one of the reference's kinds if it has that name and size."""
        kind = getattr(self.reference, name, None) if name in KINDS else None
        return kind(*items) if kind and len(items) == len(kind._fields) else tuple(items)

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
        lines = re.split(r"\r\n|\r|\n", self.source)  # as Python counts them
        if type(line) is int and 0 < line <= len(lines):
            kind += f" in line {line}: `{lines[line - 1].strip()[:120]}`"
            if kind.startswith("SyntaxError") and lines[line - 1].lstrip()[:1] in ("%", "!"):
                kind += ". That is a command of a notebook; delete the line"
        return kind + HINTS.get(str(reply["error"]), "")


OWN_KIND = ("fit_standardizer",)  # what it returns need not mean anything to anybody else
KINDS = ("Standardizer", "Parameters", "Activations", "TrainingRun", "Metrics")
HINTS = {
    "ModuleNotFoundError": ". Where this is graded, there is NumPy and what comes with Python",
    "FileNotFoundError": ". Where this is graded, there are no files",
}


class Functions:
    """What a check knows as its module ``nn``: some functions of the student's, all else right.

    It is a context: leaving it ends the process in which the student's functions ran.
    """

    def __init__(self, submission: Submission, own: set[str]) -> None:
        self.submission, self.own = submission, own
        self.process: Child | None = None

    def __enter__(self) -> "Functions":
        return self

    def __exit__(self, *_: object) -> None:
        if self.process is not None:
            self.process.close()

    def __getattr__(self, name: str) -> Any:
        if name in self.own:
            return functools.partial(self.call, name)
        return getattr(self.submission.reference, name)

    def call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """Call a function of the student's."""
        submission = self.submission
        if name in submission.dead:
            raise SubmissionFailed(submission.dead[name])
        if self.process is None:
            self.process = submission.child()
        arrays: list[np.ndarray] = []
        recorders: list[Callable] = []

        def keep(value: Any) -> dict[str, int]:
            if isinstance(value, np.random.Generator):
                # A seed from it: drawing here and drawing there stay two different things.
                return {"rng": int(value.integers(2**63))}
            if isinstance(value, Handle):
                return {"kept": value.number}
            recorders.append(value)
            return {"recorder": 0}

        references = sorted(submission.wrong - self.own)
        codes = {}
        for wrong in references:
            if code := code_of(getattr(submission.reference, wrong)):
                codes[wrong] = len(arrays)
                arrays.append(np.frombuffer(code, np.uint8))
        message = {
            "call": name,
            "codes": codes,
            "args": runner.encode(args, arrays, keep),
            "kwargs": runner.encode(kwargs, arrays, keep),
            "references": references,
            "errstate": np.geterr(),
        }
        limits = submission.limits
        seconds = limits.train_seconds if name == "train" else limits.call_seconds
        serve = functools.partial(submission.serve, references)
        reply, replies = submission.request(self.process, name, message, seconds, arrays, serve)
        if "error" in reply:
            submission.fail(name, reply, arrays)
        try:
            result = submission.decode(reply["result"], replies)
            seen = submission.decode(reply["recorded"], replies)
            for place, values in submission.decode(reply["changed"], replies).items():
                arrays[int(place)][...] = values
            if name not in OWN_KIND:
                refuse_kept(result)
        except Exception as error:
            raise SubmissionFailed(
                f"`{name}` should return numbers and arrays of numbers, it returned something else"
            ) from error
        for values in seen:
            for record in recorders:
                record(*values)
        return result


@functools.cache
def code_of(function: Callable) -> bytes:
    """Return the code of a function that needs nothing but NumPy, else nothing.

    It can stand in a submission where its own function is wrong. For any other function the
    submission asks the grader, and a sigmoid it would ask for thousands of times.
    """
    alone = set(inspect.getclosurevars(function).globals) <= {"np"}
    if not alone or function.__defaults__ or function.__kwdefaults__:
        return b""
    return marshal.dumps(function.__code__)


def fetch(value: dict[str, Any]) -> Any:
    """Return what a number from the sandbox stands for: a generator, or an object kept there."""
    if "rng" in value:
        return np.random.default_rng(int(value["rng"]))
    return Handle(int(value["kept"]))


def refuse_kept(value: Any) -> None:
    """Raise TypeError if there is something in a result that could not leave the sandbox."""
    if isinstance(value, Handle):
        raise TypeError("no number")
    if isinstance(value, (tuple, dict)):
        for item in value.values() if isinstance(value, dict) else value:
            refuse_kept(item)


def refuse(value: Any) -> Any:
    """Raise TypeError: this is not sent into the sandbox."""
    raise TypeError(f"a {type(value).__name__} can't be sent")
