"""The self-checks: right solutions pass, mistakes cost their function, every check is needed."""

import contextlib
import re
import subprocess
import sys
import types
import warnings

import checks
import mutants
import numpy as np
import pytest

import nn_helpers as nn

# Checks that no mutant needs, and why they are there.
NOT_NEEDED = {
    "held_out_accuracy": "takes too long for mutants; the only one on pictures and at full size",
    **dict.fromkeys(
        (f"gradient_of_{name}" for name in ("W1", "b1", "W2", "b2")),
        "gradients_far_out finds what is wrong with any; these say which, and share the points",
    ),
    "training_learns": "this is what training is for, and a student's first question",
}


@pytest.fixture(scope="module")
def lost():
    """Return, for each mutant, the checks that cost it points."""
    return {edit.name: mutants.lost_criteria(edit) for edit in mutants.MUTANTS}


def command(*arguments):
    line = [sys.executable, nn.PROJECT / "grading" / "checks.py", *map(str, arguments)]
    return subprocess.run(line, capture_output=True, text=True, timeout=120)


# The checks


@pytest.mark.parametrize("name", checks.CHECKS)
@pytest.mark.parametrize("seed", range(5))
def test_reference_passes_without_a_second_try(name, seed):
    checks.run(checks.CHECKS[name], nn, seed)


def test_every_check_states_its_property():
    for check in checks.CHECKS.values():
        assert check.__doc__.partition("\n")[0].endswith(".")


def test_every_check_is_worth_points_in_the_rubric():
    criteria = checks.read_rubric()
    assert sorted(c.check for c in criteria) == sorted(checks.CHECKS)
    for criterion in criteria:
        assert criterion.points > 0
        assert all(callable(getattr(nn, name)) for name in criterion.functions)


def test_rubric_has_the_course_weights():
    rubric = checks.rubric()
    for part in rubric["part"]:
        assert sum(line["points"] for line in part["criteria"]) == part["points"]
    weights = {part["title"]: part["points"] for part in (*rubric["part"], rubric["by_hand"])}
    assert weights == {
        "Preprocessing": 10,
        "Activation": 10,
        "Loss": 10,
        "Training": 30,
        "Test performance": 20,
        "Presentation": 20,
    }


def test_failing_check_says_why_and_how_to_repeat_it(tmp_path):
    path = tmp_path / "solution.py"
    source = mutants.SOURCE.read_text(encoding="utf-8")
    path.write_text(source.replace("db2 = dz2.sum()", "db2 = dz2.mean()"), encoding="utf-8")
    first = command(path)
    assert first.returncode == 1
    assert "db2 should agree with central differences" in first.stdout
    seed = first.stdout.partition("--seed ")[2].split()[0]
    assert command(path, "--seed", seed).stdout == first.stdout


def test_code_that_raises_fails_its_checks_in_one_line(tmp_path):
    path = tmp_path / "solution.py"
    source = mutants.SOURCE.read_text(encoding="utf-8")
    path.write_text(source.replace("db2 = dz2.sum()", "db2 = missing"), encoding="utf-8")
    result = command(path, "--seed", 1)
    assert result.returncode == 1
    assert re.search("NameError in line .*: name 'missing' is not defined", result.stdout)
    assert not result.stderr


def test_command_on_the_reference_passes():
    result = command()
    assert result.returncode == 0, result.stdout
    assert len(re.findall("^  ok", result.stdout, flags=re.MULTILINE)) == len(checks.CHECKS)
    assert "80 of 80 points earned, 0 open" in result.stdout


def test_what_cannot_be_checked_is_said_in_a_sentence(tmp_path):
    notebook, broken = tmp_path / "solution.ipynb", tmp_path / "broken.py"
    notebook.write_text("{}")
    broken.write_text("def f(:")
    for arguments, said in {
        ("nowhere.py",): "nowhere.py, which is not there",
        (notebook,): "its name ending in .py, got",
        (broken,): "broken.py can't be loaded: SyntaxError",
        ("--seed", -1): "--seed must be 0 or more, got -1",
        ("--notebook", "2"): "--notebook must be one of 01, 02, 03, 04, got 2",
    }.items():
        result = command(*arguments)
        assert result.returncode == 2
        assert said in result.stderr
        assert "Traceback" not in result.stderr


