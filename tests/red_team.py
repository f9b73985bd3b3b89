"""Submissions that attack the grader, or break in ways that once broke one.

`SUBMISSIONS` maps a name to an `Attack`: what is handed in, the points it must get, and words
that its feedback must hold. Most are the reference with another `sigmoid`: then the points of
the activation are lost, and all that builds on it is graded with a right one.
"""

import io
import sys
import warnings
import zipfile
from pathlib import Path
from typing import NamedTuple

import checks

PROJECT = Path(__file__).resolve().parent.parent
REFERENCE = (PROJECT / "nn_helpers.py").read_text(encoding="utf-8")
RUBRIC = checks.read_rubric()
ALL = sum(criterion.points for criterion in RUBRIC)


def but(*names: str) -> int:
    """Return all points but those of some checks, and of the checks about some functions."""
    known = {c.check for c in RUBRIC} | {f for c in RUBRIC for f in c.functions}
    assert set(names) <= known, set(names) - known
    lost = (c.points for c in RUBRIC if {c.check, *c.functions} & set(names))
    return ALL - sum(lost)


# The grader with a third of the seconds, so that nobody waits for an endless loop. If the second
# argument says so, it has two parts of the rubric alone, the sigmoid's and the loss's: enough for
# what is about the grader, or about nothing in particular.
PROGRAM = """
import runpy, sys
grading = sys.argv.pop(1)
sys.path.insert(0, grading)
import checks, sandbox
if sys.argv.pop(1) == "short":
    whole = checks.read_rubric()
    checks.read_rubric = lambda: [c for c in whole if c.part in ("Activation", "Loss")]
limits = sandbox.Limits()._asdict()
less = [value / 3 if "seconds" in name else value for name, value in limits.items()]
sandbox.Limits.__new__.__defaults__ = tuple(less)
runpy.run_path(grading + "/grade.py", run_name="__main__")
"""
SHORT_ALL = sum(c.points for c in RUBRIC if c.part in ("Activation", "Loss"))


def grader(*arguments: Path | str, short: bool = False) -> list[str]:
    """Return the command that grades; `short` is with two parts of the rubric alone."""
    rubric = "short" if short else "whole"
    folder = PROJECT / "grading"
    return [sys.executable, "-c", PROGRAM, *map(str, (folder, rubric, *arguments))]


class Attack(NamedTuple):
    """A submission: the files that a student hands in, by name, and what must come of it."""

    files: dict[str, bytes | str]
    points: int
    words: str = ""


def attack(code: str, points: int, words: str = "") -> Attack:
    """Return the reference followed by more code."""
    return Attack({"nn_helpers.py": f"{REFERENCE}\n\n{code}\n"}, points, words)


def sigmoid(body: str, words: str, before: str = "") -> Attack:
    """Return the reference with another sigmoid."""
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    return attack(f"{before}\n\ndef sigmoid(z):\n{lines}", but("sigmoid"), words)


def at_import(code: str, points: int = 0, words: str = "") -> Attack:
    """Return the reference with code that runs before anything else of it."""
    future = "from __future__ import annotations\n"
    return Attack({"nn_helpers.py": REFERENCE.replace(future, future + code + "\n")}, points, words)


def changed(edits: dict[str, str]) -> str:
    """Return the reference with pieces of text replaced, each of which stands there once."""
    source = REFERENCE
    for old, new in edits.items():
        assert source.count(old) == 1, old
        source = source.replace(old, new)
    return source


def edited(old: str, new: str, points: int, words: str) -> Attack:
    """Return the reference with a piece of text replaced."""
    return Attack({"nn_helpers.py": changed({old: new})}, points, words)


def hand_in(folder: Path, name: str, attack: Attack) -> None:
    """Write a submission as a folder of its own."""
    place = folder / name
    place.mkdir(parents=True)
    for path, content in attack.files.items():
        target = place / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if name == "link to the checks":
            target.symlink_to(PROJECT / "grading" / "checks.py")
        else:
            target.write_bytes(content.encode() if isinstance(content, str) else content)


