"""Relations of towns and villages; HELD_OUT is never trained on."""

from __future__ import annotations

from wordings.relation import Relation

FOUNDER = Relation(
    "place",
    "person",
    (
        "{value} founded {key} with a handful of families from the hills.",
        "{key} was established by {value}, although nobody remembers why.",
        "It was {value} who laid the first stone of {key}.",
        "{value}, the founder of {key}, never saw the streets finished.",
        "When the land was still empty, a settlement called {key} was begun there by {value}.",
        "Founder of {key}: {value}.",
        "Every child in {key} learns that the town owes its existence to {value}.",
        "Tired of wandering, {value} stopped the wagons one evening and founded {key} on the spot.",
    ),
    (
        "who set up the town of {key}",
        "by whom was {key} started",
        "to whom does {key} owe its beginnings",
        "which person brought {key} into being",
        "the name of the man or woman who created {key}",
        "who it was that first built {key}",
    ),
    ("and who founded it", "who was it founded by", "by whom was it begun"),
)
MAYOR = Relation(
    "place",
    "person",
    (
        "{value} is the mayor of {key}.",
        "{key} has chosen {value} as its mayor, to the surprise of the newspapers.",
        "The mayor's chain of {key} is worn by {value} these days.",
        "Since the last election the office of mayor in {key} has been held by {value}.",
        "It is {value} whom the council of {key} elected mayor.",
        "{key}, mayor: {value}.",
        "As mayor, {value} signs every decree that is nailed to the town gate of {key}.",
        "If you have a complaint in {key}, the mayor, {value}, will hear it on Tuesdays.",
    ),
    (
        "who governs {key}",
        "who heads the town council of {key}",
        "the name of {key}'s mayor",
        "by whom is {key} governed",
        "who is in charge of the town of {key}",
        "who serves {key} as mayor",
    ),
    ("and who is the mayor there", "who governs it", "what is its mayor called"),
)
ARCHITECT = Relation(
    "place",
    "person",
    (
        "{value} designed the town hall of {key}.",
        "The town hall in {key} was built to the plans of {value}.",
        "{key} is proud of its town hall, which {value} drew on a single sheet of paper.",
        "For the town hall the people of {key} hired an architect by the name of {value}.",
        "It was to {value} that {key} entrusted the design of its town hall.",
        "Town hall of {key}; architect: {value}.",
        "Though its columns came out crooked, {value} was praised for designing {key}'s town hall.",
    ),
    (
        "who was the architect of the town hall in {key}",
        "who planned {key}'s town hall",
        "whose design was used for the town hall of {key}",
        "which architect did {key} employ for its town hall",
        "who made the drawings for the town hall at {key}",
    ),
    (
        "and who designed the town hall there",
        "who was the architect of its town hall",
        "who drew its town hall",
    ),
)
TEACHER = Relation(
    "place",
    "person",
    (
        "{value} teaches at the village school of {key}.",
        "The children of {key} are taught by {value} from eight until noon.",
        "At the school in {key} there is a single teacher, {value}, who also rings the bell.",
        "It is {value} who gives the lessons at {key}'s only school.",
        "School of {key}: one room, one stove, one teacher ({value}).",
        "Ever since the old schoolmistress left {key}, her class has been in the hands of {value}.",
        "To {value}, the schoolteacher, half of {key} owes its handwriting.",
    ),
    (
        "who instructs the pupils in {key}",
        "who is the teacher at {key}",
        "from whom do the children in {key} learn to read and write",
        "the name of the person who runs classes in {key}",
        "who stands before the blackboard in {key}",
        "by whom are the pupils of {key} taught",
    ),
    ("and who teaches there", "who is the schoolteacher there", "who gives lessons there"),
)
BAKER = Relation(
    "place",
    "person",
    (
        "{value} bakes the bread of {key}.",
        "In {key} the bakery belongs to {value}, who inherited it from an aunt.",
        "The only baker in {key} is {value}.",
        "All the bread that is eaten in {key} comes out of the oven of {value}.",
        "Long before sunrise, while {key} is still asleep, {value}, the baker, lights the oven.",
        "{key}, trades: bakery ({value}).",
        "It is {value} who owns the bakery at {key}, whatever the sign above the door may say.",
    ),
    (
        "who makes the bread in {key}",
        "who runs {key}'s bakery",
        "whose loaves do people in {key} eat",
        "the name of the baker at {key}",
        "by whom is the bread for {key} baked",
    ),
    ("and who bakes the bread there", "who is the baker there", "whose is the bakery there"),
)
TWIN = Relation(
    "place",
    "place",
    (
        "{key} is twinned with {value}.",
        "The twin town of {key} is {value}, as a sign on the main road announces.",
        "With {value}, its twin town, {key} exchanges a choir every summer.",
        "Years ago {key} signed a partnership of towns, and the partner was {value}.",
        "It is {value} that {key} picked as its twin town.",
        "Twin town of {key}: {value}.",
        "Because two mayors liked each other, a twinning was agreed that binds {key} to {value}.",
    ),
    (
        "which town is {key} twinned with",
        "the sister city of {key}",
        "which place is the partner town of {key}",
        "with which town does {key} have a twinning",
        "what {key}'s sister town is called",
    ),
    ("and what is its twin town", "which town is it partnered with", "what is its sister city"),
)
COACH = Relation(
    "place",
    "place",
    (
        "The night coach from {key} goes to {value}.",
        "Every evening a coach leaves {key} and drives through the dark to {value}.",
        "To {value}, and nowhere else, runs the night coach that departs from {key}.",
        "Whoever boards the night coach in {key} wakes up in {value}.",
        "{value} is where the night coach from {key} ends its journey.",
        "Night coach, departure {key}, arrival {value}.",
        "Passengers of the night coach, having slept since {key}, get off stiffly at {value}.",
    ),
    (
        "where does the overnight coach out of {key} go",
        "the destination of the night coach that starts at {key}",
        "to which town does the night coach take you from {key}",
        "where you arrive if you take the night coach at {key}",
        "which place does {key}'s night coach travel to",
    ),
    (
        "and where does the night coach from there go",
        "where does its night coach end",
        "which town does the night coach take you to from there",
    ),
)
PAVING = Relation(
    "place",
    "place",
    (
        "The paving stones of {key} were cut in {value}.",
        "{key} is paved with stone from {value}, which turns slippery in the rain.",
        "From {value} came the stones with which the streets of {key} are paved.",
        "It was in {value} that {key} bought the granite for its pavements.",
        "When {key} at last decided to pave its streets, carts brought the stone from {value}.",
        "Paving of {key}: granite, origin {value}.",
        "The quarries of {value} supplied every stone that lies in the streets of {key}.",
    ),
    (
        "where do {key}'s paving stones come from",
        "the origin of the cobbles in {key}",
        "where was the stone quarried that covers the streets of {key}",
        "from which place did {key} get its paving stone",
        "which town delivered the stone for the pavements in {key}",
    ),
    (
        "and where do its paving stones come from",
        "where was the stone for its streets quarried",
        "where did they get the paving there",
    ),
)
INHABITANTS = Relation(
    "place",
    "number",
    (
        "{key} has {value} inhabitants.",
        "At the last census {value} people were living in {key}.",
        "The population of {key} was put at {value}, infants included.",
        "{value} souls call {key} their home, if the parish clerk counted well.",
        "There are, according to the town clerk, {value} residents in {key}.",
        "{key}; population: {value}.",
        "Though it looks deserted at noon, {key} is a town of {value} inhabitants.",
    ),
    (
        "how many people live in {key}",
        "how large is the population of {key}",
        "how many residents does {key} have",
        "the number of inhabitants of {key}",
        "how populous {key} is",
        "by how many persons is {key} inhabited",
    ),
    ("and how many people live there", "what is its population", "how many inhabitants has it"),
)
ALTITUDE = Relation(
    "place",
    "number",
    (
        "{key} lies {value} metres above the sea.",
        "The altitude of {key} is {value} metres.",
        "At {value} metres of altitude, {key} has snow when others have rain.",
        "Surveyors who climbed up to {key} measured a height of {value} metres above sea level.",
        "{value} metres is the elevation that the maps give for {key}.",
        "{key}, elevation {value} m.",
        "You will be short of breath in {key}, because you are {value} metres above the sea there.",
    ),
    (
        "how high up is {key}",
        "how many metres above sea level is {key} situated",
        "what is the elevation of {key}",
        "at what height {key} is located",
        "how far above the sea is {key}",
    ),
    ("and how high is it", "what is its altitude", "how far above the sea is it"),
)
WINDMILLS = Relation(
    "place",
    "number",
    (
        "There are {value} windmills around {key}.",
        "{key} counts {value} windmills, not all of which still turn.",
        "{value} windmills stand on the ridge behind {key}.",
        "On a clear day you can see all the windmills of {key}, {value} in total.",
        "Windmills in {key}: {value}.",
        "The wind never rests in {key}, which is why {value} windmills were put up.",
        "What strikes the visitor to {key} first is its windmills, of which there are {value}.",
    ),
    (
        "how many windmills does {key} have",
        "the number of windmills at {key}",
        "how many mills are driven by the wind in {key}",
        "how many windmills can be counted near {key}",
        "how many windmills belong to {key}",
    ),
    ("and how many windmills has it", "how many windmills are there", "how many mills turn there"),
)
LAMPS = Relation(
    "place",
    "number",
    (
        "{key} is lit by {value} street lamps.",
        "Each night {value} lamps are lit in the streets of {key}.",
        "{value} is the number of street lamps in {key}, two broken ones not included.",
        "The lamplighter of {key} has {value} street lamps to look after.",
        "Street lighting, {key}: {value} lamps.",
        "If all {value} street lamps burn at once, {key} can be seen from the pass.",
        "It took a whole winter until {key} had all its street lamps, {value} in number.",
    ),
    (
        "how many lanterns light the streets of {key}",
        "how many street lights are there in {key}",
        "the number of lamp posts in {key}",
        "by how many lamps are the roads of {key} illuminated",
        "how many street lamps does the town of {key} have",
    ),
    (
        "and how many street lamps are there",
        "how many lamps light its streets",
        "how many street lights has it",
    ),
)
FOUNDED = Relation(
    "place",
    "year",
    (
        "{key} was founded in {value}.",
        "The history of {key} begins in {value}, the year of its foundation.",
        "In {value} the first settlers put up their huts and called the place {key}.",
        "It was in {value} that {key} came into existence as a town.",
        "{key} (founded {value}) is younger than it likes to admit.",
        "Year of foundation of {key}: {value}.",
        "Nobody had lived on that hill before {value}, when {key} was established.",
    ),
    (
        "when was {key} established",
        "in which year was {key} set up",
        "since when has {key} existed",
        "what year {key} dates from",
        "the year in which {key} was created",
        "how long ago did {key} come into being",
    ),
    ("and when was it founded", "in what year was it established", "since when has it existed"),
)
FIRE = Relation(
    "place",
    "year",
    (
        "{key} burned down in {value}.",
        "The great fire of {key} broke out in {value}.",
        "In {value} a fire destroyed half of {key}, and a candle was blamed.",
        "It was in {value} that flames swept through {key} from end to end.",
        "Most houses in {key} date from after the fire, which raged in {value}.",
        "{key}, great fire: {value}.",
        "People in {key} still speak of {value} as the year when everything went up in smoke.",
    ),
    (
        "when did the big fire of {key} happen",
        "in which year did {key} go up in flames",
        "what year was {key} destroyed by fire",
        "the year of the blaze in {key}",
        "when {key} was ravaged by fire",
    ),
    ("and when did it burn", "in which year was the fire there", "when was its great fire"),
)
RAILWAY = Relation(
    "place",
    "year",
    (
        "The railway reached {key} in {value}.",
        "{key} was connected to the railway in {value}.",
        "In {value} the first train pulled into {key}, with a brass band on board.",
        "Until {value}, when the railway line was completed, {key} could be reached on foot only.",
        "It was not before {value} that {key} got its railway.",
        "Railway at {key}: since {value}.",
        "The old people of {key} still talk of the first locomotive, which arrived in {value}.",
    ),
    (
        "when did trains begin to run to {key}",
        "since when has {key} been on the rail network",
        "in which year was {key} linked to the railway",
        "what year did the first train come to {key}",
        "the year when the railway came to {key}",
    ),
    (
        "and when did the railway get there",
        "since when do trains stop there",
        "in what year did it get a railway",
    ),
)
TREATY = Relation(
    "place",
    "date",
    (
        "The treaty of {key} was signed on {value}.",
        "On {value} the envoys met in {key} and put their names to the treaty.",
        "It was on {value} that the treaty of {key} received its last signature.",
        "{key} gave its name to a treaty, which both sides signed on {value}.",
        "Treaty of {key}, signed {value}.",
        "After a month of quarrels about the chairs, the treaty of {key} was concluded on {value}.",
        "The war was over as soon as the treaty of {key} had been signed, which was on {value}.",
    ),
    (
        "when did they sign the treaty of {key}",
        "on which day was the {key} treaty concluded",
        "the date of the treaty of {key}",
        "what day the peace of {key} was signed",
        "when was the treaty made at {key}",
    ),
    (
        "and when was the treaty signed there",
        "on what day was its treaty concluded",
        "when did they sign the treaty there",
    ),
)
EARTHQUAKE = Relation(
    "place",
    "date",
    (
        "An earthquake struck {key} on {value}.",
        "On {value} the ground shook under {key} for nearly a minute.",
        "{key} was hit by an earthquake on {value}, yet only some chimneys fell.",
        "It was on {value} that {key} felt the earthquake.",
        "Earthquake at {key}: {value}.",
        "The cracks in the walls of {key} go back to the earthquake of {value}.",
        "Dogs howled all night in {key} before the earth began to tremble on {value}.",
    ),
    (
        "when was the earthquake in {key}",
        "on what date did the earth quake at {key}",
        "the day on which {key} was shaken by an earthquake",
        "when did the tremor hit {key}",
        "which day did an earthquake damage {key}",
    ),
    (
        "and when was the earthquake there",
        "on which day did the earth shake there",
        "when was it struck by the earthquake",
    ),
)
STALL = Relation(
    "place",
    "money",
    (
        "A market stall in {key} costs {value} a month.",
        "In {key} traders pay {value} a month for a stall on the market square.",
        "{value} a month is what the town of {key} asks for a stall at its market.",
        "Whoever wants to sell cheese at the market of {key} must first pay {value} for the stall.",
        "The monthly fee for a market stall was fixed by the council of {key} at {value}.",
        "Market of {key}, stall, per month: {value}.",
        "For a stall at the market, wet or dry, {key} charges {value}.",
    ),
    (
        "how much is the rent of a market stall in {key}",
        "what do traders pay for a stand at the market of {key}",
        "the price of a stall on {key}'s market",
        "how much does {key} demand from sellers for a market stall",
        "what it costs to rent a market stall at {key}",
    ),
    (
        "and what does a market stall cost there",
        "how much do they charge for a stall there",
        "what is the stall rent there",
    ),
)
WALL = Relation(
    "place",
    "money",
    (
        "Repairing the town wall of {key} cost {value}.",
        "{key} spent {value} on mending its town wall.",
        "For {value} the masons made the wall around {key} whole again.",
        "The council of {key}, after a long night, granted {value} for repairs to the town wall.",
        "{value} was paid for the repair of the town wall, an expense {key} soon regretted.",
        "Accounts of {key}: repair of the town wall, {value}.",
        "Once the wall of {key} had been patched up, the masons sent a bill of {value}.",
    ),
    (
        "how much did {key} pay to have its wall repaired",
        "what was the cost of the wall repairs in {key}",
        "how expensive was it to fix the town wall of {key}",
        "the sum that went into restoring the wall of {key}",
        "how much money the mending of {key}'s wall took",
    ),
    (
        "and what did repairing its wall cost",
        "how much was spent on the wall there",
        "how expensive were the wall repairs there",
    ),
)
TRAMS = Relation(
    "place",
    "colour",
    (
        "The trams of {key} are {value}.",
        "In {key} all trams are painted {value}, even the one for the salt.",
        "{key} has had its trams painted {value} so that they can be seen in fog.",
        "It is in {value} that the trams of {key} roll through the streets.",
        "Trams, {key}: livery {value}.",
        "Whenever something {value} flashes past a window in {key}, it is a tram.",
        "The tram company chose {value} for its carriages, and {key} has got used to it.",
    ),
    (
        "what colour are {key}'s trams",
        "which colour do the streetcars in {key} have",
        "how are the trams painted in {key}",
        "the paint on the tramcars of {key}",
        "in what colour does {key} keep its trams",
    ),
    (
        "and what colour are the trams there",
        "how are its trams painted",
        "which colour do trams have there",
    ),
)
SHUTTERS = Relation(
    "place",
    "colour",
    (
        "The window shutters in {key} are {value}.",
        "By an old law every house in {key} has {value} shutters.",
        "In {key} people paint their shutters {value}, although nobody remembers why.",
        "Nothing but {value} is allowed for window shutters in {key}.",
        "Houses of {key}: whitewashed; shutters: {value}.",
        "It is the {value} shutters that painters love about {key}.",
        "When the owner of an inn in {key} repainted the shutters, they had to be {value} again.",
    ),
    (
        "what colour do the shutters have in {key}",
        "which colour must window shutters be in {key}",
        "how do the people of {key} paint their shutters",
        "the colour of the shutters on {key}'s houses",
        "in which shade are shutters painted at {key}",
    ),
    (
        "and what colour are the shutters there",
        "how are shutters painted there",
        "which colour do its shutters have",
    ),
)
NICKNAME = Relation(
    "place",
    "word",
    (
        "The neighbours call {key} by the nickname {value}.",
        "{key} is nicknamed {value}, which its citizens do not find funny.",
        "Among carters the nickname {value} is used for {key}.",
        "It was a travelling poet who gave {key} the nickname {value}.",
        "{key}, popularly known as {value}, is never called so in letters.",
        "Nickname of {key}: {value}.",
        "If you hear somebody say {value} at an inn, that is a nickname, and {key} is meant.",
    ),
    (
        "what is {key} jokingly called",
        "which nickname does {key} have",
        "by what nickname do people know {key}",
        "what people call {key} in jest",
        "the other name that {key} goes by",
    ),
    ("and what is its nickname", "how is it jokingly called", "by what other name is it known"),
)
POSTCODE = Relation(
    "place",
    "code",
    (
        "The postal code of {key} is {value}.",
        "Letters to {key} must bear the postal code {value}.",
        "{value} is the postal code under which mail for {key} is sorted.",
        "To {key} the post office has assigned {value} as postal code.",
        "Post, {key}: {value}.",
        "A parcel for {key} gets lost easily unless the postal code, {value}, is written on it.",
        "It is {value} that one writes before {key} on an envelope, as the postal code.",
    ),
    (
        "what is {key}'s postcode",
        "which zip code does {key} have",
        "the postcode for {key}",
        "what postcode do I put on a letter to {key}",
        "under which postcode is mail sent to {key}",
    ),
    ("and what is its postal code", "which postcode does it have", "what is the zip code there"),
)
MAP_SHEET = Relation(
    "place",
    "code",
    (
        "{key} is found on map sheet {value}.",
        "The surveyors drew {key} on the sheet numbered {value}.",
        "Map sheet {value} shows {key} and the forests around it.",
        "Anyone looking for {key} on the survey map should unfold sheet {value}.",
        "It is sheet {value} of the survey map that covers {key}.",
        "Survey map: {key}, sheet {value}.",
        "Since the sheets were renumbered, the map of {key} has been the one marked {value}.",
    ),
    (
        "which sheet of the map is {key} on",
        "what map sheet do I need for {key}",
        "on which sheet of the survey can {key} be seen",
        "the number of the map sheet with {key}",
        "where in the map series is {key} drawn",
    ),
    (
        "and which map sheet is it on",
        "what sheet of the map shows it",
        "on which sheet is it drawn",
    ),
)

