"""Jupyter notebooks in the percent format."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_files import read

from sa_chat.engine.documents.readers import ParsedFile
from sa_chat.protocol.errors import DocumentError


def made(folder: Path, content: Any) -> ParsedFile:
    path = folder / "a.ipynb"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return read(path)


def test_cells_and_outputs_are_text_and_headings_the_outline(tmp_path: Path) -> None:
    outputs = [
        {"output_type": "stream", "text": ["1\n", "2\n"]},
        {"output_type": "execute_result", "data": {"text/plain": "42", "text/html": "<b>no</b>"}},
        {"output_type": "display_data", "data": {"text/html": "<p>only <b>this</b>"}},
        {"output_type": "display_data", "data": {"image/png": "AAAA"}},
        {"output_type": "error", "traceback": ["\x1b[31mValueError\x1b[0m: x"]},
    ]
    cells = [
        {"cell_type": "markdown", "source": ["# Title\n", "words"]},
        {"cell_type": "code", "source": "print(1)", "outputs": outputs},
        {"cell_type": "raw", "source": "as it is"},
    ]
    parsed = made(tmp_path, {"cells": cells, "nbformat": 4})
    assert parsed.title == "Title"
    assert [(e.title, e.line) for e in parsed.outline] == [("Title", 2)]
    assert parsed.parts[0].text == (
        "# %% [markdown]\n# Title\nwords\n\n# %%\nprint(1)\n# Out:\n1\n2\n# Out:\n42\n# Out:\n"
        "only this\n# Out:\nValueError: x\n\n# %% [raw]\nas it is\n"
    )


def test_version_three_is_read(tmp_path: Path) -> None:
    cells = [
        {"cell_type": "heading", "level": 2, "source": "Old"},
        {
            "cell_type": "code",
            "input": ["x"],
            "outputs": [{"output_type": "pyout", "text": "y"}],
        },
    ]
    parsed = made(tmp_path, {"worksheets": [{"cells": cells}]})
    assert [(e.title, e.level) for e in parsed.outline] == [("Old", 2)]
    assert parsed.parts[0].text == "# %% [heading]\n## Old\n\n# %%\nx\n# Out:\ny\n"


@pytest.mark.parametrize("content", ["[" * 100_000, "no json", "[]", '{"cells": []}'])
def test_what_is_no_notebook_is_refused_with_one_message(tmp_path: Path, content: str) -> None:
    with pytest.raises(DocumentError, match=r"notebook|no cells") as caught:
        made(tmp_path, content)
    assert caught.value.message.endswith(".")


_JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["cells", "cell_type", "source", "outputs", "data", "text", "level"]),
            inner,
            max_size=4,
        )
    ),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(_JSON)
def test_any_json_is_text_or_one_message(tmp_path: Path, content: Any) -> None:
    said = text = ""
    try:
        text = made(tmp_path, {"cells": [content]}).parts[0].text
    except DocumentError as error:
        said = error.message
    assert said.endswith("has no cells.") or text.startswith("# %%")