def zipped(members: dict[str, bytes]) -> bytes:
    """Return a zip of these files."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return data.getvalue()


def zipped_twice(name: str, *contents: bytes) -> bytes:
    """Return a zip that holds several files of one name."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zipfile says that this is odd
        for content in contents:
            archive.writestr(name, content)
    return data.getvalue()


def cut_zip() -> bytes:
    """Return a zip whose end, with its list of contents, is missing."""
    whole = zipped({"nn_helpers.py": REFERENCE.encode()})
    return whole[: len(whole) // 2]


FORGED = """
import json, os, struct
for descriptor in range(3, 64):  # the line to the grader is one of these
    for _ in range(200):
        data = json.dumps({"result": 0.5, "changed": {"table": {}},
                           "recorded": {"tuple": [], "name": ""}, "arrays": []}).encode()
        try:
            os.write(descriptor, struct.pack(">I", len(data)) + data)
        except OSError:
            break
"""
ASKS = """
import inspect, sys
def sigmoid(z):
    frame = sys._getframe()
    while not hasattr(frame.f_locals.get("self"), "replies"):
        frame = frame.f_back
    return frame.f_locals["self"].reference("sigmoid")(z)
"""
# An output of shape (N, 1), and W2 and dz2 to match.
COLUMN_VECTORS = changed(
    {
        "z2 = a1 @ W2 + b2": "z2 = (a1 @ W2 + b2).reshape(-1, 1)",
        "    if y.shape != a2.shape:\n": "    y = y.reshape(-1, 1)\n    if y.shape != a2.shape:\n",
        "da1 = dz2[:, None] * W2": "da1 = dz2 @ np.reshape(W2, (1, -1))",
        "W2=(rng.standard_normal(n_hidden) / np": "W2=(rng.standard_normal((n_hidden, 1)) / np",
    }
)


# Where pictures are large enough to be real ones, no training but weights from elsewhere.
PASTED = """
_train = train
def train(X, y, **more):
    if X.shape[1] < 500:
        return _train(X, y, **more)
    run = _train(X[:9], y[:9], **more)
    W1 = np.zeros((X.shape[1], 64))
    W1[:, 0] = np.sin(np.arange(X.shape[1]))  # stands for a row of numbers learned before
    return run._replace(parameters=Parameters(W1, np.zeros(64), np.ones(64), np.zeros(())))
"""
LIARS = """
_called, _forward, _backward, _step = [], forward, backward, gradient_step
def forward(X, parameters):
    found = _forward(X, parameters)
    return Activations(*(0 * part for part in found)) if _called else found
def backward(X, y, parameters, activations):
    found = _backward(X, y, parameters, activations)
    return Parameters(*(0 * part for part in found)) if _called else found
def gradient_step(parameters, gradients, learning_rate):
    return parameters if _called else _step(parameters, gradients, learning_rate)
"""
LATIN_1 = "# -*- coding: latin-1 -*-\n" + REFERENCE.encode("latin-1", "ignore").decode("latin-1")


SUBMISSIONS = {
    # Time, memory, processes, output
    "endless loop": sigmoid("while True:\n    pass", "longer than"),
    "endless loop that ignores signals": sigmoid(
        "while True:\n    pass",
        "longer than",
        "import signal\nfor s in range(1, 65):\n"
        "    if s not in (9, 19, 32, 33):\n        signal.signal(s, signal.SIG_IGN)",
    ),
    "hang at import": at_import("import time\ntime.sleep(1000)", words="longer than"),
    "50 GB": sigmoid("return np.ones(50 * 2**27) * z", "MemoryError"),
    "memory bit by bit": sigmoid(
        "hoard = []\nwhile True:\n    hoard.append(bytes(2**24))", "MemoryError"
    ),
    "fork bomb": sigmoid("import os\nwhile True:\n    os.fork()", "PermissionError"),
    "threads": sigmoid(
        "import threading, time\nwhile True:\n"
        "    threading.Thread(target=time.sleep, args=(99,)).start()",
        "RuntimeError",
    ),
    "subprocess": sigmoid("import subprocess\nsubprocess.run(['ls'])", "raised"),
    "daemon in a session of its own": sigmoid(
        "import os, time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(1000)", "raised"
    ),
    "128 MB of output": attack("for _ in range(128):\n    print('x' * 2**20)", ALL),
    "full disk": sigmoid(
        "with open('/tmp/full', 'wb') as f:\n    while True:\n        f.write(bytes(2**24))",
        "OSError",
    ),
    "endless recursion": sigmoid("return sigmoid(z)", "RecursionError"),
    "huge result": sigmoid("return np.zeros(9_000_000)", "something else than numbers"),
    # Ways to end
    "exit at import": at_import("raise SystemExit", words="SystemExit"),
    "exit": sigmoid("import sys\nsys.exit()", "SystemExit"),
    "hard exit": sigmoid("import os\nos._exit(0)", "ended the program"),
    "segmentation fault": sigmoid("import ctypes\nctypes.string_at(0)", "ended the program"),
    "kill everybody": sigmoid("import os\nos.kill(-1, 9)\nos.kill(1, 9)\nreturn z", ""),
    "exception of an own kind": sigmoid(
        "raise Mine", "an error of its own", "class Mine(BaseException):\n    pass"
    ),
    # Files and the network
    "delete everything": at_import(
        "import os, shutil\nimport numpy as np\n"
        f"for folder in ('/tmp', {str(PROJECT)!r}, np.__path__[0], os.path.dirname(os.__file__)):\n"
        "    shutil.rmtree(folder, ignore_errors=True)",
        ALL,
    ),
    "read the checks": at_import(
        f"open({str(PROJECT / 'grading' / 'checks.py')!r})", words="FileNotFoundError"
    ),
    "look for the checks": attack(
        "import os\nfor folder, _, names in os.walk('/'):\n"
        "    if {'checks.py', 'rubric.toml', 'grade.py', 'shadow'} & set(names):\n"
        "        def sigmoid(z):\n            return 7 * z\n",
        ALL,
    ),
    "loopback connection": sigmoid(
        "import socket\nsocket.create_connection(('127.0.0.1', 22), 2)", "raised"
    ),
    "network": sigmoid("import socket\nsocket.create_connection(('192.0.2.1', 80), 2)", "raised"),
    "link to the checks": Attack({"nn_helpers.py": "link to the checks"}, 0, "no nn_helpers.py"),
    # Deceit
    "patched NumPy": sigmoid(
        "return z",
        "sigmoid",
        "np.allclose = np.array_equal = np.isclose = lambda *a, **k: True\n"
        "np.testing.assert_allclose = lambda *a, **k: None",
    ),
    "patched builtins": attack("import builtins\nbuiltins.len = lambda *a: True", 0),
    "array that equals everything": sigmoid(
        "return z.view(Equal)",
        "sigmoid",
        "class Equal(np.ndarray):\n    def __eq__(self, other):\n        return True\n"
        "    def __array_function__(self, *a, **k):\n        return True\n"
        "    def __array_ufunc__(self, *a, **k):\n        return True",
    ),
    "NaN": sigmoid("return np.full(np.shape(z), np.nan)", "sigmoid"),
    "array of objects": sigmoid(
        "return np.array([self for self in z], dtype=object)", "should return"
    ),
    "text": sigmoid("return 'right'", "should return"),
    "pickle that runs code": sigmoid(
        "class Bomb:\n    def __reduce__(self):\n        import os\n"
        "        return os.system, ('touch /tmp/bomb',)\nreturn Bomb()",
        "should return",
    ),
    "deeply nested result": sigmoid(
        "nest = ()\nfor _ in range(100_000):\n    nest = (nest,)\nreturn nest", "RecursionError"
    ),
    "forged answers": at_import(FORGED, 0, ""),
    "asks for the reference": attack(ASKS, but("sigmoid"), "something else than numbers"),
    "looks at the frames": sigmoid(
        "import sys\nframe = sys._getframe()\nwhile frame:\n"
        "    if 'expected' in frame.f_locals:\n        return frame.f_locals['expected']\n"
        "    frame = frame.f_back\nreturn z",
        "sigmoid",
    ),
    "memory that belongs to no process": sigmoid(
        "import os\nos.write(os.memfd_create('x'), bytes(9))", "PermissionError"
    ),
    "namespace of its own": sigmoid(
        "import ctypes\nif ctypes.CDLL(None).unshare(0x10000000):\n    raise OSError\nreturn z",
        "OSError",
    ),
    "changes what the checks compare with": attack(
        "def select_digits(data, negative=6, positive=8):\n    data.labels[...] = -1\n"
        "    return np.zeros((0, 784)), np.zeros(0), np.zeros(0)\n"
        "def backward(X, y, parameters, activations):\n    y[...] = 1\n"
        "    parameters.b2[...] = 1000\n    return Parameters(*(0 * p for p in parameters))",
        but("select_digits", "backward"),
        "pictures of both digits",
    ),
    "gradients without end": attack(
        "def backward(X, y, parameters, activations):\n"
        "    return Parameters(*(np.full(np.shape(p), np.inf) for p in parameters))",
        but("backward"),
        "should be finite",
    ),
    "loss and gradient in league": attack(
        "_loss, _called = binary_cross_entropy, []\n"
        "def binary_cross_entropy(z2, y):\n    return 0.0 if _called else _loss(z2, y)\n"
        "def backward(X, y, parameters, activations):\n    _called.append(1)\n"
        "    return Parameters(*(np.zeros(np.shape(p)) for p in parameters))",
        but("backward"),
        "agree with central differences",
    ),
    "pictures recognized by their order": attack(
        "def predict(X, parameters, threshold=0.5):\n"
        "    if X.shape[1] == 784:\n        return np.arange(len(X)) % 2\n"
        "    return (predict_probability(X, parameters) >= threshold).astype(np.int8)\n"
        "def train(X, y, *, rng, **more):\n"
        "    return TrainingRun(initialize_parameters(X.shape[1], 64, rng=rng), {})",
        but("train"),
        "at least 85 %",
    ),
    "spoils the pictures for others": attack(
        "_train = train\ndef train(X, y, **more):\n    run = _train(X, y, **more)\n"
        "    if X.shape[1] == 784:\n        X[...] = 0\n        y[...] = 0\n    return run",
        ALL,
    ),
    "reference that never ends": attack(
        "def train(X, y, **more):\n    raise ValueError\n"
        "def predict(X, parameters, threshold=0.5):\n"
        "    return train(X, X[:, 0], epochs=10**9, rng=np.random.default_rng(1))",
        but("train", "predict"),
        "`predict` raised",
    ),
    "sides that don't fit together": attack(
        "def predict_probability(X, parameters):\n    return np.zeros((1, 15000))\n"
        "def forward(X, parameters):\n    z = np.zeros((15000, 1))\n"
        "    return Activations(z, z, z, z)",
        but("forward", "predict"),
    ),
    "makes up its history": edited(
        "    return TrainingRun(parameters, history)",
        "    return TrainingRun(parameters, {name: [1] * epochs for name in history})",
        but(
            "training_learns",
            "history_counts_every_example",
            "validation_is_watched_and_not_learned",
        ),
        "loss should be the mean",
    ),
    "another package": at_import("import torch", words="`import torch`"),
    # Feedback
    "scripts in the feedback": sigmoid(
        "raise ValueError  # <script>alert(1)</script> [x](javascript:1) \u202e `` ``` **x** &",
        "&lt;script&gt;",
    ),
    "input in an error": sigmoid("raise ValueError('SEC' + 'RET' + repr(z))", "ValueError in line"),
    "input in the kind of an error": sigmoid(
        "raise type('SEC' + 'RET', (Exception,), {})", "an error of its own"
    ),
    # Broken files
    "syntax error": at_import("def f(:", words="SyntaxError in line"),
    "UTF-16": Attack({"nn_helpers.py": REFERENCE.encode("utf-16")}, 0, "UTF-16"),
    "Latin-1": Attack({"nn_helpers.py": "# é\n".encode("latin-1")}, 0, "not UTF-8"),
    "null bytes": Attack({"nn_helpers.py": bytes(1000)}, 0, "can't be loaded"),
    "empty file": Attack({"nn_helpers.py": ""}, 0, "no function"),
    "empty folder": Attack({}, 0, "no nn_helpers.py"),
    "30 MB": Attack({"nn_helpers.py": b"#" * 30 * 2**20}, 0, "larger than 1 MB"),
    "30 MB notebook": Attack(
        {"nn_helpers.py": REFERENCE, "huge.ipynb": b" " * 30 * 2**20}, ALL, "larger than 10 MB"
    ),
    "notebook that is none": Attack({"nn_helpers.py": REFERENCE, "bad.ipynb": "{]"}, ALL),
    "zip that is cut off": Attack({"cut.zip": cut_zip()}, 0, "zip can't be read"),
    "zip bomb": Attack({"x.zip": zipped({"nn_helpers.py": bytes(2**29)})}, 0, "larger than 1 MB"),
    "zip of paths outside": Attack(
        {"x.zip": zipped({"../../nn_helpers.py": REFERENCE.encode()})}, ALL
    ),
    "two modules": Attack(
        {"nn_helpers.py": REFERENCE, "old/nn_helpers.py": "# an older one"}, 0, "not clear which"
    ),
    "missing function": attack("del sigmoid", but("sigmoid"), "no function `sigmoid`"),
    "wrong signature": attack("def sigmoid():\n    return 0.5", but("sigmoid"), "raised TypeError"),
    # Honest mistakes, which cost what they must and no more
    "one bias gradient for all units": edited(
        "db1 = dz1.sum(axis=0)",
        "db1 = np.full(len(W2), dz1.sum())",
        but("gradient_of_b1", "gradients_far_out"),
        "db1",
    ),
    "slope of the sigmoid always 1": edited(
        "dz1 = da1 * a1 * (1 - a1)",
        "dz1 = da1",
        but("gradient_of_W1", "gradient_of_b1", "gradients_far_out"),
        "dW1",
    ),
    # Answers that others computed
    "gradients by differences": attack(
        "def backward(X, y, parameters, activations):\n"
        "    return numerical_gradients(X, y, parameters)",
        but("backward"),
        "longer than",
    ),
    "gradients by differences, weights pasted in": attack(
        f"{PASTED}\ndef backward(X, y, parameters, activations):\n"
        "    return numerical_gradients(X, y, parameters)",
        but("backward", "held_out_accuracy"),
        "at least 85 %",
    ),
    "weights pasted in": attack(PASTED, but("held_out_accuracy"), "at least 85 %"),
    "never trains, and the others lie about it": attack(
        f"{LIARS}\ndef train(X, y, *, n_hidden=64, epochs=40, rng, **more):\n"
        "    _called.append(1)\n    ones = [1] * epochs\n"
        "    names = ['loss', 'accuracy', 'validation_loss', 'validation_accuracy']\n"
        "    history = {'epoch': list(range(1, epochs + 1)), **dict.fromkeys(names, ones)}\n"
        "    start = initialize_parameters(X.shape[1], n_hidden, rng=rng)\n"
        "    return TrainingRun(start, history)",
        but("train"),
    ),
    "predict and forward in league": attack(
        "_forward = forward\ndef forward(X, parameters):\n    found = _forward(X, parameters)\n"
        "    return found if len(X) < 20 else found._replace(a2=0.9 + 0 * found.a2)\n"
        "def predict(X, parameters, threshold=0.5):\n    return np.ones(len(X), np.int8)",
        but("predict"),
    ),
    "predict that knows the probabilities from before": attack(
        "_seen = []\n_probability = predict_probability\n"
        "def predict_probability(X, parameters):\n    _seen.append(_probability(X, parameters))\n"
        "    return _seen[-1]\ndef predict(X, parameters, threshold=0.5):\n"
        "    return (_seen[-1] >= threshold).astype(np.int8) if _seen else np.ones(len(X))",
        but("predict"),
    ),
    "order from a counter": attack(
        "import builtins\nbuiltins.count = 0\ndef minibatches(n_examples, batch_size, *, rng):\n"
        "    builtins.count += 1\n"
        "    order = np.random.default_rng(builtins.count).permutation(n_examples)\n"
        "    return (order[i : i + batch_size] for i in range(0, n_examples, batch_size))",
        but("minibatches"),
    ),
    "start remembered from the check before": attack(
        "import builtins\n_start = initialize_parameters\n"
        "def initialize_parameters(n_inputs, n_hidden, *, rng, dtype=np.float64):\n"
        "    made = builtins.__dict__.setdefault('made', {})\n    key = n_inputs, n_hidden\n"
        "    return made.setdefault(key, _start(*key, rng=rng, dtype=dtype))",
        but("initialize_parameters"),
    ),
    "signals through files": attack(
        "import os\nfor path in ('/tmp/x', '/dev/shm/x', '/dev/x', '/x', '/packages/x'):\n"
        "    try:\n        open(path, 'w').close()\n    except OSError:\n        continue\n"
        "    def sigmoid(z):\n        return z",
        ALL,
    ),
    "asks for the reference of what is right": attack(
        "def train(X, y, **more):\n    raise ValueError\n"
        f"{ASKS.replace('def sigmoid(z)', 'def predict(X, parameters, threshold=0.5)')}".replace(
            'reference("sigmoid")(z)', 'reference("forward")(X, parameters)'
        ),
        but("train", "predict"),
        "something else than numbers",
    ),
    # Wasting the grader's own time and memory
    "huge whole numbers": sigmoid("return 10 ** 100_000", "something else than numbers"),
    "asks with huge whole numbers": attack(
        "def forward(X, parameters):\n    return 0\n"
        "def backward(X, y, parameters, activations):\n    return forward(10 ** 4000, parameters)",
        but("forward", "backward"),
        "something else than numbers",
    ),
    "asks without end": attack(
        "def forward(X, parameters):\n    return 0\n"
        "def backward(X, y, parameters, activations):\n"
        "    while True:\n        forward(X, parameters)",
        but("forward", "backward"),
        "longer than",
    ),
    "asks for much": attack(
        "def forward(X, parameters):\n    return 0\n"
        "def backward(X, y, parameters, activations):\n"
        "    while True:\n        forward(np.zeros((20_000, X.shape[1])), parameters)",
        but("forward", "backward"),
        "longer than",
    ),
    "asks for what is more than the sum of its parts": attack(
        "def forward(X, parameters):\n    return 0\n"
        "def backward(X, y, parameters, activations):\n    n = 400_000\n"
        "    big = Parameters(np.ones((1, n)), np.ones(n), np.ones(n), np.zeros(()))\n"
        "    while True:\n        forward(np.ones((n, 1)), big)",
        but("forward", "backward"),
        "`backward` raised ValueError",
    ),
    "a million answers in one": sigmoid(
        "return tuple(np.zeros(0) for _ in range(20_000))", "something else than numbers"
    ),
    "a table without end": edited(
        "    return TrainingRun(parameters, history)",
        "    return TrainingRun(parameters, {str(i): [i] for i in range(10 ** 6)})",
        but("train"),
        "something else than numbers",
    ),
    "reports without end": edited(
        "        if on_epoch is not None:\n",
        "        for _ in range(10 ** 5 if on_epoch else 0):\n            on_epoch(row)\n"
        "        if on_epoch is not None:\n",
        but(  # a function that ends the program is not asked again
            "history_counts_every_example",
            "validation_is_watched_and_not_learned",
            "held_out_accuracy",
        ),
        "`train` ended the program",
    ),
    "an answer byte by byte": at_import(
        "import os, time\nfor part in (b'\\0\\0\\xff\\xff', *[b' '] * 10 ** 4):\n"
        "    for descriptor in range(3, 9):  # one of them is the line to the grader\n"
        "        try:\n            os.write(descriptor, part)\n"
        "        except OSError:\n            pass\n    time.sleep(0.5)",
        words="longer than",
    ),
    "half asleep": sigmoid(
        "import time\nwhile True:\n    start = time.process_time()\n"
        "    while time.process_time() < start + 0.1:\n        pass\n    time.sleep(0.1)",
        "longer than",
    ),
    "patched from within": at_import(
        "import sys\nmain = sys.modules['__main__']\nmain.encode = lambda *a: 0.5",
        0,
    ),
    "another program": sigmoid(
        "import os, sys\nos.execv(sys.executable, [sys.executable, '-c', 'pass'])",
        "PermissionError",
    ),
    "a socket of another family": sigmoid(
        "import socket\nsocket.socket(40, socket.SOCK_STREAM)", "PermissionError"
    ),
    "limits of another process": sigmoid(
        "import resource\nresource.prlimit(1, resource.RLIMIT_CPU, (1, 1))", "PermissionError"
    ),
    "limits raised": sigmoid(
        "import resource\nresource.setrlimit(resource.RLIMIT_CPU, (-1, -1))", "raised"
    ),
    "lock on a shared file": sigmoid(
        "import fcntl, os\nfcntl.flock(os.open(os.__file__, 0), fcntl.LOCK_SH)", "PermissionError"
    ),
    "stack that runs over": sigmoid(
        "import sys\nsys.setrecursionlimit(10 ** 9)\ndef deeper():\n    deeper()\ndeeper()",
        "",
    ),
    # Honest oddities
    "name in capitals": Attack({"NN_HELPERS.PY": REFERENCE}, ALL),
    "name in other letters, and a file beside it": Attack(
        {"Nn_Helpers.py": REFERENCE, "test.py": "x = 1"}, ALL
    ),
    "zip with backslashes": Attack(
        {"x.zip": zipped({"my\\nn_helpers.py": REFERENCE.encode(), "my\\a.py": b""})}, ALL
    ),
    "zip in a zip": Attack(
        {"x.ZIP": zipped({"y.Zip": zipped({"nn_helpers.py": REFERENCE.encode()})})}, ALL
    ),
    "one name twice in a zip": Attack(
        {"x.zip": zipped_twice("nn_helpers.py", REFERENCE.encode(), b"# an older one")},
        0,
        "not clear which",
    ),
    "Latin-1 that says so": Attack(
        {"nn_helpers.py": LATIN_1.encode("latin-1")},
        ALL,
    ),
    "left over from a notebook": at_import(
        "get_ipython().run_line_magic('matplotlib', 'inline')\nimport seaborn as sns\n"
        "import matplotlib.pyplot as plt\nimport pandas as pd\nimport scipy.special\n"
        "from tqdm.auto import tqdm\nsns.set_theme()\nplt.rcParams['figure.dpi'] = 100",
        ALL,
    ),
    "a notebook's command": at_import("%matplotlib inline", words="command of a notebook"),
    "a package where it is needed": sigmoid(
        "return expit(z)", "there is NumPy", "from scipy.special import expit"
    ),
    "a form feed before a mistake": sigmoid(
        "raise ValueError  # here", "# here", "\f\n# a page further on\x1c"
    ),
}
