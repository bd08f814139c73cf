"""The recipe of the embedded reader: what it trains on, what it writes, and that it runs."""

import json
import math
import random
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import Qwen3Config, Qwen3ForCausalLM

from sa_chat.engine.attention import register
from sa_chat.engine.documents.model import DocumentSet, Part
from sa_chat.engine.model.embedded import load_reader
from sa_chat.engine.tokens import tokenize_documents
from sa_chat.engine.tokens.tiktoken_tokenizer import TiktokenTokenizer

READER = Path(__file__).parents[2] / "assets" / "reader"
RECIPE = READER / "recipe"
SMALL = {
    "vocabulary": 16_384,
    "hidden": 32,
    "layers": 3,
    "heads": 4,
    "kv_heads": 2,
    "head_size": 16,
    "intermediate": 48,
    "context": 512,
}
TINY = {**SMALL, "hidden": 16, "layers": 1, "intermediate": 16}


def folded(text):
    return " ".join(text.split())


def without_page_marks(text):
    return re.sub(r"(?m)^\[page \w+\]$", "", text)


# --- the network and its weights -----------------------------------------------------------


@pytest.fixture
def reader(recipe):
    torch.manual_seed(3)
    made = recipe.network.Reader(recipe.network.Shape(**SMALL))
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter.data, mean=float(parameter.dim() == 1), std=0.2)
    return made.requires_grad_(False)


def logits_of(reader, ids):
    return (reader(ids) @ reader.embed_tokens.weight.T).view(*ids.shape, -1)


