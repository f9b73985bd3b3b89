"""What runs inside the sandbox: it loads a submission and calls its functions when asked to.

Requests come in and answers go out as messages: four bytes of length, then JSON, then the bytes of
its arrays. Nothing is pickled. Neither the checks nor the reference nor any random number of the
grader is in here. The student's code shares this process and may do to it what it likes: all
it can change are its own answers, and those are judged outside.

This file is not imported in the sandbox but given to the interpreter as text. The grader
imports it for `encode`, `decode`, `send` and `receive`.
"""

import base64
import contextlib
import io
import json
import linecache
import math
import os
import struct
import sys
import types
import warnings

MESSAGE_BYTES = 16 * 2**20  # what a message and its arrays may hold together
SIDE = 10**6  # of an array
DTYPES = {"|b1", "|i1", "|u1", *(f"<{kind}{n}" for kind in "iu" for n in (2, 4, 8)), "<f4", "<f8"}
NAME = "nn_helpers.py"


# Messages -------------------------------------------------------------------------------


def send(stream, message, arrays=()):
    """Write one message: a JSON object, and the arrays that it refers to by their numbers."""
    message = message | {"arrays": [[array.dtype.str, array.shape] for array in arrays]}
    data = json.dumps(message).encode()
    stream.write(struct.pack(">I", len(data)) + data)
    for array in arrays:
        stream.write(array.tobytes())
    stream.flush()


def receive(stream, limit=MESSAGE_BYTES):
    """Read one message of so many bytes at most, and check its form.

    EOFError means that it is cut off, ValueError or RecursionError that it is none.
    """
    import numpy as np

    (length,) = struct.unpack(">I", read(stream, 4))
    if length > limit:
        raise ValueError(f"{length} bytes are too many")
    message = json.loads(read(stream, length))
    if not isinstance(message, dict) or not isinstance(message.get("arrays"), list):
        raise ValueError("a message must be a JSON object that describes its arrays")
    arrays = []
    for kind, shape in message["arrays"]:
        if kind not in DTYPES or len(shape) > 3:
            raise ValueError("an array must hold numbers, in 3 dimensions at most")
        if not all(type(n) is int and 0 <= n <= SIDE for n in shape):
            raise ValueError("a shape must consist of whole numbers")
        size = math.prod(shape) * np.dtype(kind).itemsize
        length += size
        if length > limit:
            raise ValueError(f"{length} bytes are too many")
        arrays.append(np.frombuffer(bytearray(read(stream, size)), kind).reshape(shape))
    return message, arrays


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
    if isinstance(value, type) and issubclass(value, np.number):
        return {"type": np.dtype(value).str}
    if hasattr(value, "iloc") and not hasattr(value, "columns"):  # a column of pandas
        value = np.asarray(value)
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        known = value.dtype.str in DTYPES
        arrays.append(np.asarray(value) if known else np.asarray(value, float))
        return {"array": len(arrays) - 1}
    if isinstance(value, (tuple, list)):
        name = type(value).__name__ if hasattr(value, "_fields") else ""
        return {"tuple": [encode(item, arrays, keep) for item in value], "name": name}
    if hasattr(value, "iloc") and hasattr(value, "columns"):  # a DataFrame
        value = {name: np.asarray(value[name]) for name in value.columns}
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
    if "type" in value:
        return np.dtype(value["type"] if value["type"] in DTYPES else "V").type
    if "tuple" in value:
        items = [decode(item, arrays, make_tuple, fetch) for item in value["tuple"]]
        return make_tuple(str(value["name"]), items)
    if "table" in value:
        table = value["table"].items()
        return {str(name): decode(item, arrays, make_tuple, fetch) for name, item in table}
    return fetch(value)


# Inside the sandbox ---------------------------------------------------------------------


def restrict(limits):
    """Give up root's rights and what a submission does not need."""
    if limits["uid"] and os.getuid() == 0:
        os.setgroups([])
        os.setgid(limits["uid"])
        os.setuid(limits["uid"])
    try:
        import resource
    except ImportError:  # Windows, where only trusted submissions are run
        return
    bounds = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_CPU: limits["cpu_seconds"],
        resource.RLIMIT_FSIZE: limits["file_bytes"],
        resource.RLIMIT_NOFILE: 256,
    }
    if limits["uid"]:  # in the sandbox; one thread of BLAS needs no further process
        bounds[resource.RLIMIT_AS] = limits["memory_bytes"]
        bounds[resource.RLIMIT_NPROC] = 0
    for name, bound in bounds.items():
        hard = resource.getrlimit(name)[1]
        bound = bound if hard == resource.RLIM_INFINITY else min(bound, hard)
        resource.setrlimit(name, (bound, bound))


class Submission:
    """A student's module, and the grader on the other end of the line."""

    def __init__(self, requests, replies):
        self.requests, self.replies = requests, replies
        self.module = types.ModuleType("nn_helpers")
        self.own, self.kept, self.recorded = {}, [], []

    def answer(self, message, arrays):
        """Do what a message asks for; return the reply and its arrays."""
        try:
            if "load" in message:
                return self.load(message["load"]), []
            if "notebook" in message:
                return run_notebook(message), []
            return self.call(message, arrays)
        except BaseException as error:  # SystemExit and its like are a student's answers too
            return {"error": type(error).__name__, "line": line_of(error)}, []

    def load(self, source):
        """Run the student's module once."""
        self.module.__file__ = "/submission/" + NAME
        sys.modules["nn_helpers"] = self.module
        linecache.cache[NAME] = (len(source), None, source.splitlines(True), NAME)
        exec(compile(source, NAME, "exec"), self.module.__dict__)
        return {"result": None}

    def call(self, message, arrays):
        """Call one function, with the reference in place of those that are known to be wrong."""
        import numpy as np

        for name, function in self.own.items():
            setattr(self.module, name, function)
        self.own = {}
        for name in message["references"]:
            self.own[name] = getattr(self.module, name, None)
            setattr(self.module, name, self.reference(name))
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
        if hasattr(result, "columns"):  # a table of pandas, where an array will do
            result = np.asarray(result)
        if result is None and name == "gradient_step":  # it worked in place
            result = args[0]
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
            message, arrays = receive(self.requests)
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
    """Execute a notebook in this process, cell by cell, and return it as HTML."""
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
    for number, cell in enumerate((c for c in notebook.cells if c.cell_type == "code"), 1):
        cell.execution_count, cell.outputs = number, []
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
        if error is not None:
            cell.outputs.append(
                nbformat.v4.new_output(
                    "error", ename=type(error).__name__, evalue=str(error), traceback=[]
                )
            )
    exporter = HTMLExporter(template_name="basic")
    html, _ = exporter.from_notebook_node(notebook)
    return {"html": html}


def main():
    """Answer requests until there are no more."""
    requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    message = json.loads(requests.readline())
    sys.path[:0] = message["path"]
    restrict(message["limits"])
    import numpy  # noqa: F401 - before the student's code, so that a failure is not theirs

    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):  # what the student's code prints goes nowhere
        os.dup2(null, stream)
    sys.stdin = io.StringIO()
    submission = Submission(requests, replies)
    send(replies, {"result": None})
    while True:
        try:
            message, arrays = receive(requests)
        except EOFError:
            return
        send(replies, *submission.answer(message, arrays))


if __name__ == "__main__":
    main()
