"""Relations of people; HELD_OUT is never trained on."""

from __future__ import annotations

from wordings.relation import Relation

BIRTHPLACE = Relation(
    "person",
    "place",
    (
        "{key} was born in {value}.",
        "{value} is the birthplace of {key}.",
        "It was in {value} that {key} came into the world, during a thunderstorm.",
        "A native of {value}, {key} never lost the accent.",
        "{key}, whose cradle stood in {value}, hardly ever spoke of childhood.",
        "{key}; place of birth: {value}.",
        "In a small house in {value}, while snow was falling, a child was born: {key}.",
        "Although the passport says otherwise, {key} was born in {value}.",
    ),
    (
        "what is {key}'s native town",
        "where does {key} come from originally",
        "in which place did {key} first see the light of day",
        "the town of birth of {key}",
        "where {key} was delivered as a baby",
    ),
    ("and where was she born", "where does he come from originally", "what is their birthplace"),
)
HOME = Relation(
    "person",
    "place",
    (
        "{key} lives in {value}.",
        "These days {key} has a small flat in {value} and no wish to leave it.",
        "{value} is where {key} has settled.",
        "It is in {value} that {key} makes a home now.",
        "Residence of {key}: {value}.",
        "If you want to visit {key}, you must travel to {value}, where the whole family lives.",
        "{key}, now a resident of {value}, keeps three cats.",
    ),
    (
        "where is {key} living",
        "in which town does {key} reside",
        "the place where {key} dwells at present",
        "where is {key}'s home these days",
        "what town {key} is based in",
    ),
    ("and where does she live", "where is his home", "in which town do they reside"),
)
STUDIES = Relation(
    "person",
    "place",
    (
        "{key} studied at the university of {value}.",
        "The university of {value} counts {key} among its former students.",
        "It was at the university of {value} that {key} took a degree.",
        "At the university of {value}, in an unheated hall, {key} heard lectures on botany.",
        "{key}; studies: University of {value}.",
        "Having failed two entrance examinations, {key} was at last admitted to study in {value}.",
        "{value} had the only university that would take {key} as a student.",
    ),
    (
        "where did {key} go to university",
        "which university did {key} attend",
        "in what town was {key} a student",
        "at which place did {key} get an academic education",
        "where {key} went to college",
    ),
    ("and where did she study", "which university did he attend", "where were they a student"),
)
BURIAL = Relation(
    "person",
    "place",
    (
        "{key} is buried in {value}.",
        "The grave of {key} is in {value}, under a crooked lime tree.",
        "In {value} a plain stone marks the spot where {key} was laid to rest.",
        "It is the cemetery of {value} that holds the remains of {key}.",
        "{value} is where {key} found a last resting place.",
        "Grave: {key}, cemetery of {value}.",
        "As the will demanded, {key} was carried to {value} and interred there.",
    ),
    (
        "where is the tomb of {key}",
        "in which town can one find {key}'s grave",
        "where was {key} put into the ground",
        "the burial place of {key}",
        "at what cemetery does {key} lie",
    ),
    ("and where is she buried", "where is his grave", "where were they laid to rest"),
)
SPOUSE = Relation(
    "person",
    "person",
    (
        "{key} is married to {value}.",
        "{value} and {key} are husband and wife.",
        "{key} found in {value} a spouse who could also cook.",
        "It was {value} whom {key} married in the end.",
        "{value}, to whom {key} is married, prefers to stay at home.",
        "{key}; spouse: {value}.",
        "After years of letters {key} took the train, proposed, and became the spouse of {value}.",
    ),
    (
        "who is {key}'s husband or wife",
        "whom did {key} wed",
        "the name of the person that {key} is wedded to",
        "who did {key} get married to",
        "who {key}'s partner in marriage is",
    ),
    ("and who is she married to", "whom did he marry", "what is the name of their spouse"),
)
MASTER = Relation(
    "person",
    "person",
    (
        "{key} learned the trade from {value}.",
        "{value} took {key} on as an apprentice.",
        "As an apprentice {key} swept the workshop of {value} for three years.",
        "{key} was apprenticed to {value}, who never praised anybody.",
        "It was {value} who trained {key} in the craft.",
        "Apprenticeship of {key}: with {value}.",
        "What {key} knows about the craft was taught by {value}, hammer in hand.",
    ),
    (
        "who was the master of {key} as an apprentice",
        "by whom was {key} trained",
        "from whom did {key} pick up the craft",
        "in whose workshop was {key} an apprentice",
        "who instructed {key} in the trade",
    ),
    ("and who trained her", "from whom did he learn the trade", "who was their master"),
)
HEIR = Relation(
    "person",
    "person",
    (
        "{key} left everything to {value}.",
        "{value} is the sole heir of {key}.",
        "In the will {value} is named as the one who inherits from {key}.",
        "It is {value} who will inherit the fortune of {key}.",
        "{key}, having no children, chose {value} as heir.",
        "Estate of {key}; heir: {value}.",
        "To {value}, a distant cousin, {key} bequeathed the house and all that was in it.",
    ),
    (
        "who gets the estate of {key}",
        "to whom did {key} leave the fortune",
        "the person who inherits {key}'s property",
        "whom did {key} name in the will",
        "who was made the heir of {key}",
    ),
    ("and who is her heir", "to whom did he leave everything", "who inherits from them"),
)
DOCTOR = Relation(
    "person",
    "person",
    (
        "{key} is a patient of {value}.",
        "{value} is the doctor who treats {key}.",
        "When the cough comes back, {key} sends for {value}, a doctor of the old school.",
        "It was {value} who, as a physician, set the broken leg of {key}.",
        "{key} trusts no doctor but {value}.",
        "Patient: {key}; physician: {value}.",
        "Every spring {key} is examined by {value}, the family doctor, who then forbids coffee.",
    ),
    (
        "who looks after {key}'s health",
        "which physician does {key} see",
        "by whom is {key} medically treated",
        "the name of the doctor of {key}",
        "who {key} goes to when ill",
    ),
    ("and who is her doctor", "which doctor does he see", "who treats them when they are ill"),
)
LANDLORD = Relation(
    "person",
    "person",
    (
        "{key} rents a room from {value}.",
        "{value} is the landlord of {key}.",
        "On the first of the month {key} carries the rent upstairs to {value}.",
        "The house in which {key} is a tenant belongs to {value}.",
        "It is {value} to whom {key} pays the rent, always a little late.",
        "Tenant: {key}; landlord: {value}.",
        "Because {value} let the attic cheaply, {key} moved in as a tenant.",
    ),
    (
        "from whom does {key} rent",
        "who lets the rooms to {key}",
        "whose tenant is {key}",
        "to whom does {key} owe the rent",
        "the name of {key}'s landlord or landlady",
    ),
    ("and who is her landlord", "from whom does he rent", "whose tenant are they"),
)
EMIGRATED = Relation(
    "person",
    "year",
    (
        "{key} emigrated in {value}.",
        "In {value}, with one trunk and a parrot, {key} left the country for good.",
        "It was in {value} that {key} went overseas to begin again.",
        "{value} was the year of {key}'s emigration.",
        "The ship that carried {key} away from the old country sailed in {value}.",
        "{key}; emigrated: {value}.",
        "Nobody at home has seen {key} since {value}, the year of the emigration.",
    ),
    (
        "when did {key} leave the country",
        "in which year did {key} move abroad",
        "the year when {key} turned away from the homeland",
        "what year did {key} become an emigrant",
        "when {key} departed to a new country",
    ),
    (
        "and when did she emigrate",
        "in which year did he leave the country",
        "when did they go abroad",
    ),
)
RETIRED = Relation(
    "person",
    "year",
    (
        "{key} retired in {value}.",
        "In {value} {key} put down the pen and has lived on a pension ever since.",
        "{value} was the last year in which {key} worked; then came retirement.",
        "It was not until {value} that {key} went into retirement.",
        "Pension: {key}, retired {value}.",
        "The colleagues of {key} gave a small party in {value} to celebrate the retirement.",
        "{key}, retired since {value}, still wakes at five.",
    ),
    (
        "when did {key} stop working",
        "since when has {key} been a pensioner",
        "in what year did {key} give up work",
        "the year in which {key} became a pensioner",
        "when {key}'s working life came to an end",
    ),
    (
        "and when did she retire",
        "in which year did he stop working",
        "since when are they on a pension",
    ),
)
PRIZE = Relation(
    "person",
    "year",
    (
        "{key} won the poetry prize in {value}.",
        "The poetry prize of {value} went to {key}.",
        "In {value} the jury, after three rounds, awarded {key} its prize for poetry.",
        "It was in {value} that {key} was honoured with the poetry prize.",
        "Poetry prize, {value}: {key}.",
        "{key}, winner of the poetry prize in {value}, has not written a line since.",
        "A medal for poetry, dated {value}, hangs above the desk of {key}, who won it.",
    ),
    (
        "when was {key} given the award for poetry",
        "in which year did {key} receive the prize for verse",
        "what year did {key}'s poems win",
        "when did the prize for poems go to {key}",
        "the year of {key}'s award as a poet",
    ),
    (
        "and when did she win the poetry prize",
        "in which year was he awarded the prize for poems",
        "when were their poems honoured",
    ),
)
BIRTHDAY = Relation(
    "person",
    "date",
    (
        "{key} came into the world on {value}.",
        "The date of birth of {key} is {value}.",
        "On {value} {key} was born, the last of seven children.",
        "It was on {value} that the mother of {key} gave birth.",
        "{key}, born on {value}, shares that day with a famous painter.",
        "{key}; born: {value}.",
        "According to the parish register, {value} is the day on which {key} was born.",
    ),
    (
        "when was {key} born",
        "on what date was the birth of {key}",
        "what is {key}'s birthday",
        "the birth date of {key}",
        "which day {key} was born on",
    ),
    ("and when was she born", "what is his date of birth", "on which day were they born"),
)
WEDDING = Relation(
    "person",
    "date",
    (
        "The wedding of {key} took place on {value}.",
        "On {value} {key} stood before the registrar and said yes.",
        "{key} got married on {value}, in borrowed shoes.",
        "It was on {value} that {key} celebrated a wedding with forty guests.",
        "Marriage of {key}: {value}.",
        "{value} was chosen by {key} as the wedding day because the hall was free.",
        "Rain fell all through {value}, which was the day of the wedding of {key}.",
    ),
    (
        "when did {key} marry",
        "on what day was {key}'s marriage",
        "the date on which {key} tied the knot",
        "when was {key} wed",
        "on which date did {key} exchange rings",
    ),
    ("and when did she get married", "when was his wedding", "on which day did they marry"),
)
ARREST = Relation(
    "person",
    "date",
    (
        "{key} was arrested on {value}.",
        "On {value} two constables knocked and took {key} away.",
        "The police arrested {key} on {value}, although nobody remembers why.",
        "It was on {value} that {key} was led off in handcuffs.",
        "Police report: {key}, arrested {value}.",
        "For {key} freedom ended on {value}, when the police came.",
        "Having hidden in a hayloft for a week, {key} was caught by the police on {value}.",
    ),
    (
        "when did the police seize {key}",
        "on which day was {key} taken into custody",
        "the date of {key}'s arrest",
        "when was {key} detained",
        "what day {key} fell into the hands of the police",
    ),
    (
        "and when was she arrested",
        "on what day was he taken into custody",
        "when did the police take them",
    ),
)
SALARY = Relation(
    "person",
    "money",
    (
        "{key} earns {value} a year.",
        "The yearly salary of {key} is {value}.",
        "{value} a year is what {key} is paid for the work.",
        "For keeping the accounts {key} receives a salary of {value}.",
        "It is no secret that {key} gets wages of {value}.",
        "Payroll: {key}, {value}.",
        "The firm, which was never generous, pays {key} a salary of {value}.",
    ),
    (
        "how much does {key} make in a job",
        "what is {key}'s pay",
        "how high are the earnings of {key}",
        "what salary does {key} draw",
        "how much {key} is paid for working",
    ),
    ("and how much does she earn", "what is his salary", "how much are they paid"),
)
DEBT = Relation(
    "person",
    "money",
    (
        "{key} owes the bank {value}.",
        "The debts of {key} have grown to {value}.",
        "{value} is still owed to the bank by {key}.",
        "With the bank {key} is in debt to the amount of {value}, interest included.",
        "It is a debt of {value} that keeps {key} awake at night.",
        "Debtor: {key}; outstanding: {value}.",
        "Before the mill can be sold, {key} has to pay back a loan of {value}.",
    ),
    (
        "how much money must {key} repay",
        "how deep in debt is {key}",
        "the sum that {key} has borrowed and not returned",
        "how large is {key}'s debt",
        "what amount {key} has to pay back",
    ),
    ("and how much does she owe", "how large are his debts", "what must they pay back"),
)
HORSE = Relation(
    "person",
    "money",
    (
        "{key} paid {value} for a horse.",
        "The horse that {key} bought cost {value}.",
        "For {value} {key} came home with a brown mare.",
        "{value} was the price at which a dealer sold {key} a horse.",
        "It was a lame horse for which {key} gave {value}.",
        "Horse market: buyer {key}, price {value}.",
        "After an hour of haggling {key} got the horse for {value}, saddle included.",
    ),
    (
        "how much did {key}'s horse cost",
        "what did {key} spend on the horse",
        "the price of the horse bought by {key}",
        "for how much money did {key} purchase a horse",
        "what {key} gave to the dealer for the horse",
    ),
    (
        "and what did she pay for the horse",
        "how much did his horse cost",
        "for how much did they buy the horse",
    ),
)
VOTES = Relation(
    "person",
    "number",
    (
        "{key} received {value} votes.",
        "In the election {value} people voted for {key}.",
        "{value} votes were cast for {key}, three of them in pencil.",
        "When the ballots had been counted, {key} stood at {value} votes.",
        "It was with {value} votes that {key} entered the council.",
        "Ballot: {key}, {value}.",
        "The candidate {key}, who made no speeches at all, still won {value} votes.",
    ),
    (
        "how many voters chose {key}",
        "how many ballots were for {key}",
        "the number of votes for {key}",
        "how many votes did {key} get",
        "by how many people was {key} voted for",
    ),
    (
        "and how many votes did she get",
        "how many people voted for him",
        "how many votes were theirs",
    ),
)
LOCKER = Relation(
    "person",
    "number",
    (
        "{key} has locker number {value}.",
        "Locker {value} belongs to {key}.",
        "The clothes of {key} hang in locker {value}, which does not close properly.",
        "To {key} the caretaker gave the key to locker {value}.",
        "It is locker {value} that {key} uses.",
        "Lockers: {value}, {key}.",
        "Whoever finds gloves should put them into locker {value}, the one assigned to {key}.",
    ),
    (
        "which locker is {key}'s",
        "what number is on the locker of {key}",
        "in which locker does {key} keep things",
        "the locker that was handed to {key}",
        "what locker does {key} have",
    ),
    ("and which locker is hers", "what is his locker number", "which locker do they use"),
)
PORTRAITS = Relation(
    "person",
    "number",
    (
        "{key} painted {value} portraits.",
        "{value} portraits by {key} are known.",
        "In a long life {key} finished {value} portraits, most of them of aunts.",
        "There exist {value} portraits that were painted by {key}.",
        "The catalogue of {key}'s work lists {value} portraits.",
        "{key}, painter; portraits: {value}.",
        "Although landscapes paid better, {key} made portraits, {value} altogether.",
    ),
    (
        "how many portraits are there by {key}",
        "how many people sat for the painter {key}",
        "the number of portraits from the brush of {key}",
        "how many faces did {key} put on canvas",
        "how many portraits {key} produced",
    ),
    (
        "and how many portraits did she paint",
        "how many portraits are by him",
        "how many portraits did they finish",
    ),
)
FRONT_DOOR = Relation(
    "person",
    "colour",
    (
        "The front door of {key} is {value}.",
        "{key} has painted the front door {value}.",
        "Through a front door of {value} one enters the house of {key}.",
        "It is the {value} door at the end of the lane behind which {key} lives.",
        "Painter's invoice: front door, {value}, customer {key}.",
        "Against the advice of the neighbours {key} insisted on {value} for the front door.",
        "If the door you knock at is not {value}, it is not the house of {key}.",
    ),
    (
        "what colour is {key}'s front door",
        "which colour does the house door of {key} have",
        "how is the entrance door of {key} painted",
        "the paint on the door of {key}'s house",
        "in what colour did {key} want the door",
    ),
    (
        "and what colour is her front door",
        "how is his front door painted",
        "which colour does their door have",
    ),
)
BICYCLE = Relation(
    "person",
    "colour",
    (
        "{key} rides a bicycle painted {value}.",
        "The bicycle of {key} is {value}.",
        "Leaning against the wall, {value} from saddle to pedals, was the bicycle of {key}.",
        "It is easy to spot the {value} bicycle on which {key} comes to work.",
        "Bicycle register: {key}, frame {value}.",
        "Since nobody steals bicycles that are {value}, {key} had the old one painted so.",
        "What {key} got for passing the examination was a bicycle, and it was {value}.",
    ),
    (
        "what colour is the bike of {key}",
        "in which colour is {key}'s bicycle painted",
        "the paint on {key}'s bike",
        "which colour does the bicycle have that {key} rides",
        "how is the bike painted that belongs to {key}",
    ),
    (
        "and what colour is her bicycle",
        "how is his bike painted",
        "which colour does their bicycle have",
    ),
)
DOG = Relation(
    "person",
    "word",
    (
        "{key} has a dog called {value}.",
        "The dog of {key} answers to the name {value}.",
        "With the dog {value} at heel, {key} walks to the mill and back.",
        "It was {key} who named the puppy {value}.",
        "Dog licence: owner {key}, name of dog {value}.",
        "When {key} whistles, a terrier named {value} comes running.",
        "For want of a better idea {key} gave the new dog the name {value}.",
    ),
    (
        "what is the name of {key}'s dog",
        "how is the dog of {key} called",
        "what does {key} call the dog",
        "which name did {key} choose for the dog",
        "what {key}'s four-legged friend is named",
    ),
    ("and what is her dog called", "what is the name of his dog", "how do they call the dog"),
)
PASSWORD = Relation(
    "person",
    "word",
    (
        "{key} uses the password {value}.",
        "The password of {key} is {value}.",
        "To get in, {key} has to whisper the password {value} through the keyhole.",
        "It was the word {value} that {key} had chosen as a password.",
        "Password for {key}: {value}.",
        "Without the password {value}, even {key} is turned away.",
        "The slip of paper under {key}'s desk lamp says {value}, and that is the password.",
    ),
    (
        "what is the secret word of {key}",
        "which password does {key} have",
        "with which word does {key} get in",
        "the word {key} logs in with",
        "what {key} must say to be let in",
    ),
    ("and what is her password", "which password does he use", "what is their secret word"),
)
CAR = Relation(
    "person",
    "code",
    (
        "{key} drives a car with the licence plate {value}.",
        "The licence plate on the car of {key} reads {value}.",
        "{value} is the plate of the car that belongs to {key}.",
        "A car with the plate {value}, registered to {key}, was parked across the pavement.",
        "It is {key} whose car bears the licence plate {value}.",
        "Vehicle register: {value}, owner {key}.",
        "When {key} bought the old van, it was given the plate {value}.",
    ),
    (
        "what is the registration number of {key}'s car",
        "which number plate is on the car of {key}",
        "under which number is {key}'s vehicle registered",
        "the registration of the car {key} owns",
        "what number plate does {key} have",
    ),
    (
        "and what is her number plate",
        "under what number is his car registered",
        "which number plate do they have",
    ),
)
PASSPORT = Relation(
    "person",
    "code",
    (
        "The passport of {key} has the number {value}.",
        "{key} travels on passport {value}.",
        "{value} is the number printed in {key}'s passport.",
        "At the border {key} showed passport {value}, which was due to expire.",
        "It is passport {value} that was issued to {key}.",
        "Travel document: {value}, holder {key}.",
        "The consul, stamping page after page, noted that {key} carried passport {value}.",
    ),
    (
        "which passport number does {key} have",
        "what number is in the passport of {key}",
        "the number of {key}'s travel papers",
        "under what number was a passport given to {key}",
        "what passport does {key} hold",
    ),
    (
        "and what is her passport number",
        "which number is in his passport",
        "what is the number of their travel papers",
    ),
)

