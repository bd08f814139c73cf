"""One layer's attention: dense baselines, a block-sparse one, and ours, on the same inputs."""
