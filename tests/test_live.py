"""What the live figures compute is what the course computes."""

import base64
import hashlib
import io
import json
from itertools import pairwise

import numpy as np
import pytest
import python_in_pages

import nn_helpers as nn
import nn_live

rng = np.random.default_rng(0)
X, y = rng.normal(size=(50, 12)), rng.integers(0, 2, 50)


@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_epoch_by_epoch_is_the_run_of_train_to_the_last_bit(kind):
    learn, watch = (X[:40].astype(kind), y[:40]), (X[40:].astype(kind), y[40:])
    settings = {"n_hidden": 5, "epochs": 7, "learning_rate": 0.3, "batch_size": 6}
    run = nn.train(*learn, **settings, rng=np.random.default_rng(0), validation=watch)
    scaling = nn.fit_standardizer(X)
    ask = nn_live.lab(learn, watch, scaling)
    first, second = ask(**settings), ask(**settings)
    parts = list(zip(first, second, strict=True))  # two at a time don't disturb each other
    for one, other in parts:
        assert one == other
    for name, column in run.history.items():
        assert [part[name] for part, _ in parts] == column
    start = nn.initialize_parameters(12, 5, rng=np.random.default_rng(0), dtype=kind)
    assert parts[-1][0]["weights"] == nn_live.grey_levels(start, run.parameters)
    kept, network, record = nn_live.unpacked(parts[-1][0]["network"])
    for one, other in zip((*kept, *network), (*scaling, *run.parameters), strict=True):
        np.testing.assert_array_equal(one, other)
    right = run.history["validation_accuracy"][-1] * 10
    assert record == {"trained": 40, "right": pytest.approx(right), "n": 10}
    json.dumps(parts)


def test_grey_levels_tell_the_signs_of_what_was_learned():
    start = nn.initialize_parameters(12, 20, rng=np.random.default_rng(0))
    levels = [base64.b64decode(unit) for unit in nn_live.grey_levels(start, start)]
    assert levels == [bytes([128] * 12)] * 16
    learned = start._replace(W1=start.W1 + np.sign(start.W2))  # each speaks for class 1
    levels = [base64.b64decode(unit) for unit in nn_live.grey_levels(start, learned)]
    assert levels == [bytes([255] * 12)] * 16


def test_neuron_rolls_downhill_on_the_map_that_it_shows():
    x, truth = X[:, 0], y
    ask = nn_live.neuron(x, truth)
    answer = ask(weight=1.5, bias=-2.0, grid=True)
    i, j = answer["grid"].index(1.5), answer["grid"].index(-2.0)
    assert answer["losses"][j][i] == pytest.approx(answer["loss"], abs=1e-5)
    assert answer["loss"] == nn.binary_cross_entropy(1.5 * x - 2, truth)
    losses, at = [answer["loss"]], np.array([1.5, -2.0])
    for _ in range(5):
        at = at - 0.1 * np.array(ask(*at)["slopes"])
        losses.append(ask(*at)["loss"])
    assert all(later < earlier for earlier, later in pairwise(losses))


def test_threshold_counts_each_hand_once():
    probability = rng.random(50)
    ask = nn_live.threshold(y, probability, np.zeros((50, 784), dtype=np.uint8))
    for threshold in (0.0, 0.4, 1.0):
        answer = ask(threshold)
        tn, fp, fn, tp = answer["counts"]
        assert (tn + fp, fn + tp) == (np.sum(y == 0), np.sum(y == 1))
        assert answer["accuracy"] == np.mean((probability >= threshold) == y)
        assert answer["interval"][0] <= answer["accuracy"] <= answer["interval"][1]
    json.dumps(ask(2.0, hands=True), allow_nan=False)  # nothing was called class 1


def test_hand_is_moved_covered_and_each_pixel_speaks_by_what_it_changes():
    images = rng.integers(0, 256, (30, 784)).astype(np.uint8)
    standardizer = nn.fit_standardizer(images)
    parameters = nn.initialize_parameters(784, 6, rng=np.random.default_rng(1))
    ask = nn_live.hand(images, np.arange(30) % 2, standardizer, parameters)

    def logit(picture):
        return nn.forward(nn.standardize(picture, standardizer), parameters).z2[0]

    answer = ask(which=3, degrees=10, right=1, down=-2, light=0.5, covered=[5, 700])
    picture = 0.5 * nn.move(images[3:4].astype(float), degrees=10, right=1, down=-2)
    picture[0, [5, 700]] = 0
    assert answer["picture"] == np.clip(picture[0], 0, 255).round().tolist()
    assert answer["probability"] == pytest.approx(nn.sigmoid(logit(picture)))
    for pixel in (5, 400):
        other = picture.copy()
        other[0, pixel] = standardizer.mean[pixel]
        expected = logit(picture) - logit(other)
        assert answer["spoke"][pixel] == pytest.approx(expected, abs=1e-4)