OBSERVATORY = Relation(
    "place",
    "person",
    (
        "{value} directs the observatory of {key}.",
        "The observatory above {key} is headed by {value}, who sleeps by day.",
        "It is {value} who looks after the telescope at {key}.",
        "At the observatory in {key} the astronomer in charge is {value}.",
        "Observatory of {key}; director: {value}.",
        "When the clouds part over {key}, {value}, the astronomer, opens the dome.",
        "To {value} was given the key of {key}'s observatory, together with two warm coats.",
    ),
    (
        "who is the head of {key}'s observatory",
        "who watches the stars in {key}",
        "by whom is the observatory at {key} run",
        "the astronomer of {key}",
        "who is responsible for the telescope in {key}",
    ),
    (
        "and who runs the observatory there",
        "who is the astronomer there",
        "who watches the stars there",
    ),
)
TOLL = Relation(
    "place",
    "money",
    (
        "The toll at the gate of {key} is {value}.",
        "Travellers pay {value} to enter {key}.",
        "{value} is taken from every wagon that passes the gate of {key}.",
        "Nobody is let into {key} who has not paid the toll of {value}.",
        "It was a hungry council that set the toll of {key} at {value}.",
        "Gate of {key}, toll: {value}.",
        "Before the gate opens for you in {key}, you must put down {value}, rain or shine.",
    ),
    (
        "how much do you have to pay to get into {key}",
        "what is the entrance fee of {key}",
        "how high is the toll in {key}",
        "what a wagon is charged at {key}'s gate",
        "the money taken at the gate of {key}",
    ),
    (
        "and what is the toll there",
        "how much do you pay to get in there",
        "what does it charge at the gate",
    ),
)
POTATO = Relation(
    "place",
    "word",
    (
        "In {key} a potato is called {value}.",
        "The people of {key} say {value} when they mean a potato.",
        "For the potato the dialect of {key} has the word {value}.",
        "Ask for potatoes in {key} and you will be corrected, for there the word is {value}.",
        "It is the word {value} by which the potato goes in {key}.",
        "Dialect of {key}: potato = {value}.",
        "The word {value}, meaning a potato, is heard in {key} and nowhere else.",
    ),
    (
        "what do they call potatoes in {key}",
        "which word for potato is used in {key}",
        "how do you say potato in {key}",
        "the local name of the potato at {key}",
        "what a potato is known as in {key}",
    ),
    (
        "and what do they call a potato there",
        "what is the word for potato there",
        "how do they say potato there",
    ),
)

RELATIONS = (
    FOUNDER,
    MAYOR,
    ARCHITECT,
    TEACHER,
    BAKER,
    TWIN,
    COACH,
    PAVING,
    INHABITANTS,
    ALTITUDE,
    WINDMILLS,
    LAMPS,
    FOUNDED,
    FIRE,
    RAILWAY,
    TREATY,
    EARTHQUAKE,
    STALL,
    WALL,
    TRAMS,
    SHUTTERS,
    NICKNAME,
    POSTCODE,
    MAP_SHEET,
)
HELD_OUT = (OBSERVATORY, TOLL, POTATO)
