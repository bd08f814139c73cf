"""What is measured: a given model, or a public shape with random weights, on its devices."""
