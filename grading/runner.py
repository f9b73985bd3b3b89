"""What runs inside the sandbox: it loads a submission and calls its functions when asked to.

The first process here imports NumPy, and then nothing of a student's. For every check it forks a
child, which gives up its rights, loads the submission and talks to the grader over a line of its
own. So no check's process has seen another check.

Requests come in and answers go out as messages: four bytes of length, then JSON, then the bytes of
its arrays. Nothing is pickled. Neither the checks nor the reference nor any random number of the
grader is in here. The student's code shares its process with `Submission` and may do to it what
it likes: all it can change are its own answers, and those are judged outside.

This file is not imported in the sandbox but given to the interpreter as text. The grader
imports it for `encode`, `decode`, `send` and `receive`.
"""

import base64
import builtins
import contextlib
import ctypes
import gc
import importlib
import importlib.abc
import importlib.machinery
import io
import json
import linecache
import marshal
import math
import os
import re
import signal
import socket
import struct
import sys
import types
import warnings

MESSAGE_BYTES = 16 * 2**20  # what a message and its arrays may hold together
JSON_BYTES, ARRAYS = 2**20, 10_000  # and what of that is not numbers
SIDE = 10**6  # of an array
DIGITS = 20  # of a whole number
DTYPES = {"|b1", "|i1", "|u1", *(f"<{kind}{n}" for kind in "iu" for n in (2, 4, 8)), "<f4", "<f8"}
NAME = "nn_helpers.py"
# Packages of the course that no graded function needs: a submission may import them.
ABSENT = {"IPython", "PIL", "anywidget", "ipywidgets", "joblib", "matplotlib", "mpl_toolkits"}
ABSENT |= {"pandas", "scipy", "seaborn", "sklearn", "tqdm"}


# Messages -------------------------------------------------------------------------------


def send(stream, message, arrays=()):
    """Write one message: a JSON object, and the arrays that it refers to by their numbers."""
    message = message | {"arrays": [[array.dtype.str, array.shape] for array in arrays]}
    data = json.dumps(message).encode()
    stream.write(struct.pack(">I", len(data)) + data)
    for array in arrays:
        stream.write(array.tobytes())
    stream.flush()


def receive(stream, limit=JSON_BYTES):
    """Read one message of so many bytes at most, without its arrays, and check its form.

    EOFError means that it is cut off, ValueError or RecursionError that it is none.
    """
    import numpy as np

    (length,) = struct.unpack(">I", read(stream, 4))
    if length > limit:
        raise ValueError(f"{length} bytes are too many")
    message = json.loads(read(stream, length), parse_int=whole)
    if not isinstance(message, dict) or not isinstance(message.get("arrays"), list):
        raise ValueError("a message must be a JSON object that describes its arrays")
    if len(message["arrays"]) > ARRAYS:
        raise ValueError("there are too many arrays")
    arrays = []
    for kind, shape in message["arrays"]:
        if kind not in DTYPES or len(shape) > 3:
            raise ValueError("an array must hold numbers, in 3 dimensions at most")
        if not all(type(n) is int and 0 <= n <= SIDE for n in shape):
            raise ValueError("a shape must consist of whole numbers")
        size = math.prod(shape) * np.dtype(kind).itemsize
        length += size
        if length > max(limit, MESSAGE_BYTES):
            raise ValueError(f"{length} bytes are too many")
        arrays.append(np.frombuffer(bytearray(read(stream, size)), kind).reshape(shape))
    return message, arrays


def whole(digits):
    """Return a whole number, unless it is one that only costs time."""
    if len(digits) > DIGITS:
        raise ValueError("a whole number is too large")
    return int(digits)


def read(stream, size):
    """Read exactly so many bytes."""
    data = stream.read(size)
    if len(data) < size:
        raise EOFError
    return data


def encode(value, arrays, keep):
    """Turn a value into JSON; its arrays are added to the list `arrays`.

    What has no form of its own is given to `keep`, which returns the JSON that stands for it.
    """
    import numpy as np

    if isinstance(value, np.generic):
        value = float(value) if value.dtype.kind == "f" else value.item()
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, (type, np.dtype, str)):  # a kind of number, however it is named
        with contextlib.suppress(TypeError):
            if np.dtype(value).kind in "biuf":
                return {"dtype": np.dtype(value).str, "type": isinstance(value, type)}
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        known = value.dtype.str in DTYPES
        arrays.append(np.asarray(value) if known else np.asarray(value, float))
        return {"array": len(arrays) - 1}
    if isinstance(value, (tuple, list)):
        name = type(value).__name__ if hasattr(value, "_fields") else ""
        return {"tuple": [encode(item, arrays, keep) for item in value], "name": name}
    if isinstance(value, dict):
        table = {str(name): encode(item, arrays, keep) for name, item in value.items()}
        return {"table": table}
    return keep(value)