def test_own_hand_is_cut_out_judged_and_compared():
    ask = nn_live.of_the_course("own_hand")
    c, (standardizer, parameters) = nn_live.course(), nn_live.network()
    hands, truth = c["X"][c["test"]], c["y"][c["test"]]
    first = ask()  # a test hand, painted
    assert first["photo"] == nn_live.as_text(nn_live.as_photograph(hands[2]))
    called = []
    for hand in hands[:40]:
        photo = nn_live.as_photograph(hand)
        answer = ask(photo=nn_live.as_text(photo))
        picture = nn.cut_out(photo).reshape(1, -1)
        assert answer["picture"] == nn_live.as_text(picture)
        inputs = nn.standardize(picture, standardizer)
        expected = nn.predict_probability(inputs, parameters)[0]
        assert answer["probability"] == pytest.approx(expected)
        called.append(answer["probability"] >= 0.5)
    assert np.mean(called == truth[:40]) > 0.9
    other = nn.initialize_parameters(784, 3, rng=np.random.default_rng(0))
    record = {"trained": 5, "right": 3, "n": 4}
    answer = ask(network=nn_live.packed(standardizer, other, record))
    low, high = nn.wilson_interval(3, 4)
    assert answer["record"] == {**record, "low": low, "high": high}
    assert answer["probability"] != first["probability"]
    json.dumps(answer)
    noise = np.random.default_rng(0).integers(0, 256, (90, 90, 3))
    answer = ask(photo=nn_live.as_text(noise))
    assert "photo must show a hand" in answer["error"]
    assert answer["digits"] == list(nn.DIGITS)  # the figure can begin with it


def test_hands_of_other_digits_look_like_neither():
    data = nn.load_sign_digits()
    _, others = nn.course_split(data.signers, data.labels)
    ask = nn_live.of_the_course("own_hand")
    ours = {True: [], False: []}
    for row in others[::7]:
        answer = ask(photo=nn_live.as_text(nn_live.as_photograph(data.images[row])))
        ours[data.labels[row] in nn.DIGITS].append(answer["ours"])
    assert np.mean(ours[True]) > 0.8
    assert np.mean(ours[False]) < 0.1


def test_pages_answer_with_the_network_of_the_notebooks():
    stored = json.loads((nn.PROJECT / "figures" / "results.json").read_text())
    counts = nn_live.of_the_course("threshold")(0.5)["counts"]
    assert counts == np.ravel(stored["confusion_matrix"]).tolist()
    assert nn_live.of_the_course("neuron")(0.0, 0.0)["loss"] == pytest.approx(np.log(2))
    with pytest.raises(ValueError, match="figure must be neuron, lab, threshold, hand or own_hand"):
        nn_live.of_the_course("nose")


def test_numpy_for_pages_is_the_file_that_the_lock_names(monkeypatch, tmp_path):
    wheel = {"file_name": "numpy.whl", "sha256": hashlib.sha256(b"right").hexdigest()}
    package = {"pyodide-lock.json": json.dumps({"packages": {"numpy": wheel}}).encode()}
    package["pyodide.mjs"] = b"a(`https://x.invalid/v${d.version}/full/`)"
    content, asked = {"now": b"right"}, []

    def urlopen(address, timeout):
        asked.append(address)
        return io.BytesIO(content["now"])

    monkeypatch.setattr("urllib.request.urlopen", urlopen)
    monkeypatch.delenv("PYODIDE_NUMPY", raising=False)
    assert python_in_pages.numpy(package) == b"right"
    assert asked == [f"https://x.invalid/v{python_in_pages.VERSION}/full/numpy.whl"]
    content["now"] = b"wrong"
    with pytest.raises(ValueError, match="is not the file"):
        python_in_pages.numpy(package)
    monkeypatch.setenv("PYODIDE_NUMPY", str(tmp_path))
    with pytest.raises(ValueError, match="PYODIDE_NUMPY must name a folder"):
        python_in_pages.numpy(package)


def test_without_python_the_pages_stand_still_and_it_is_said(monkeypatch, tmp_path, capsys):
    def fails(_folder):
        raise OSError("no npm")

    monkeypatch.setattr(python_in_pages, "pyodide", fails)
    monkeypatch.setattr("sys.argv", ["", str(tmp_path / "live")])
    assert python_in_pages.main() == 0
    assert "The pages stand still" in capsys.readouterr().out
    assert not (tmp_path / "live" / "live.js").exists()
