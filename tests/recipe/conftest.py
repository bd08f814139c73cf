"""The recipe's scripts as modules, and a small made-up corpus."""

from __future__ import annotations

import importlib
import random
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

RECIPE = Path(__file__).parents[2] / "assets" / "reader" / "recipe"
MODULES = (
    *("corpus", "layout", "data", "network", "optimizers", "export", "train", "rows"),
    *(
        f"questions.{name}"
        for name in (
            "turn",
            "facts",
            "sentences",
            "prose",
            "asked",
            "absence",
            "books",
            "code",
            "code_forms",
        )
    ),
    *(f"wordings.{name}" for name in ("names", "labels", "paraphrase")),
    *(f"wordings.{name}" for name in ("places", "people", "things", "firms", "computing")),
)
SYLLABLES = ("ka", "lo", "mi", "ren", "su", "tor", "va", "zel", "bri", "dun", "gar", "pax", "nim")


@pytest.fixture(scope="session")
def recipe() -> SimpleNamespace:
    """All modules of the recipe, by the last part of their names.  These are common ones, so
    they do not stay importable."""
    names = {name for module in MODULES for name in (module, module.partition(".")[0])}
    hidden = {name: sys.modules.pop(name) for name in names if name in sys.modules}
    sys.path.insert(0, str(RECIPE))
    try:
        return SimpleNamespace(
            **{name.rpartition(".")[2]: importlib.import_module(name) for name in MODULES}
        )
    finally:
        sys.path.remove(str(RECIPE))
        for name in [n for n in sys.modules if n in names]:
            del sys.modules[name]
        sys.modules.update(hidden)


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`books/` and `docs/`: two works each."""
    root = tmp_path_factory.mktemp("corpus")
    rng = random.Random(5)
    for kind in ("books", "docs"):
        (root / kind).mkdir()
        for number in (1, 2):
            paragraphs = [_paragraph(rng) for _ in range(400)]
            if kind == "docs":
                paragraphs[::9] = ["    $ run --with a\n    listing"] * len(paragraphs[::9])
            text = f"Work {number}\n\n" + "\n\n".join(paragraphs) + "\n"
            (root / kind / f"{kind}-{number}.txt").write_text(text, "utf-8")
    return root


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Packages `alpha` and `beta`, and `requests` and `flask`, which are held out."""
    root = tmp_path_factory.mktemp("site")
    rng = random.Random(6)
    for name in ("alpha", "beta", "requests", "flask"):
        (root / name).mkdir()
        for file in ("__init__", "first", "second"):
            (root / name / f"{file}.py").write_text(_source(rng, f"{name}_{file}"), "utf-8")
    return root


def _word(rng: random.Random) -> str:
    return "".join(rng.choices(SYLLABLES, k=rng.randint(2, 4)))


def _paragraph(rng: random.Random) -> str:
    sentences = []
    for _ in range(rng.randint(2, 6)):
        words = [_word(rng) for _ in range(rng.randint(7, 16))]
        words.insert(3, rng.choice(["is", "takes", "shows", "and", "of the"]))
        sentences.append(" ".join(words).capitalize() + ".")
    return " ".join(sentences)


def _source(rng: random.Random, prefix: str) -> str:
    functions = []
    for _ in range(25):
        name = f"{prefix.strip('_')}_{_word(rng)}"
        functions.append(
            f'def {name}(value, other=None):\n    """Give the {_word(rng)} of a {_word(rng)}."""\n'
            f"    # The {_word(rng)} comes before the {_word(rng)}, and never after {_word(rng)}.\n"
            f"    return value, other\n"
        )
    return "\n\n".join(functions)