def decode(value, arrays, make_tuple, fetch):
    """Turn JSON from `encode` back into a value.

    ``make_tuple(name, items)`` makes a tuple; ``fetch(json)`` returns what has another form.
    """
    import numpy as np

    if value is None or isinstance(value, (bool, int, float)):
        return value
    if not isinstance(value, dict):
        raise ValueError("an unknown kind of value")
    if "array" in value:
        return arrays[value["array"]]
    if "dtype" in value:
        kind = np.dtype(value["dtype"] if value["dtype"] in DTYPES else "V")
        return kind.type if value["type"] else kind
    if "tuple" in value:
        items = [decode(item, arrays, make_tuple, fetch) for item in value["tuple"]]
        return make_tuple(str(value["name"]), items)
    if "table" in value:
        table = value["table"].items()
        return {str(name): decode(item, arrays, make_tuple, fetch) for name, item in table}
    return fetch(value)


# Giving up rights -----------------------------------------------------------------------


def become(limits):
    """Give up root's rights, and make the one place that can be written to."""
    if limits["tmp"]:
        libc = ctypes.CDLL(None, use_errno=True)
        size = f"size={limits['file_bytes']},nr_inodes={limits['files']},mode=1777".encode()
        no_devices_no_setuid = 6
        if libc.mount(b"tmpfs", b"/tmp", b"tmpfs", no_devices_no_setuid, size):
            raise OSError(ctypes.get_errno(), "/tmp can't be made")
        clear_ambient, nothing = (47, 4), struct.pack("6I", *[0] * 6)
        libc.prctl(*clear_ambient, 0, 0, 0)
        if os.getuid() and libc.capset(struct.pack("2I", 0x20080522, 0), nothing):
            raise OSError(ctypes.get_errno(), "rights can't be given up")
        os.chdir("/tmp")
    if limits["uid"] and os.getuid() == 0:
        os.setgroups([])
        os.setgid(limits["uid"])
        os.setuid(limits["uid"])


