"""How many of our own functions lie between the engine's main and the kernel."""

from __future__ import annotations

import sys

import pytest
from local_models import write_book, write_model

from sa_chat.engine.server.host import Host
from sa_chat.engine.session.local import LocalEngine
from sa_chat.protocol.codec import to_line
from sa_chat.protocol.config import EngineConfig, OpenOptions
from sa_chat.protocol.events import PrefillDone
from sa_chat.protocol.requests import Close, Open

MOST = 11
module = sys.modules["sa_chat.engine.sparsity.sparse_attention"]
BEFORE_THE_WORKER = ["server.host.run", "server.host.serve"]  # they start it, on the main thread


def _own(frame):
    names = []
    while frame is not None:
        name = frame.f_globals.get("__name__", "")
        if name.startswith("sa_chat.engine."):
            names.append(f"{name.removeprefix('sa_chat.engine.')}.{frame.f_code.co_name}")
        frame = frame.f_back
    return names[::-1]


@pytest.fixture
def stacks(monkeypatch):
    """Of each call of the attention kernel in a forward pass: our functions on the stack."""
    found, attend = [], module.attend

    def recorded(*arguments, **options):
        found.append(_own(sys._getframe(1)))
        return attend(*arguments, **options)

    monkeypatch.setattr(module, "attend", recorded)
    return found


def test_of_a_document_that_is_opened(tmp_path, stacks):
    config = EngineConfig(model=str(write_model(tmp_path / "model")), device="cpu")
    book = write_book(tmp_path / "book.txt", 4)
    said = []
    host = Host(lambda emit: LocalEngine(config, emit), said.append)
    requests = Open("o1", OpenOptions((str(book),))), Close("c1")
    assert host.serve(map(to_line, requests))
    assert any(isinstance(event, PrefillDone) for event in said)
    stack = BEFORE_THE_WORKER + stacks[-1]
    assert stack[2] == "server.worker._run"
    assert stack[-1] == "sparsity.sparse_attention.sparse_attention"
    assert len([*stack, "kernels.attend.attend"]) <= MOST, stack
