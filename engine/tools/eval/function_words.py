"""English words that say nothing about a text's content."""

from __future__ import annotations

_LONG_WORDS = """
about above after again against also although always among another around because been
before being below between both cannot could does doing done down during each either else even
ever every from further given have having hence here hers herself himself however into itself
just less like many might more most much must neither never next none nothing often once only
other others otherwise ours over perhaps quite rather same shall should since some such than
that their theirs them themselves then there therefore these they this those though through
thus together under until upon very well were what when where whether which while whom whose
will with within without would your yours
"""
COMMON_WORDS = frozenset(_LONG_WORDS.split())
"""Function words of four and more letters."""

_SHORT_WORDS = """
a all am an and any are as at be but by can did do does don for get got had has he her him his how i
if in into is isn it its let ll me my no nor not now of off on one or our out own re s she so such t
than that the them then they this to too up us ve very was way we were who why will with yes yet you
your says said tell tells told
"""
FUNCTION_WORDS = COMMON_WORDS | frozenset(_SHORT_WORDS.split())
"""Function words of any length, and the forms of "say" and "tell"."""