def test_the_network_is_qwen3(recipe, reader, tmp_path):
    recipe.export.write_config(reader.shape, tmp_path)
    config = Qwen3Config.from_pretrained(tmp_path)
    assert config.rope_parameters["rope_theta"] == 2e6
    model = Qwen3ForCausalLM(config).float().eval()
    missing, unexpected = model.load_state_dict(recipe.network.hub_state(reader), strict=False)
    assert (missing, unexpected) == (["lm_head.weight"], [])
    model.tie_weights()
    ids = torch.randint(0, 300, (2, 90), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = model(ids).logits
    assert expected.std() > 0.5
    torch.testing.assert_close(logits_of(reader, ids), expected, atol=1e-4, rtol=1e-4)


def test_the_engine_loads_what_the_recipe_writes(recipe, reader, tmp_path):
    recipe.export.write_weights(reader, tmp_path)
    recipe.export.write_config(reader.shape, tmp_path)
    register()
    model = load_reader(tmp_path, torch.device("cpu"), torch.float32, lambda part: None)
    model.set_attn_implementation("eager")
    recipe.network.load_hub_state(reader, recipe.export.read_weights(tmp_path))
    ids = torch.randint(0, 300, (1, 60), generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        torch.testing.assert_close(logits_of(reader, ids), model(ids).logits, atol=1e-4, rtol=1e-4)


def test_eight_bits_are_near_in_every_row(recipe):
    torch.manual_seed(4)
    weight = torch.randn(64, 200) * torch.logspace(-4, 1, 64)[:, None]
    weight[7] = 0
    steps, scale = recipe.export.quantize(weight)
    assert (steps.dtype, scale.dtype) == (torch.int8, torch.float16)
    assert steps.shape == weight.shape
    error = (recipe.export.dequantize(steps, scale) - weight).abs().amax(1)
    largest = weight.abs().amax(1)
    # Half a step, and what rounding a small scale to float16 costs at the largest value.
    assert (error <= largest * (0.5 / 127) + 127 * 2.0**-24 + largest * 2.0**-11).all()
    assert error[7] == 0


def test_written_weights_are_read_back(recipe, reader, tmp_path):
    recipe.export.write_weights(reader, tmp_path)
    read = recipe.export.read_weights(tmp_path)
    state = recipe.network.hub_state(reader)
    assert read.keys() == state.keys()
    for name, tensor in state.items():
        allowed = tensor.abs().max() * (0.6 / 127 if tensor.dim() == 2 else 2.0**-10)
        assert (read[name] - tensor).abs().max() <= allowed, name
    other = recipe.network.Reader(reader.shape)
    recipe.network.load_hub_state(other, read)
    again = recipe.network.hub_state(other)
    assert all(torch.equal(again[name], read[name]) for name in read)


@pytest.mark.parametrize("parts", [1, 3, 10])
def test_cut_and_joined_is_the_same_file(recipe, tmp_path, parts):
    file = tmp_path / "model.safetensors"
    data = bytes(range(256)) * 5 + b"end"
    file.write_bytes(data)
    recipe.export.cut(file, parts)
    assert not file.exists()
    assert len(list(tmp_path.iterdir())) == parts
    recipe.export.join(file)
    assert file.read_bytes() == data


# --- the data ------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def make_sampler(recipe, corpus, site):
    works = recipe.corpus.load_works(corpus)
    packages = recipe.corpus.load_packages(site)
    idf = recipe.corpus.inverse_document_frequency(works, packages)
    encoding = recipe.data.load_encoding()
    return lambda seed, *words: recipe.data.Sampler(works, packages, encoding, idf, seed, *words)


class Sample:
    """A row taken apart, with the texts that went into it."""

    def __init__(self, encoding, ids, weights, document, planted):
        self.weights, self.planted = weights, planted
        text = encoding.decode(ids.tolist())
        self.document = text.split("<|doc|>")[1].split("<|/doc|>")[0]
        assert self.document.rstrip("\n").endswith(document.rstrip("\n"))
        body = text.split("<|/doc|>")[1].split("<|endoftext|>")[0]
        begin, end = re.escape("<|im_start|>"), re.escape("<|im_end|>")
        turn = rf"\n?(?:{begin}user\n)?(.*?){end}\n{begin}assistant\n(.*?){end}"
        self.turns = re.findall(turn, body, re.DOTALL)


@pytest.fixture(scope="session")
def samples(recipe, make_sampler):
    """Documents of all kinds, with the statements planted into them."""
    seen = {}
    document = recipe.data.Row.document

    def watch_document(row, text, planted, weight):
        seen.update(text=text, planted=planted)
        document(row, text, planted, weight)

    out = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recipe.data.Row, "document", watch_document)
        for seed in range(60):
            sampler = make_sampler(seed)
            ids, weights = sampler.sample(4096 if seed % 4 else 2048, facts_only=seed % 5 == 0)
            out.append(Sample(sampler.encoding, ids, weights, seen["text"], seen["planted"]))
    return out


def test_a_sample_has_its_shape_and_weights(make_sampler):
    for seed in range(4):
        ids, weights = make_sampler(seed).sample(2048)
        assert (ids.shape, weights.shape) == ((2049,), (2049,))
        assert (ids.dtype, weights.dtype) == (np.uint16, np.float32)
        assert set(np.unique(weights)) <= set(np.float32([0, 0.02, 0.05, 1]))
    ids, weights = make_sampler(0).sample(16_400)
    assert ids.shape == weights.shape == (16_401,)
    assert set(np.unique(weights)) <= set(np.float32([0, 0.02, 0.025, 1]))
    assert np.float32(0.025) in weights
    for seed in range(30):
        _, weights = make_sampler(seed).sample(1024)
        assert (weights == 1).sum() > 40, "no room for answers"
    with pytest.raises(ValueError, match="1024"):
        make_sampler(0).sample(500)


def test_a_seed_decides_everything(make_sampler):
    for seed in (1, 2, 3):
        (ids, weights), (again, weights_again) = (make_sampler(seed).sample(2048) for _ in "ab")
        assert np.array_equal(ids, again)
        assert np.array_equal(weights, weights_again)
    assert not np.array_equal(make_sampler(1).sample(2048)[0], make_sampler(2).sample(2048)[0])


def test_samples_are_of_all_kinds(samples):
    assert sum(len(sample.turns) for sample in samples) > 200
    assert any(sample.planted for sample in samples)
    assert any(not sample.planted for sample in samples)
    assert any("[page " in sample.document for sample in samples)
    assert any("=== " in sample.document for sample in samples)
    answers = [answer for sample in samples for _, answer in sample.turns]
    for beginning in (
        "The document says:",
        "It goes on:",
        "The code says:",
        "I could not find that",
    ):
        assert any(answer.startswith(beginning) for answer in answers), beginning
    assert any(answer.count("\n\n> ") > 1 for answer in answers)


def test_planted_facts_stand_in_the_document(samples):
    statements = [(s.document, statement) for s in samples for statement in s.planted]
    assert len(statements) > 200
    for document, statement in statements:
        assert folded(statement) in folded(document)


def test_quotations_stand_in_the_document(samples):
    total = 0
    for sample in samples:
        text = folded(sample.document) + folded(without_page_marks(sample.document))
        for question, answer in sample.turns:
            for quote in re.findall(r"(?m)^> (.+)$", answer):
                total += 1
                assert folded(quote) in text, question
    assert total > 150


def test_code_answers_name_a_file_of_the_document(samples):
    total = 0
    place = re.compile(r"```python\n(.+)\n```\nin (\S+)")
    for sample in samples:
        for _, answer in sample.turns:
            if not answer.startswith("The code says:"):
                continue
            places = place.findall(answer)
            assert places, answer
            for line, path in places:
                total += 1
                _, _, after = sample.document.partition(f"=== {path} ===\n")
                assert line in after.partition("\n=== ")[0]
    assert total > 10


def test_documents_are_tokenised_as_the_engine_does_it(recipe):
    parts = (
        Part("a.txt", None, "One line\n\nanother, and a last\n"),
        Part("b.pdf", "iv", "Page four.", position=1),
        Part("b.pdf", "1", "Page one,\n\nof two lines", position=2),
        Part("b.pdf", "2", "\n\n   Blank first.", position=3),
        Part("c/d.py", None, "def f():\n    return '[page 3]'\n"),
    )
    for chosen in (parts, parts[1:4], parts[:1], parts[::4]):
        documents = DocumentSet("Title", chosen, (), (), 0.0)
        tokenizer = TiktokenTokenizer.load(READER)
        prompt = tokenize_documents(documents, tokenizer)
        row = recipe.data.Row(recipe.data.load_encoding())
        row.text(documents.title + "\n", 0)
        row.document(documents.text().removeprefix("Title\n"), set(), 0.2)
        head = len(tokenizer.chat.head)
        assert np.concatenate(row.ids).tolist() == prompt.ids[head:].tolist()


def test_the_frame_is_that_of_the_engine(recipe):
    encoding = recipe.data.load_encoding()
    tokenizer = TiktokenTokenizer.load(READER)
    row = recipe.data.Row(encoding)
    row.turn("Why?", "So.", first=True)
    row.turn("And then?", "No.", first=False)
    expected = [
        *tokenizer.chat.turn(tokenizer.encode("Why?"), True),
        *tokenizer.encode("So."),
        *tokenizer.chat.turn(tokenizer.encode("And then?"), False),
        *tokenizer.encode("No."),
    ]
    made = np.concatenate(row.ids).tolist()
    end = len(tokenizer.chat.doc_end)
    assert made[: len(expected) - end] == expected[end:]


def test_held_out_packages_are_never_loaded(recipe, site):
    assert [p.name for p in recipe.corpus.load_packages(site)] == ["alpha", "beta"]
    held_out = recipe.corpus.HELD_OUT_PACKAGES
    unseen = recipe.corpus.load_packages(site, only=held_out)
    assert [p.name for p in unseen] == ["flask", "requests"]


def test_what_is_held_out_is_not_vendored_in_either(recipe, site, tmp_path):
    vendored = tmp_path / "alpha" / "_vendor" / "requests"
    vendored.mkdir(parents=True)
    text = (site / "alpha" / "first.py").read_text() * 3
    (tmp_path / "alpha" / "__init__.py").write_text(text)
    (tmp_path / "alpha" / "bottle.py").write_text(text)
    (vendored / "api.py").write_text(text)
    (package,) = recipe.corpus.load_packages(tmp_path)
    assert [path for path, _ in package.files] == ["alpha/__init__.py"]


# --- the scripts ---------------------------------------------------------------------------

HELP = """
import contextlib, io, runpy, sys
sys.path.insert(0, sys.argv[1])
for name in sys.argv[2:]:
    sys.argv = [name, "--help"]
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said):
            runpy.run_path(f"{sys.path[0]}/{name}", run_name="__main__")
    except SystemExit as end:
        print(name, end.code, said.getvalue().splitlines()[0])
"""


def test_every_script_answers_help():
    scripts = [p.name for p in sorted(RECIPE.glob("*.py")) if "ArgumentParser" in p.read_text()]
    assert {
        "average.py",
        "corpus.py",
        "data.py",
        "evaluate.py",
        "export.py",
        "tokenizer.py",
        "train.py",
    } == set(scripts)
    command = [sys.executable, "-c", HELP, str(RECIPE), *scripts]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    assert [line.split()[:3] for line in done.stdout.splitlines()] == [
        [name, "0", "usage:"] for name in scripts
    ]


@pytest.fixture(scope="module")
def train(corpus, site):
    """`train(out, stages, ...)`: runs the script; the answer losses step by step."""

    def run(out, stages, *options):
        out.mkdir(exist_ok=True)
        (out / "stages.json").write_text(json.dumps(stages))
        command = [sys.executable, str(RECIPE / "train.py"), "--corpus", str(corpus)]
        command += ["--site-packages", str(site), "--stages", str(out / "stages.json")]
        command += ["--out", str(out), "--shape", json.dumps(TINY), "--workers", "0"]
        command += ["--no-compile", "--log-seconds", "0", *map(str, options)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=200)
        assert done.returncode == 0, done.stderr
        return [float(loss) for loss in re.findall(r"answer ([\d.]+)", done.stdout)], done.stdout

    return run


STAGE = {
    "contexts": {"2048": 0.5, "1024": 0.5},
    "tokens": 16_384,
    "seconds": 1000,
    "rate": [8, 8],
    "batch_tokens": 2048,
}


@pytest.fixture(scope="module")
def trained(train, tmp_path_factory):
    """The folder of a run of one stage, and its losses."""
    out = tmp_path_factory.mktemp("run")
    return out, *train(out, [STAGE])


def test_training_runs_and_learns(trained):
    out, losses, said = trained
    assert len(losses) == 8
    assert losses[0] == pytest.approx(math.log(16_384), abs=0.3)
    assert losses[-1] < losses[0] - 0.1
    assert "4 works, 2 packages" in said
    assert len(re.findall(r"answer ([\d.]+) \((?:1024|2048): \1\)", said)) == 8  # a length a step
    saved = torch.load(out / "checkpoint.pt", weights_only=True)
    assert (saved["step"], saved["stage"]) == (8, 1)


def test_resumed_training_goes_on(trained, train, tmp_path):
    out, losses, _ = trained
    later, said = train(tmp_path / "on", [STAGE, STAGE], "--resume", out / "checkpoint.pt")
    assert "stage 0" not in said
    assert len(later) == 8
    assert later[0] == pytest.approx(losses[-1], abs=0.4)
    saved = torch.load(tmp_path / "on" / "checkpoint.pt", weights_only=True)
    assert (saved["step"], saved["stage"]) == (16, 2)


def test_training_resumed_in_mid_stage_ends_it(trained, train, tmp_path):
    """The rate warms up again, and neither loss nor progress jumps."""
    out, losses, _ = trained
    saved = torch.load(out / "checkpoint.pt", weights_only=True)
    saved |= {"stage": 0, "batches": 5, "tokens": 5 * 2048}
    torch.save(saved, tmp_path / "middle.pt")
    later, said = train(tmp_path / "on", [STAGE], "--resume", tmp_path / "middle.pt")
    assert len(later) == 3
    assert later[0] == pytest.approx(losses[-1], abs=0.4)
    rates = [float(rate) for rate in re.findall(r"rate ([\d.]+)", said)]
    assert rates == sorted(rates)
    assert rates[0] < 1 < STAGE["rate"][0]


def test_gradients_are_added_up_over_a_step(train, tmp_path):
    _, said = train(tmp_path, [STAGE | {"accumulate": 4}])
    assert "stage 0 done: 2 steps, 0.0 M tokens" in said


def test_the_length_mix_depends_on_the_batch_alone(recipe):
    stage = recipe.train.Stage(**STAGE)
    lengths = [recipe.train.context_of(batch, stage, 7) for batch in range(400)]
    assert set(lengths) == {1024, 2048}
    assert 140 < lengths.count(1024) < 260
    assert lengths[100:] == [recipe.train.context_of(batch, stage, 7) for batch in range(100, 400)]


def test_positions_rise_and_reach_far(recipe):
    reach = []
    for seed in range(40):
        positions = recipe.train.positions_of(3, 500, 8000, random.Random(seed))
        assert positions.shape == (3, 500)
        assert (positions.diff(dim=1) >= 1).all()
        assert (positions >= 0).all()
        assert (positions < 8000).all()
        reach += positions[:, -1].tolist()
    assert 30 < reach.count(499) < 90
    assert max(reach) > 6000
    whole = recipe.train.positions_of(2, 500, 500, random.Random(1))
    assert torch.equal(whole, torch.arange(500).expand(2, -1))


def test_documents_are_thinned_and_answers_are_not(recipe):
    weights = torch.tensor([0.0, 0.02, 0.05, 1.0]).repeat(40_000, 1)
    thinned = recipe.train.thinned(weights)
    assert (thinned[:, 0] == 0).all()
    assert (thinned[:, 3] == 1).all()
    assert (thinned < 1).sum() == (weights < 1).sum()
    torch.testing.assert_close(thinned.mean(0), weights[0], atol=1e-3, rtol=0.05)


def test_the_reader_takes_positions(recipe, reader):
    ids = torch.randint(0, 300, (2, 40), generator=torch.Generator().manual_seed(1))
    positions = torch.arange(40).expand(2, -1)
    plain = reader(ids)
    torch.testing.assert_close(reader(ids, positions + 200), plain, atol=1e-3, rtol=1e-3)
    skipped = positions.clone()
    skipped[1, 20:] += 100
    moved = (reader(ids, skipped) - plain).view(2, 40, -1).abs().amax(-1)
    assert moved[0].max() < 1e-5
    assert moved[1, :20].max() < 1e-5
    assert moved[1, 20:].max() > 1e-3


def test_training_starts_from_shipped_weights(trained, train, recipe, tmp_path):
    out, losses, _ = trained
    reader = recipe.network.Reader(recipe.network.Shape(**TINY))
    reader.load_state_dict(torch.load(out / "checkpoint.pt", weights_only=True)["reader"])
    recipe.export.write_weights(reader, tmp_path)
    recipe.export.write_config(reader.shape, tmp_path)
    later, said = train(tmp_path / "on", [STAGE], "--resume", tmp_path)
    assert "stage 0 " in said
    assert later[0] < losses[0] - 0.1
    assert later[0] == pytest.approx(losses[-1], abs=0.4)
    saved = torch.load(tmp_path / "on" / "checkpoint.pt", weights_only=True)
    assert (saved["step"], saved["stage"]) == (8, 1)