def test_what_calls_a_function_that_failed_waits(tmp_path, capsys):
    path = tmp_path / "wrong.py"
    wrong = (
        mutants.SOURCE.read_text(encoding="utf-8")
        .replace(mutants.DZ2, "dz2 = a2 - y")
        .replace(mutants.SCALED, "return X")
    )
    path.write_text(wrong, encoding="utf-8")
    for more in ([], ["--notebook", "03"]):
        assert checks.main([str(path), *more]) == 1
        lines = capsys.readouterr().out.splitlines()
        marks = {line[9:].strip().replace(" ", "_"): line[2:6].strip() for line in lines}
        about = {c.check: c.functions for c in checks.read_rubric() if c.check in marks}
        for check, functions in about.items():
            expected = "FAIL" if {"backward", "scale_pixels"} & {*functions} else "ok"
            assert marks[check] == ("wait" if functions == ["train"] else expected)
        assert "           for `backward`, which it calls" in lines
        assert ("gradient_of_W2" in about) == (not more)
    assert "5 of 17 points earned, 12 open, 11 of them wait for another function" in lines
    assert checks.used_by(nn, "train") >= {"sigmoid", "forward", "backward", "minibatches"}
    assert "train" not in checks.used_by(nn, "predict")


def test_a_function_that_always_raises_gets_no_mistake_of_another():
    edit = mutants.Edit("raises", mutants.DZ2, "raise ValueError")
    assert checks.fingerprint(mutants.edited_module(edit), "backward") == ""
    assert sentence(edit) == ""


def test_a_bare_assert_in_the_code_counts_as_a_failure():
    def check(nn, rng):
        raise AssertionError

    assert checks.failure(check, nn, 0) == "an assert in the code failed"


def test_only_what_fails_twice_has_failed():
    draws = []

    def check(nn, rng):
        draws.append(rng.random())
        if len(draws) % 3:
            raise AssertionError(f"try {len(draws)}")

    assert checks.failure(check, nn, 0) == "try 2"
    assert checks.failure(check, nn, 0) is None
    assert draws[0] == draws[2] != draws[1]


def test_what_is_not_written_yet_is_not_tried_again():
    tries = []

    def check(nn, rng):
        tries.append(1)
        raise NotImplementedError("write sigmoid here")

    assert checks.failure(check, nn, 0) == "NotImplementedError: write sigmoid here"
    assert len(tries) == 1


def test_functions_get_copies_and_a_change_is_noticed():
    def scale_pixels(X):
        X /= 255
        return X

    X = np.full((2, 3), 255.0)
    watched = checks.Watched(types.SimpleNamespace(scale_pixels=scale_pixels))
    watched.require_untouched("scale_pixels")
    assert np.all(watched.scale_pixels(X) == 1)
    assert np.all(X == 255)
    with pytest.raises(AssertionError, match="`scale_pixels` changed X"):
        watched.require_untouched("scale_pixels")


def test_digits_that_are_hard_to_tell_apart_are_not_drawn():
    assert not set(checks.CLOSE) & set(checks.PAIRS)
    assert len(checks.PAIRS) + len(checks.CLOSE) == 45


