"""How people ask about code.

`[a|b|]` is a choice; {n} is the name, {k} its kind and {p} a path.  The question "In which file
is ... defined?" belongs to the evaluation and must not come out of any of these.
"""

from __future__ import annotations

import itertools
import random
import re

CHOICE = re.compile(r"\[([^\]]*)\]")


class Forms:
    """Question forms by pattern, all of them written out."""

    def __init__(self, *patterns: str) -> None:
        self.groups = [expanded(pattern) for pattern in patterns]

    def choose(self, rng: random.Random) -> str:
        return rng.choice(rng.choice(self.groups))

    def all(self) -> list[str]:
        return [form for group in self.groups for form in group]


def expanded(pattern: str) -> list[str]:
    parts = CHOICE.split(pattern)  # text and choices by turns
    options = [[p] if n % 2 == 0 else p.split("|") for n, p in enumerate(parts)]
    return [" ".join("".join(chosen).split()) for chosen in itertools.product(*options)]


DEFINED = Forms(
    "Where is {n} [defined|defined|declared]?",
    "Where is [the {k}|our] {n} [defined|declared]?",
    "Where [does the code|do these files|do the sources] define {n}?",
    "[Which|What] [file|module|source file] defines [|the {k}] {n}?",
    "[Which|What] [file|module] [holds|has|contains] the [{k}|definition of] {n}?",
    "[Which|What] [file|module] is {n} defined in?",
    "[Which|What] [file|module] declares [|the {k}] {n}?",
    "[Which of the files|Which of these modules] [defines|has the definition of] {n}?",
    "In which file [does the definition of {n} stand|do I find the definition of {n}]?",
    "In which file [can I find|is] the definition of [|the {k}] {n}?",
    "In [which|what] module is [|the {k}] {n} [defined|declared]?",
    "[Find|Show me|Give me|Locate|I need] the definition of [|the {k}] {n}.",
    "[Show me|Tell me|Find out] where [|the {k}] {n} is [defined|declared].",
    "[Can|Could] you [find|show me|locate] the definition of {n}?",
    "Do you know where {n} is [defined|declared]?",
    "[I am|I'm] looking for the definition of [|the {k}] {n}.",
    "{n} is defined where?",
    "[definition of|def of|declaration of] {n}",
    "{n} [definition|defined where|defined in which file]",
    "[Where's|where is] the definition of {n}?",
    "Which line defines [|the {k}] {n}?",
    "[Quote|Show] the line that defines {n}.",
    "How is [|the {k}] {n} defined?",
)
NAMED = Forms(
    "{n}",
    "{n}?",
    "Where is [|the {k}] {n}?",
    "Where [can|do|would|could] I find [|the {k}] {n}?",
    "[Find|Show me|Locate|Look up] [|the {k}] {n}.",
    "[Which|What] file has {n}?",
    "Which file is [|the {k}] {n} in?",
    "In which file [is|can I find|does one find|should I look for] [|the {k}] {n}?",
    "{k} {n}",
    "[|the] {k} {n}, where is it?",
    "Where does {n} [live|come from|stand]?",
    "where [to look for|to find] {n}",
)
EVERYWHERE = Forms(
    "Where are all definitions of {n}?",
    "[Find|List|Show me|Give me] [all|all the|the several] definitions of {n}.",
    "Which files define {n}?",
    "[In what files|In which places|At which places] is {n} defined?",
    "{n} is defined more than once: where?",
    "[Everywhere|All places] where {n} is defined",
    "[List|Show] every [definition of {n}|place that defines {n}].",
)
SIGNATURE = Forms(
    "What arguments does [|the {k}] {n} [take|accept|expect|have]?",
    "[Which|What] parameters does [|the {k}] {n} [take|accept|expect|have]?",
    "What is the signature of [|the {k}] {n}?",
    "[Show me|Give me|Find|Quote] the signature of {n}.",
    "[signature of|arguments of|parameters of|args for] {n}",
    "{n} [signature|arguments|parameters|args]",
    "How [do I|does one|should I] call {n}?",
    "What [do I|must I|can I] pass to {n}?",
    "What does {n} take as [arguments|input|parameters]?",
    "With [what|which] arguments is {n} [called|defined]?",
    "What are the [arguments|parameters] of [|the {k}] {n}?",
    "Does {n} take [any|] arguments?",
)
BASES = Forms(
    "What does [|the {k}] {n} [inherit from|derive from|extend|subclass]?",
    "[Which|What] class does {n} [inherit from|derive from|extend]?",
    "What is the [base class|parent class] of {n}?",
    "[base class of|parent of|superclass of] {n}",
    "What is {n} a subclass of?",
    "Which class is the parent of {n}?",
    "[Show me|Quote|Find] the class line of {n}.",
)
DOCSTRING = Forms(
    "What does [|the {k}] {n} do?",
    "[what's|what is] [|the {k}] {n} [for|good for|about]?",
    "What is the [purpose|task|job|use|point] of [|the {k}] {n}?",
    "What does the [docstring|documentation] of [|the {k}] {n} say?",
    "[Explain|Describe|Document] [|the {k}] {n}.",
    "[Explain|Tell me|Say] what {n} does.",
    "[Explain|Tell me] what [|the {k}] {n} is for.",
    "How is [|the {k}] {n} [described|documented]?",
    "[docstring of|purpose of|doc of] {n}",
    "Why [is there|do we have] [a {k}|the {k}] {n}?",
    "What happens in {n}?",
    "What [do I|does one] need {n} for?",
    "[Give me|Quote|Show me] the [docstring|description] of {n}.",
    "What would I use {n} for?",
)
IMPORTED = Forms(
    "[Which|What] [files|modules] import {n}?",
    "Where is {n} imported?",
    "Where [do we|does the code|do the files] import {n}?",
    "[Find|Show me|List|Quote] the [imports of|lines that import|import of] {n}.",
    "[Who|What] imports {n}?",
    "[In which files|In which modules] is {n} imported?",
    "[imports of|import of|import] {n}",
    "Is {n} imported anywhere?",
    "Which lines import {n}?",
)
MODULE_IMPORTED = Forms(
    "[Who|Which file|What] uses the module {n}?",
    "[Which|What] [files|modules|parts] [use|depend on|need] the module {n}?",
    "Where is the module {n} [used|imported|needed]?",
    "[Which|What] files import [something from|anything from|the module] {n}?",
    "What is imported from {n}?",
    "[uses of|imports of] the module {n}",
)
SETTING = Forms(
    "[Which|What] [file|module] sets [|the {k}] {n}?",
    "What is the value of [|the {k}] {n}?",
    "What [value|default] does [|the {k}] {n} have?",
    "What is [|the {k}] {n} set to in {p}?",
    "What is [|the {k}] {n} set to?",
    "Where is [|the {k}] {n} set?",
    "Where is the value of {n} [set|given|assigned]?",
    "[To what|To which value] is {n} set?",
    "[value of|setting of] {n}",
    "{n} [value|is set to what]",
    "What does {n} equal?",
    "[Show me|Quote|Find] the line that sets {n}.",
    "[Show me|Tell me|Give me|Look up] the value of [|the {k}] {n}.",
    "How is {n} set?",
)
RAISED = Forms(
    "Where is {n} raised?",
    "[Which|What] [file|module|code] raises {n}?",
    "[Who|What] raises {n}?",
    "[Where|In which file] does the code raise {n}?",
    "[Find|Show me|Quote] the [line|place] that raises {n}.",
    "Which line throws {n}?",
    "[raise|raises] {n}",
    "[When|Where] [do we get|can one get|is there] a {n}?",
)
COMMENT = Forms(
    "[Which|What] comment [mentions|speaks of|talks about|has the words] {n}?",
    "[Find|Show me|Quote|Give me] the comment [about|on|that mentions|with] {n}.",
    "Is there a comment [about|on|that mentions] {n}?",
    "What does the comment on {n} say?",
    "[comment about|comment with|the comment on] {n}",
    "Where do the comments [mention|speak of] {n}?",
    "Which remark in the code [mentions|is about] {n}?",
)
INVENTED = (
    "abort accept account adapter alarm album anchor apply archive arrange assemble asset atlas "
    "attach auction audit badge balance basket beacon bind biscuit blend booking branch bridge "
    "broker budget bundle cabin calendar camera campaign canvas capture cargo carousel catalogue "
    "chart checkout circle cleanup climate clinic cluster coach coin collect comet compass "
    "compile compress contract convert coupon courier crate credit cursor customer dashboard "
    "decode delivery deposit detach device discount dispatch dock donate drain draft drift drum "
    "echo elevator embed enrich enroll escape estimate evict export fabric fetch flatten fleet "
    "flush forecast forge forward freeze fuse gallery garden gather glacier grade grant graph "
    "guess harvest hatch hotel hydrate import inbox ingest inspect inventory invoice island "
    "journal keyboard kernel ladder lantern launch ledger lesson license lobby locker lottery "
    "magnet manifest market measure menu merge meteor migrate mirror mission mixer monitor mount "
    "museum napkin notify nursery oracle orbit order orchard outbox paint parcel parking passport "
    "patch patient payroll penalty pension pilot planet playlist pledge pollen portal postpone "
    "predict prescription printer profile promote prune publish puzzle quarry quiz quota radar "
    "rebuild recipe reclaim recover redeem refund register rehearse relay remind rental replay "
    "report reserve restore retire revoke reward ribbon rocket roster rotate route sail salary "
    "satellite scanner schedule scooter scout season seller sensor shelter shipment shrink shuffle "
    "signal sketch snapshot solar spool stadium stamp station student submit subsidy summary "
    "supply survey suspend swap tariff telescope tenant throttle ticket timber toast tournament "
    "tracker transfer tunnel turbine tutor umbrella unlock upgrade vaccine validate vault vehicle "
    "vendor venue verify visit volcano voucher voyage wallet warehouse weather weigh wheel window "
    "withdraw workshop wrap zone"
).split()
