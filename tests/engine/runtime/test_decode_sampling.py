"""Drawing the next token: the likeliest, or one of the likely ones, the same for the same seed."""

from collections import Counter

import pytest
import torch

from sa_chat.engine.runtime import greedy
from sa_chat.engine.runtime.sampling import Sampling
from sa_chat.protocol.config import EngineConfig
from sa_chat.protocol.errors import UsageError

LOGITS = torch.tensor([0.0, 3.0, 2.0, 1.0, -torch.inf])


def _drawn(sampling: Sampling, count: int = 4000) -> Counter[int]:
    choose = sampling.chooser()
    return Counter(choose(LOGITS) for _ in range(count))


def test_as_it_stands_the_likeliest_token_is_taken():
    assert Sampling().chooser() is greedy
    assert Sampling(top_p=0.5, seed=3).chooser() is greedy
    assert set(_drawn(Sampling(temperature=1e-4), 20)) == {1}


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_tokens_come_as_often_as_their_probability(temperature):
    shares = (LOGITS / temperature).softmax(dim=0)
    drawn = _drawn(Sampling(temperature=temperature))
    for token, share in enumerate(shares.tolist()):
        assert drawn[token] / 4000 == pytest.approx(share, abs=0.03)


def test_top_p_leaves_the_unlikely_out():
    shares = LOGITS.softmax(dim=0)
    top_p = float(shares[1] + shares[2]) - 0.01
    assert set(_drawn(Sampling(temperature=1.0, top_p=top_p))) == {1, 2}


def test_the_same_seed_gives_the_same_answer_and_another_does_not():
    answers = []
    for seed in (1, 1, 2):
        choose = Sampling(temperature=1.0, seed=seed).chooser()
        answers.append([choose(LOGITS) for _ in range(50)])
    assert answers[0] == answers[1] != answers[2]


def test_what_was_written_becomes_less_likely():
    choose = Sampling(repetition_penalty=2.0).chooser()
    assert [choose(LOGITS) for _ in range(3)] == [1, 2, 1]
    again = Sampling(repetition_penalty=2.0).chooser()
    assert again(LOGITS) == 1  # another answer begins anew
    assert LOGITS[1] == 3.0


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("temperature", -0.1),
        ("temperature", float("nan")),
        ("temperature", 1e-38),
        ("seed", -1),
        ("seed", 2**63),
        ("top_p", 0.0),
        ("top_p", 1.5),
        ("repetition_penalty", 0.0),
        ("repetition_penalty", float("inf")),
    ],
)
def test_values_out_of_range_are_usage_errors(field, value):
    with pytest.raises(UsageError, match=field.split("_")[0]):
        EngineConfig(model="some/model", **{field: value})


def test_the_reader_draws_nothing():
    with pytest.raises(UsageError, match="draws nothing"):
        EngineConfig(temperature=0.7)
    assert EngineConfig(model="some/model", temperature=0.7).draws
    assert not EngineConfig(top_p=0.9).draws