def restrict(limits):
    """Give up what a submission does not need: memory, processes, system calls."""
    try:
        import resource
    except ImportError:  # Windows, where only trusted submissions are run
        return
    bounds = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_CPU: limits["cpu_seconds"],
        resource.RLIMIT_FSIZE: limits["file_bytes"],
        resource.RLIMIT_NOFILE: 64,
    }
    if limits["uid"]:  # in the sandbox; one thread of BLAS needs no further process
        bounds[resource.RLIMIT_AS] = limits["memory_bytes"]
        bounds[resource.RLIMIT_NPROC] = 0
    for name, bound in bounds.items():
        hard = resource.getrlimit(name)[1]
        bound = bound if hard == resource.RLIM_INFINITY else min(bound, hard)
        resource.setrlimit(name, (bound, bound))
    if program := base64.b64decode(limits["filter"]):
        # The form of prctl(2) and seccomp(2): how many instructions, and where they are.
        buffer = ctypes.create_string_buffer(program, len(program))
        filtered = struct.pack("HP", len(program) // 8, ctypes.addressof(buffer))
        set_seccomp, mode_filter = 22, 2
        if ctypes.CDLL(None, use_errno=True).prctl(set_seccomp, mode_filter, filtered, 0, 0):
            raise OSError(ctypes.get_errno(), "system calls can't be filtered")


class StandIn(types.ModuleType):
    """A package that is not here: it can be imported and set up, and fails where it is used."""

    __path__ = ()
    loading = True

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return StandIn(f"{self.__name__}.{name}")

    def __call__(self, *args, **kwargs):
        if StandIn.loading:
            return self
        raise ModuleNotFoundError(f"No module named {self.__name__.partition('.')[0]!r}")

    def __getitem__(self, key):
        return self

    def __setitem__(self, key, value):
        pass


class StandIns(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds a stand-in for each package that a course's notebook would import."""

    def find_spec(self, name, path=None, target=None):
        """Return a spec for what is not here, if it belongs to the course."""
        if name.partition(".")[0] in ABSENT:
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec):
        """Return a stand-in."""
        return StandIn(spec.name)

    def exec_module(self, module):
        """Do nothing: a stand-in is ready."""


# Inside the sandbox ---------------------------------------------------------------------


class Submission:
    """A student's module, and the grader on the other end of the line."""

    def __init__(self, requests, replies):
        self.requests, self.replies = requests, replies
        self.module = types.ModuleType("nn_helpers")
        self.replaced, self.kept, self.recorded = [], [], []

    def serve(self):
        """Answer requests until there are no more."""
        send(self.replies, {"result": None})
        with contextlib.suppress(EOFError):
            while True:
                send(self.replies, *self.answer(*receive(self.requests, math.inf)))

    def answer(self, message, arrays):
        """Do what a message asks for; return the reply and its arrays."""
        import numpy as np

        try:
            if "compile" in message:
                code = marshal.dumps(compile(message["compile"], NAME, "exec"))
                return {"result": None}, [np.frombuffer(code, np.uint8)]
            if "load" in message:
                return self.load(message["load"], arrays), []
            if "notebook" in message:
                return run_notebook(message), []
            return self.call(message, arrays)
        except BaseException as error:  # SystemExit and its like are a student's answers too
            return {"error": type(error).__name__, "line": line_of(error)}, []

    def load(self, source, arrays):
        """Run the student's module once."""
        self.module.__file__ = "/submission/" + NAME
        sys.modules["nn_helpers"] = self.module
        linecache.cache[NAME] = (len(source), None, source.splitlines(True), NAME)
        builtins.get_ipython = StandIn("IPython")  # left over from a notebook
        exec(marshal.loads(arrays[0].tobytes()), self.module.__dict__)
        StandIn.loading = False
        return {"result": None}

    def call(self, message, arrays):
        """Call one function, with the reference in place of those that are known to be wrong."""
        import numpy as np

        for name in message["references"]:
            setattr(self.module, name, self.reference(name))
        for name, place in message["codes"].items():
            code = marshal.loads(arrays[place].tobytes())
            setattr(self.module, name, types.FunctionType(code, {"np": np}, name))
        name = message["call"]
        if not callable(getattr(self.module, name, None)):
            return {"error": "missing", "line": 0}, []
        args, kwargs = self.decode(message["args"], arrays), self.decode(message["kwargs"], arrays)
        before = [array.tobytes() for array in arrays]
        self.recorded = []
        with warnings.catch_warnings(), np.errstate(**message["errstate"]):
            warnings.simplefilter("ignore")
            result = getattr(self.module, name)(*args, **kwargs)
            if hasattr(result, "__next__"):
                result = list(result)
        replies = []
        own_kind = isinstance(result, dict)  # as a standardizer may be
        reply = {"result": self.keep(result) if own_kind else encode(result, replies, self.keep)}
        reply["recorded"] = encode(self.recorded, replies, self.keep)
        pairs = enumerate(zip(before, arrays, strict=True))
        changed = {i: array for i, (old, array) in pairs if old != array.tobytes()}
        reply["changed"] = encode(changed, replies, self.keep)
        return reply, replies

    def reference(self, name):
        """Return a function that asks the grader for the right answer."""

        def ask(*args, **kwargs):
            arrays = []
            message = {"callback": name, "args": encode(args, arrays, self.keep)}
            message["kwargs"] = encode(kwargs, arrays, self.keep)
            send(self.replies, message, arrays)
            message, arrays = receive(self.requests, math.inf)
            if "error" in message:
                raise ValueError(message["error"])
            return self.decode(message["result"], arrays)

        return ask

    def decode(self, value, arrays):
        return decode(value, arrays, self.make_tuple, self.fetch)

    def make_tuple(self, name, items):
        kind = getattr(self.module, name, None) if name else None
        return kind(*items) if kind is not None else tuple(items)

    def keep(self, value):
        """Keep an object here and send a number that stands for it."""
        import numpy as np

        if isinstance(value, np.random.Generator):
            return {"rng": int(value.integers(2**63))}
        self.kept.append(value)
        return {"kept": len(self.kept) - 1}

    def fetch(self, value):
        """Return what a number stands for: a generator, an object kept here, a recorder."""
        import numpy as np

        if "rng" in value:
            return np.random.default_rng(value["rng"])
        if "recorder" in value:
            return lambda *args: self.recorded.append(args)
        return self.kept[value["kept"]]


def line_of(error):
    """Return the last line of the student's module that an error passed through, or 0."""
    if isinstance(error, SyntaxError) and error.filename == NAME:
        return error.lineno or 0
    line, trace = 0, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == NAME:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


# Notebooks ------------------------------------------------------------------------------


def run_notebook(message):
    """Execute a notebook in this process, cell by cell, and return it as HTML.

    Returned are also the numbers of the cells that print something else than was handed in, that
    of the cell in which the grader interrupted it, or 0, and whether some were never run before.
    """
    import nbformat
    import tqdm
    from IPython.core.displayhook import CapturingDisplayHook
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.core.pylabtools import select_figure_formats
    from IPython.utils.capture import capture_output
    from nbconvert import HTMLExporter
    from traitlets.config import Config

    tqdm.tqdm.monitor_interval = 0  # no thread of its own
    os.environ["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"
    for path, data in message["files"].items():
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        with open(path, "wb") as file:
            file.write(base64.b64decode(data))
    sys.path.insert(0, os.getcwd())
    notebook = nbformat.reads(message["notebook"], as_version=4)
    config = Config()
    config.HistoryManager.enabled = False
    shell = InteractiveShell.instance(config=config, colors="nocolor")
    select_figure_formats(shell, {"png"})
    os.makedirs("notebooks", exist_ok=True)
    os.chdir("notebooks")
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    handed_in = [printed(cell.outputs) if cell.execution_count else None for cell in cells]
    for cell in cells:
        cell.execution_count, cell.outputs = None, []
    signal.signal(signal.SIGINT, signal.default_int_handler)
    stopped, other = 0, []
    for number, cell in enumerate(cells, 1):
        cell.execution_count = number
        with capture_output() as captured:
            hook = CapturingDisplayHook(shell=shell, outputs=captured._outputs)
            shell.display_trap.hook = hook  # what the last line of a cell shows
            result = shell.run_cell(cell.source)
            with contextlib.suppress(Exception):
                from matplotlib_inline.backend_inline import flush_figures

                flush_figures()
        if captured.stdout:
            cell.outputs.append(
                nbformat.v4.new_output("stream", name="stdout", text=captured.stdout)
            )
        for rich in captured.outputs:
            # A live figure would need a kernel; the picture that comes with it does not.
            data = {kind: value for kind, value in rich.data.items() if "widget" not in kind}
            cell.outputs.append(
                nbformat.v4.new_output("display_data", data=data, metadata=rich.metadata or {})
            )
        error = result.error_before_exec or result.error_in_exec
        if error is not None and not isinstance(error, shell.custom_exceptions):
            cell.outputs.append(
                nbformat.v4.new_output(
                    "error", ename=type(error).__name__, evalue=str(error), traceback=[]
                )
            )
        if isinstance(error, KeyboardInterrupt):
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            stopped = number
            break
        if handed_in[number - 1] is not None and not alike(
            handed_in[number - 1], printed(cell.outputs)
        ):
            other.append(number)
    exporter = HTMLExporter(template_name="basic")
    html, _ = exporter.from_notebook_node(notebook)
    unrun = any(text is None and cell.source for text, cell in zip(handed_in, cells, strict=True))
    return {"html": html, "other": other, "stopped": stopped, "unrun": unrun}


def printed(outputs):
    """Return the text that a cell printed: no figure, no progress bar, nothing that is live."""
    texts = []
    for output in outputs:
        data = output.get("data", {})
        if output.output_type == "error":  # how it is told differs from program to program
            return output.ename
        if output.output_type == "stream" and output.name == "stdout":
            texts.append(output.text)
        elif not any("image" in kind or "widget" in kind for kind in data):
            text = data.get("text/html") or data.get("text/plain", "")  # a table, or its lines
            texts.append(re.sub(r"(?s)<style.*?</style>|<[^>]*>", " ", text))
    return " ".join(texts)


def alike(one, other):
    """Say whether two texts are equal but for space, addresses and rounding."""
    number = r"-?\d+\.?\d*(?:e[+-]?\d+)?"
    one, other = (re.sub(r"(0x[0-9a-f]+|\s)+", " ", text).strip() for text in (one, other))
    return re.sub(number, "#", one) == re.sub(number, "#", other) and all(
        math.isclose(float(a), float(b), rel_tol=0.002)
        for a, b in zip(re.findall(number, one), re.findall(number, other), strict=True)
    )


def begin(settings, requests, replies):
    """Load a submission in this process, with as few rights as it needs, and answer for it."""
    restrict(settings)
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):  # what the student's code prints goes nowhere
        os.dup2(null, stream)
    os.close(null)
    sys.stdin, sys.argv = io.StringIO(), [NAME]
    sys.meta_path.append(StandIns())
    Submission(requests, replies).serve()


def main():
    """Fork a child for each line that the grader sends; or answer for one submission here."""
    settings = json.loads(sys.argv[1])
    sys.path[:0] = settings["path"]
    become(settings)
    importlib.import_module("numpy.random")  # a failure would not be the student's
    if not settings["fork"]:
        begin(settings, os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb"))
        return
    for name in settings["imports"]:  # so that no child has to
        importlib.import_module(name)
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(fileno=os.dup(0)) as control:
        control.send(b"+")
        while True:
            asked, lines, *_ = socket.recv_fds(control, 1, 1)
            if not asked:
                return
            if os.fork() == 0:
                control.close()
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                os.write(lines[0], b"+")  # the kernel tells the grader who sends it
                begin(settings, os.fdopen(lines[0], "rb"), os.fdopen(os.dup(lines[0]), "wb"))
                os._exit(0)
            os.close(lines[0])


if __name__ == "__main__":
    main()
