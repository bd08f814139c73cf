"""Results of evaluations, made up for tests."""

from sa_chat.engine.tools.eval.results import AnswerResult, Configuration, TrialResult

DENSE = Configuration("dense")
SPARSE = Configuration("sparse", "auto", 0.95)


def answer(score=1.0, text=None, *, task="vt", index=0, depth=None, refused=False):
    text = f"an answer worth {score}" if text is None else text
    question = f"{task} {index}?"
    return AnswerResult(task, index, depth, question, ("x",), text, score, refused, 7, "stop")


def result_of(
    trial,
    configuration,
    answers,
    *,
    length=4096,
    heads=((1.0, 0.5), (0.25, 0.25)),
    measured=(),
    **more,
):
    figures = {"recall": 1.0, "recall_p5": 1.0, "recall_min": 1.0, "document_nll": 3.0}
    flat = [density for layer in heads for density in layer]
    return TrialResult(
        trial=trial,
        length=length,
        configuration=configuration,
        prompt_tokens=length - 200,
        density=sum(flat) / len(flat),
        density_by_head=heads,
        prefill_s=1.5,
        answers=tuple(answers),
        heads=measured,
        **{**figures, **more},
    )


def run_of(lengths, configurations, *, samples=4, tasks=("niah_single_1", "vt"), layers=2, heads=2):
    """A finished run in which everything was answered right; needles have depths."""
    return [
        result_of(
            f"{task}/{length}/{index}",
            configuration,
            [answer(task=task, index=index, depth=_depth(task, index, samples))],
            length=length,
            heads=((configuration.alpha**2,) * heads,) * layers,
        )
        for length in lengths
        for task in tasks
        for index in range(samples)
        for configuration in configurations
    ]


def _depth(task, index, samples):
    return 100 * index / (samples - 1) if task.startswith("niah") else None
