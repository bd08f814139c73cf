"""The parts of the screen.  Each shows a piece of the state and decides nothing."""
