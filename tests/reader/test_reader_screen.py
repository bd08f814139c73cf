"""The whole conversation on the screen, with the real reader in its own process."""

from __future__ import annotations

import asyncio

import pytest
from asking import FACTS

from sa_chat.app.session.state import Phase, TurnStatus
from sa_chat.app.settings.launch import Launch
from sa_chat.app.tui.app import SaChatApp
from sa_chat.app.tui.widgets.question_box import QuestionBox
from sa_chat.protocol.config import EngineConfig, OpenOptions


async def wait_for(app, condition, seconds=200.0):
    async with asyncio.timeout(seconds):
        while not condition(app.session.state):
            await asyncio.sleep(0.1)


@pytest.mark.asyncio
async def test_a_question_asked_while_reading_is_answered_with_a_verified_quotation(planted):
    app = SaChatApp(Launch(OpenOptions((str(planted),)), EngineConfig()))
    question, (statement, value) = next(iter(FACTS.items()))
    async with app.run_test(size=(140, 42)) as pilot:
        app.screen.query_one(QuestionBox).text = question
        await pilot.press("enter")
        assert app.session.state.turns[0].status is TurnStatus.QUEUED
        await wait_for(app, lambda state: state.turns[0].status is TurnStatus.DONE)
        state = app.session.state
        assert state.phase is Phase.READY
        assert value in state.turns[0].text
        (citation,) = state.turns[0].answer.citations
        assert citation.verified
        assert citation.quote == statement
        assert state.prefill.ttft.prefill_s > 0
        assert state.prefill.attention.mode == "sparse"
        assert len(state.prefill.density_by_head) == 10
        assert state.devices[0].used_bytes > 100_000_000
        await pilot.pause(0.5)
        picture = app.export_screenshot()
        for shown in ("density", "prefill", "first", "tokens"):
            assert shown in picture
