"""Execute the notebooks in place, write README's results table, and print it.

    python notebooks/run.py                               all notebooks, in place
    python notebooks/run.py --output build/photos         copies; the originals stay as they are
    python notebooks/run.py notebooks/03_training.ipynb   only this one

A second run changes no byte: what differs from machine to machine (times, the patch version of
Python) is not stored. A notebook that fails stays as it was, and the failing cell is named.
"""

import argparse
import json
import os
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from tqdm import tqdm

import nn_helpers as nn

BEGIN, END = "<!-- results: written by notebooks/run.py -->\n", "<!-- end of results -->"


def execute(source: Path, target: Path, progress: tqdm) -> None:
    """Run one notebook from top to bottom and write it, outputs included, to `target`."""
    notebook = nbformat.read(source, as_version=4)
    # Threads that share two cores slow small matrix products down, and change their rounding.
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    if (data := environment.get("SIGN_DIGITS")) and Path(data).exists():
        environment["SIGN_DIGITS"] = str(Path(data).resolve())  # kernels run in another folder
    client = NotebookClient(
        notebook,
        kernel_name="python3",
        extra_arguments=["--log-level=ERROR"],  # not a word on how the kernel is connected
        timeout=300,
        record_timing=False,
        store_widget_state=False,
        coalesce_streams=True,  # else a line may come in one piece or two, as time has it
        resources={"metadata": {"path": str(nn.PROJECT / "notebooks")}},
        on_cell_executed=lambda **_: progress.update(),
    )
    client.execute(env=environment)
    notebook.metadata.language_info = {"name": "python"}
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            # A live figure lives only as long as its kernel. Its picture stays.
            output.get("data", {}).pop("application/vnd.jupyter.widget-view+json", None)
    nn.write_atomically(target, nbformat.writes(notebook).encode() + b"\n")


def results_table(folder: Path) -> str:
    """Return the results that the notebooks and the measurement stored as Markdown tables."""
    results = json.loads((folder / "results.json").read_text())
    photographs = json.loads((folder / "photographs.json").read_text())

    def percent(share: float) -> str:
        return f"{100 * share:.1f} %"

    def interval(row: dict[str, float]) -> str:
        return f"{100 * row['low']:.1f} to {percent(row['high'])}"

    (TN, FP), (FN, TP) = results["confusion_matrix"]
    negative, positive = results["digits"]
    lines = [
        "**Rendered hands, test signers, looked at once**",
        "",
        f"Of {TN + FP} pictures of the digit {negative}, {TN} were called {negative} and {FP} were "
        f"called {positive}. Of {FN + TP} of the digit {positive}, {TP} were called {positive} and "
        f"{FN} were called {negative}.",
        "",
        "| | value | 95 % interval | pictures counted | the report |",
        "|---|---|---|---|---|",
    ]
    for name, row in results["metrics"].items():
        report = percent(results["report"][name])
        cells = (name, percent(row["value"]), interval(row), f"{row['n']:.0f}", report)
        lines.append(f"| network: {' | '.join(cells)} |")
    for name, row in results["baselines"].items():
        if name != "network":
            cells = (percent(row["value"]), interval(row), f"{row['n']:.0f}")
            lines.append(f"| {name}: accuracy | {' | '.join(cells)} | |")
    lines += [
        "",
        "**The same network and settings, over many random splits by signer**",
        "",
        "| pictures | splits | training, test | mean accuracy | standard deviation |",
        "|---|---|---|---|---|",
    ]
    for row in (results["splits"], *photographs["splits"]):
        spread = f"{100 * row['std']:.1f} points"
        parts = f"{row['training']}, {row['test']}"
        cells = (row["pictures"], str(row["n"]), parts, percent(row["mean"]), spread)
        lines.append(f"| {' | '.join(cells)} |")
    lines += [
        "",
        "**Trained on rendered hands alone, tested on photographs**",
        "",
        "| classifier | signers | accuracy | 95 % interval | photographs |",
        "|---|---|---|---|---|",
    ]
    for row in photographs["transfer"]:
        cells = (row["classifier"], row["signers"], percent(row["accuracy"]), interval(row))
        lines.append(f"| {' | '.join(cells)} | {row['n']} |")
    lines += [
        "",
        "**Rendered hands told from photographs**",
        "",
        "How often a support vector machine is right that learned from other signers of both "
        "kinds. Tossing a coin is right 50 % of the time.",
        "",
        "| digit | right | 95 % interval | pictures |",
        "|---|---|---|---|",
    ]
    for row in photographs["told apart"]:
        cells = (row["digit"], percent(row["accuracy"]), interval(row), row["n"])
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines) + "\n"


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("notebooks", nargs="*", type=Path, help="default: all, in order")
    parser.add_argument("--output", type=Path, help="write copies to this folder instead")
    arguments = parser.parse_args(argv)
    for variable in ("SIGN_DIGITS", "SIGN_DIGITS_FIGURES"):
        if os.environ.get(variable) and not arguments.output:
            parser.error(f"{variable} is set: give --output, so stored notebooks stay as they are")
    notebooks = arguments.notebooks or sorted((nn.PROJECT / "notebooks").glob("*.ipynb"))
    for source in notebooks:
        target = (arguments.output or source.parent) / source.name
        try:
            n_cells = sum(c.cell_type == "code" for c in nbformat.read(source, 4).cells)
            with tqdm(total=n_cells, desc=source.stem, unit="cell") as progress:
                execute(source, target, progress)
        except (OSError, CellExecutionError, CellTimeoutError, DeadKernelError) as error:
            print(f"{source}: {error}", file=sys.stderr)
            return 1
    if not arguments.output:
        table = results_table(nn.figures_folder())
        readme = nn.PROJECT / "README.md"
        before, begin, rest = readme.read_text(encoding="utf-8").partition(BEGIN)
        _, end, after = rest.partition(END)
        if not (begin and end):
            print(f"README.md needs the lines {BEGIN.strip()} and {END}", file=sys.stderr)
            return 1
        text = before + BEGIN + table + END + after
        nn.write_atomically(readme, text.encode())
        print(table)
        print("Next: `make lab` opens the notebooks, `make test` tests everything.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
