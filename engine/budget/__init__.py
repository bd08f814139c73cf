"""Whether the document fits the context, with a reserve for the conversation.

Nothing is truncated to make it fit: parts to leave out are proposed, and left out only on
acceptance.
"""

from .check import check_budget, reserve_for
from .proposal import propose

__all__ = ["check_budget", "propose", "reserve_for"]