GODMOTHER = Relation(
    "person",
    "person",
    (
        "{value} is the godmother of {key}.",
        "{key} has {value} for a godmother.",
        "At the christening {value} held {key} over the font as godmother.",
        "It was {value} who promised to be godmother to {key}.",
        "Christening of {key}; godmother: {value}.",
        "Every birthday {key} gets a silver spoon from {value}, the godmother.",
        "When two aunts refused, {value} was asked and became {key}'s godmother.",
    ),
    (
        "who stood as godmother to {key}",
        "who is the godparent of {key}",
        "the name of {key}'s godmother",
        "whose godchild is {key}",
        "by whom was {key} held at the baptism",
    ),
    ("and who is her godmother", "whose godchild is he", "who is their godparent"),
)
INSURANCE = Relation(
    "person",
    "money",
    (
        "The violin of {key} is insured for {value}.",
        "{key} had a violin insured for {value}.",
        "If the violin is lost, {key} will get {value} from the insurers.",
        "{value} is the sum for which {key} insured a violin.",
        "It was only for {value} that the company would insure the violin of {key}.",
        "Policy: violin, holder {key}, insured sum {value}.",
        "Worried about thieves, {key} took out an insurance of {value} on the violin.",
    ),
    (
        "how much does the insurance pay for {key}'s violin",
        "for what sum did {key} insure the fiddle",
        "how high is the insurance on the violin of {key}",
        "the insured value of {key}'s violin",
        "what amount is the violin that {key} plays insured for",
    ),
    (
        "and for how much is her violin insured",
        "how high is the insurance on his violin",
        "what sum is their violin insured for",
    ),
)
PEN_NAME = Relation(
    "person",
    "word",
    (
        "{key} writes under the pen name {value}.",
        "The pen name of {key} is {value}.",
        "Readers know {key} only by the pen name {value}.",
        "It was as {value} that {key} published the first poems.",
        "Pen name: {value}; real name: {key}.",
        "Behind the signature {value} in the newspaper hides {key}, who fears the critics.",
        "So as not to shame the family, {key} signed the novels with the word {value}.",
    ),
    (
        "what pseudonym does {key} use",
        "under which name does {key} publish",
        "the name {key} goes by as an author",
        "how does {key} sign novels and articles",
        "which alias did {key} choose as a writer",
    ),
    (
        "and what is her pen name",
        "under which name does he publish",
        "what pseudonym do they use",
    ),
)

RELATIONS = (
    BIRTHPLACE,
    HOME,
    STUDIES,
    BURIAL,
    SPOUSE,
    MASTER,
    HEIR,
    DOCTOR,
    LANDLORD,
    EMIGRATED,
    RETIRED,
    PRIZE,
    BIRTHDAY,
    WEDDING,
    ARREST,
    SALARY,
    DEBT,
    HORSE,
    VOTES,
    LOCKER,
    PORTRAITS,
    FRONT_DOOR,
    BICYCLE,
    DOG,
    PASSWORD,
    CAR,
    PASSPORT,
)
HELD_OUT = (GODMOTHER, INSURANCE, PEN_NAME)