def message_of(old, new):
    edit = mutants.Edit("", old, new)
    check = mutants.lost_criteria(edit)[0]
    return checks.failure(checks.CHECKS[check], mutants.edited_module(edit), mutants.SEED)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (mutants.FITTED, mutants.FITTED.replace(" + floor", ""), "never varies gave NaN"),
        (mutants.LOSS, mutants.LOSS + " / 0", "should be finite"),
        (mutants.DZ2, "dz2 = a2 - y", "and N = .: is the mean over the batch missing"),
        (mutants.DZ2, "dz2 = (y - a2) / len(y)", "-1.00 times as large: is a sign"),
        (mutants.GRADIENTS, "return None", r"should return Parameters\(dW1.*nothing \(None\)"),
        (mutants.GRADIENTS, "return dW1, db1, dW2, db2", "parts have names; it returned a plain"),
        (mutants.START_W2, "W2=np.zeros(n_hidden, dtype)", "W2 should not start at 0"),
        (mutants.GRADIENTS, "return tuple(dW1, db1)", r"in line \d+: tuple.* Parameters\("),
        (mutants.DZ2, "dz2 = nn.sigmoid(a2)", r"NameError in line \d+: .*write it without `nn.`"),
        (mutants.STEP, "\n    return 1.0\n", "`gradient_step` should return .* a float"),
        (
            mutants.BACKWARD,
            "gradients = backward(X, y, parameters, forward(X, parameters))",
            "each on its batch; yours are on all examples",
        ),
        (
            mutants.BATCH,
            "            if len(batch) < batch_size:\n                continue\n" + mutants.BATCH,
            "should make . steps; yours fits .: was the last small batch dropped",
        ),
        (mutants.ROW, mutants.ROW + '; row["loss"] *= 2', "loss should be the mean"),
        (mutants.ROW, mutants.ROW + '; del row["accuracy"]', "The history needs a column accuracy"),
        (
            mutants.PREDICTED,
            "return predict_probability(X, parameters) >= threshold",
            "numbers, 0 and 1, not True and False",
        ),
        (mutants.COUNTED, "return np.zeros((2, 2), int)", r"yours is \[\[0, 0\], \[0, 0\]\]"),
    ],
)
def test_message_says_what_is_wrong(old, new, words):
    assert re.search(words, message_of(old, new)), message_of(old, new)


@pytest.mark.parametrize(
    "value",
    [
        "None",
        "1.0",
        "()",
        "(1, 2, 3, 4)",
        "'text'",
        "[[1], [2, 3]]",
        "np.zeros(3)",
        "{}",
        "object()",
    ],
)
def test_whatever_comes_back_is_told_in_a_sentence(value):
    module = checks.module_of(
        mutants.SOURCE.read_text(encoding="utf-8"), "odd", str(mutants.SOURCE)
    )
    for criterion in mutants.RUBRIC:
        names = criterion.functions
        before = {name: getattr(module, name) for name in names}
        for name in names:
            setattr(module, name, lambda *_, **__: eval(value))
        mixed = mutants.Mixed(module, names)
        problem = checks.failure(checks.CHECKS[criterion.check], mixed, 0)
        assert problem, criterion.check
        assert "can't be used" not in problem, (criterion.check, problem)
        vars(module).update(before)


# The mutants


@pytest.mark.parametrize("edit", mutants.MUTANTS, ids=lambda edit: edit.name)
def test_mutant_costs_points_of_the_function_that_is_wrong_and_of_no_other(lost, edit):
    assert lost[edit.name]
    assert mutants.strangers(edit, lost[edit.name]) == []


@pytest.mark.parametrize("edit", mutants.VARIANTS, ids=lambda edit: edit.name)
def test_right_variant_passes_every_check(edit):
    assert mutants.lost_criteria(edit) == []


def test_every_check_is_the_only_one_to_catch_some_mutant(lost):
    only = {names[0] for names in lost.values() if len(names) == 1}
    assert {*checks.CHECKS} - only == {*NOT_NEEDED}


def test_names_are_unique():
    names = [edit.name for edit in (*mutants.MUTANTS, *mutants.VARIANTS)]
    assert len(set(names)) == len(names)


def test_every_graded_function_has_a_mutant():
    graded = {name for criterion in mutants.RUBRIC for name in criterion.functions}
    assert {mutants.changed_function(edit) for edit in mutants.MUTANTS} == graded


def test_command_reports_survivors_and_false_alarms(monkeypatch, capsys):
    harmless = mutants.Edit("harmless", mutants.DZ2, "dz2 = (1 / y.shape[0]) * (a2 - y)")
    wrong = mutants.Edit("uphill", mutants.DZ2, "dz2 = (y - a2) / len(y)")
    for broken, whole, words in (((harmless,), (wrong,), "SURVIVED 1 of 1"), ((wrong,), (), "")):
        monkeypatch.setattr(mutants, "MUTANTS", broken)
        monkeypatch.setattr(mutants, "VARIANTS", whole)
        assert mutants.main([]) == bool(words)
        output = capsys.readouterr().out
        assert words in output
        assert ("WRONGLY BLAMED: gradient_of_W2" in output) == bool(words)
    assert mutants.main(["--reference", "1"]) == 0


