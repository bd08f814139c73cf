"""Does the document fit, with room for the conversation?  Nothing is ever cut to make it fit:
what would have to go is proposed, and goes only if that is accepted."""

from .check import check_budget, reserve_for
from .proposal import propose

__all__ = ["check_budget", "propose", "reserve_for"]
