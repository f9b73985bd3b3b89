"""The self-checks: right solutions pass, plausible mistakes don't, and every check is needed."""

import subprocess
import sys
import tomllib

import checks
import mutants
import numpy as np
import pytest

import nn_helpers as nn


@pytest.fixture(scope="module")
def killers():
    """Return, for each mutant, the checks that it fails."""
    return {edit.name: mutants.failed_checks(edit) for edit in mutants.MUTANTS}


def command(script, *arguments):
    path = nn.PROJECT / "grading" / script
    return subprocess.run(
        [sys.executable, path, *map(str, arguments)], capture_output=True, text=True, timeout=120
    )


# The checks


@pytest.mark.parametrize("name", checks.CHECKS)
@pytest.mark.parametrize("seed", range(5))
def test_reference_passes(name, seed):
    assert checks.failure(checks.CHECKS[name], nn, seed) is None


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
    rubric = tomllib.loads((nn.PROJECT / "grading" / "rubric.toml").read_text(encoding="utf-8"))
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
    first = command("checks.py", path)
    assert first.returncode == 1
    assert "db2 should agree with central differences" in first.stdout
    seed = first.stdout.partition("--seed ")[2].split()[0]
    assert command("checks.py", path, "--seed", seed).stdout == first.stdout


def test_code_that_raises_fails_its_checks_in_one_line(tmp_path):
    path = tmp_path / "solution.py"
    source = mutants.SOURCE.read_text(encoding="utf-8")
    path.write_text(source.replace("db2 = dz2.sum()", "db2 = missing"), encoding="utf-8")
    result = command("checks.py", path, "--seed", 1)
    assert result.returncode == 1
    assert "NameError: name 'missing' is not defined" in result.stdout
    assert not result.stderr


def test_command_on_the_reference_passes():
    result = command("checks.py")
    assert result.returncode == 0, result.stdout
    assert f"{len(checks.CHECKS)} of {len(checks.CHECKS)} checks passed" in result.stdout


def test_missing_file_is_named():
    result = command("checks.py", "nowhere.py")
    assert result.returncode == 2
    assert "nowhere.py, which is not there" in result.stderr


def test_what_is_no_python_file_is_refused_in_a_sentence(tmp_path):
    notebook = tmp_path / "solution.ipynb"
    notebook.write_text("{}")
    result = command("checks.py", notebook)
    assert result.returncode == 2
    assert "its name ending in .py, got" in result.stderr
    broken = tmp_path / "broken.py"
    broken.write_text("def f(:")
    result = command("checks.py", broken)
    assert result.returncode == 2
    assert "broken.py can't be loaded: SyntaxError" in result.stderr
    assert "Traceback" not in result.stderr


def test_negative_seed_is_refused():
    result = command("checks.py", "--seed", -1)
    assert result.returncode == 2
    assert "--seed must be 0 or more, got -1" in result.stderr


def test_a_bare_assert_in_the_code_counts_as_a_failure():
    def check(nn, rng):
        raise AssertionError

    assert checks.failure(check, nn, 0) == "an assert in the code failed"


# The mutants


@pytest.mark.parametrize("edit", mutants.MUTANTS, ids=lambda edit: edit.name)
def test_mutant_is_caught(killers, edit):
    assert killers[edit.name]


@pytest.mark.parametrize("edit", mutants.VARIANTS, ids=lambda edit: edit.name)
def test_right_variant_passes_every_check(edit):
    assert mutants.failed_checks(edit) == []


def test_there_are_many_mutants_and_names_are_unique():
    names = [edit.name for edit in (*mutants.MUTANTS, *mutants.VARIANTS)]
    assert len(mutants.MUTANTS) >= 20
    assert len(set(names)) == len(names)


def test_without_its_only_killer_a_mutant_survives(killers, monkeypatch, capsys):
    only = sorted({caught[0] for caught in killers.values() if len(caught) == 1})
    survivors = [edit for edit in mutants.MUTANTS if killers[edit.name] == only[:1]]
    monkeypatch.setattr(mutants, "MUTANTS", survivors)
    monkeypatch.setattr(mutants, "VARIANTS", mutants.VARIANTS[:1])
    monkeypatch.setattr(checks, "CHECKS", dict(checks.CHECKS))
    assert mutants.main([]) == 0
    assert mutants.main(["--without", only[0]]) == 1
    output = capsys.readouterr().out
    for edit in survivors:
        assert f"{edit.name:42s} SURVIVED" in output


def test_an_edit_that_fits_nowhere_is_refused():
    with pytest.raises(ValueError, match="must fit in one place"):
        mutants.edited_module(mutants.Edit("lost", "no such line", ""))


def test_an_edit_changes_only_its_own_module():
    module = mutants.edited_module(mutants.Edit("nothing", mutants.SIGMOID, "0 * z"))
    z = np.array([1.0])
    assert module.sigmoid(z) == 0
    assert nn.sigmoid(z) != 0
