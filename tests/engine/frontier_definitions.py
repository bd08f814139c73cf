"""FlexPrefill's and XAttention's rules by slow definitions, a head at a time."""

import math

import torch

BLOCK = 128


def weights_of(q, k, scale):
    """Exact attention of one head's last rows q [C, D] over k [N, D]: [C, N]."""
    scores = q @ k.T * scale
    rows = torch.arange(len(k) - len(q), len(k))
    scores[torch.arange(len(k)) > rows[:, None]] = -math.inf
    return scores.softmax(dim=-1)


def share_of_blocks(q, k, scale, stride):
    """XAttention's estimate for one head, antidiagonal by antidiagonal: [R, B]."""
    rows, columns, start = len(q) // stride, len(k) // stride, len(k) - len(q)
    sums = torch.full((rows, columns), -math.inf)
    for t in range(rows):
        for u in range(t + start // stride + 1):
            pairs = [(t * stride + stride - 1 - s, u * stride + s) for s in range(stride)]
            total = sum(float(q[row] @ k[column]) for row, column in pairs)
            sums[t, u] = total * scale / stride
    each = BLOCK // stride
    shares = sums.softmax(dim=-1).reshape(rows // each, each, columns // each, each)
    return shares.sum(dim=3).mean(dim=1)


def covering(mass, gamma, least):
    """Blocks that the heaviest tokens fill, together up to the share `gamma`."""
    total, tokens = 0.0, 1
    for weight in sorted(mass, reverse=True):
        total += weight
        if total > gamma:
            break
        tokens += 1
    return max(least, tokens // BLOCK + 1)


def largest(mass, count):
    """The places of the `count` largest, the first place always among them."""
    others = sorted(range(1, len(mass)), key=lambda place: -mass[place])
    return {0, *others[: count - 1]}


def flexprefill_by_loops(q, k, scale, gamma, tau, least):
    """FlexPrefill for one head, q [C, D] and k [N, D]: pairs (row block, key block)."""
    keys, rows, blocks = len(k), len(q) // BLOCK, len(k) // BLOCK
    weights = weights_of(q[-BLOCK:], k, scale)
    vertical, slash = (weights.sum(dim=0) / BLOCK).tolist(), [0.0] * keys
    for row, mine in enumerate(weights.tolist()):
        for key in range(keys - BLOCK + row + 1):
            slash[keys - BLOCK + row - key] += mine[key] / BLOCK
    by_block = [
        [sum(mass[b * BLOCK : (b + 1) * BLOCK]) for b in range(blocks)]
        for mass in (vertical, slash)
    ]
    means = k.view(blocks, BLOCK, -1).mean(dim=1)
    estimated = (q[-BLOCK:].mean(dim=0) @ means.T * scale).softmax(dim=0).tolist()
    divergence = 0.0
    for one, other in zip(estimated, by_block[0], strict=True):
        middle = (one + other) / 2
        divergence += (one * math.log(one / middle) + other * math.log(other / middle)) / 2
    by_means = math.sqrt(divergence) < tau
    columns, diagonals = (
        largest(blocked, least if by_means else covering(mass, gamma, least))
        for blocked, mass in zip(by_block, (vertical, slash), strict=True)
    )
    kept, shares = set(), []
    for row in range(rows):
        own = blocks - rows + row
        kept |= {(row, b) for b in range(own + 1) if b in columns or own - b in diagonals}
        mean = q[row * BLOCK : (row + 1) * BLOCK].mean(dim=0)
        mine = (mean @ means[: own + 1].T * scale).softmax(dim=0).tolist()
        shares += [(share, row, b) for b, share in enumerate(mine)]
    total = 0.0
    for share, row, block in sorted(shares, reverse=True) if by_means else ():
        total += share
        if total > gamma * rows:
            break
        kept.add((row, block))
    return kept
