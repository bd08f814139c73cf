"""The parts of the screen.  Each draws a part of the state and decides nothing."""
