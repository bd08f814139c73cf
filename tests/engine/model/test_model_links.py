"""What goes from one device to the next, with a device that holds no values as the second."""

import torch
from torch import nn

from sa_chat.engine.model.links import Link, connect

META = torch.device("meta")


class Layer(nn.Module):
    """Keeps what it was called with."""

    def forward(self, hidden, *, position_embeddings, mask=None):
        self.seen = hidden, position_embeddings, mask
        return hidden


def test_a_module_finds_its_inputs_on_its_device_and_shared_ones_are_brought_once():
    model = nn.ModuleList(Layer() for _ in range(3))
    cpu = torch.device("cpu")
    connect(model, {"0": cpu, "1": META, "2": META})
    copies = []
    for _ in range(2):  # passes
        hidden, embeddings = torch.ones(2), (torch.ones(3), torch.ones(3))
        for layer in model:
            hidden = layer(hidden, position_embeddings=embeddings)
        assert model[0].seen[0].device == model[0].seen[1][0].device == cpu
        for layer in list(model)[1:]:
            first, (cosine, sine), mask = layer.seen
            assert first.device == cosine.device == sine.device == META
            assert mask is None
        assert model[1].seen[1][0] is model[2].seen[1][0]
        copies.append(model[1].seen[1][0])
    assert copies[0] is not copies[1]  # a new pass has new ones


def test_what_is_no_tensor_or_already_there_stays():
    link = Link(META)
    here, other = torch.ones(2, device="meta"), object()
    args, kwargs = link.before(nn.Identity(), (here, 3), {"cache": other, "pair": (here, None)})
    assert args[0] is here
    assert args[1] == 3
    assert kwargs["cache"] is other
    assert kwargs["pair"][0] is here


def test_one_device_needs_no_hooks():
    model = nn.ModuleList([Layer()])
    assert connect(model, {"0": META}) == ()
    hidden = torch.ones(2)
    assert model[0](hidden, position_embeddings=None) is hidden  # and goes nowhere