def test_an_edit_that_fits_nowhere_is_refused():
    with pytest.raises(ValueError, match="must change one place"):
        mutants.edited_module(mutants.Edit("lost", "no such line", ""))


def test_an_edit_changes_only_its_own_module():
    module = mutants.edited_module(mutants.Edit("nothing", mutants.SIGMOID, "return 0 * z"))
    z = np.array([1.0])
    assert module.sigmoid(z) == 0
    assert nn.sigmoid(z) != 0


# Known mistakes


@pytest.fixture(scope="module")
def known():
    return mutants.mistakes()


def sentence(edit):
    module = mutants.edited_module(edit)
    return checks.diagnosis(module, [mutants.changed_function(edit)])


def test_stored_mistakes_are_those_of_the_mutants(known):
    assert checks.known_mistakes() == known


def test_most_mutants_are_named_and_none_by_the_name_of_another():
    named = 0
    for edit in mutants.MUTANTS:
        if said := sentence(edit):
            assert f": {edit.name}" in said
            named += 1
    assert named >= 0.8 * len(mutants.MUTANTS)


def test_right_functions_are_told_of_no_mistake():
    for edit in mutants.VARIANTS:
        assert sentence(edit) == "", edit.name
    graded = {name for criterion in mutants.RUBRIC for name in criterion.functions}
    assert checks.diagnosis(nn, graded) == ""


def test_no_right_answer_can_be_had_from_the_fingerprints(known):
    """They hold only hashes of wrong answers; and who knows the right ones to the probes has none.

    A function that remembers the right answer to each probe, and nothing else, earns no point.
    """
    module = checks.module_of(mutants.SOURCE.read_text(encoding="utf-8"), "remembers", "x.py")
    for criterion in mutants.RUBRIC:
        for name in criterion.functions:
            assert checks.fingerprint(nn, name) not in known[name]
            assert all(re.fullmatch("[0-9a-f]{16}", key) for key in known[name])
            right, answers = getattr(nn, name), {}
            for arguments, named in checks.probes(nn)[name]:
                with warnings.catch_warnings(), contextlib.suppress(ValueError):
                    warnings.simplefilter("ignore")
                    answers[checks.in_words((arguments, named))] = right(*arguments, **named)

            def remembers(*arguments, answers=answers, **named):
                return answers.get(checks.in_words((arguments, named)))

            setattr(module, name, remembers)
            arguments, named = checks.probes(nn)[name][0]
            assert remembers(*arguments, **named) is not None
        mixed = mutants.Mixed(module, criterion.functions)
        assert checks.failure(checks.CHECKS[criterion.check], mixed, 0) is not None
        for name in criterion.functions:
            setattr(module, name, getattr(nn, name))


# Mistakes that are no mutants, and what may be said of them.
UNKNOWN = {
    "dz2 = (a2 - y) / len(y)": {
        "dz2 = (a2 - y) / len(y) * 2": "",
        "dz2 = np.abs(a2 - y) / len(y)": "",
        "dz2 = (a2 - y) / float(len(y)) ** 0.5": "",
        "dz2 = -(y - a2)": "1/N missing",  # the same mistake in other words
    },
    "dz1 = da1 * a1 * (1 - a1)": {"dz1 = da1 * (1 - a1)": "", "dz1 = da1 * a1 / (1 - a1)": ""},
    "return 0.5 * (1 + np.tanh(0.5 * z))": {
        "return 0.5 - 0.5 * np.tanh(0.5 * z)": "sigmoid mirrored",
        "return 1 / (2 + np.exp(-z))": "",
    },
    "z1 = X @ W1 + b1": {"z1 = X @ W1 + 2 * b1": "", "z1 = X @ np.abs(W1) + b1": ""},
    "precision=TP / max(TP + FP, 1)": {"precision=FP / max(TP + FP, 1)": ""},
    "recall=TP / max(TP + FN, 1)": {"recall=FN / max(TP + FN, 1)": ""},
}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [(old, new, name) for old, changes in UNKNOWN.items() for new, name in changes.items()],
)
def test_of_an_unknown_mistake_nothing_false_is_said(old, new, expected):
    said = sentence(mutants.Edit("unknown", old, new))
    assert (expected in said) if expected else (said == "")
