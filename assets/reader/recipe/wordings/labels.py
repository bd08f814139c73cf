"""Labelled values ("the access key of amber-falcon is ..."): the generic form of a fact, in
which needle-in-a-haystack tests put theirs."""

from __future__ import annotations

LABELS = """magic number,secret code,password,access key,locker number,identifier,passphrase,
room number,score,price,weight,serial number,zip code,phone extension,invoice total,license plate,
batch number,ticket number,account number,reference,nickname,favourite animal,favourite colour,
destination,supplier,index value,checksum,token,seat,delivery slot,shelf mark,call sign,
registration,voucher,order number,emblem,codename,station,landmark,contact,budget,deadline,
default port,time limit,retry count,maximum size,version,home town,password hint,opening hour,
magic word,inventory number,target,rank""".replace("\n", "").split(",")

STATEMENTS = [
    "The {label} for {key} is {value}.",
    "The {label} of {key} is {value}.",
    "{Key}: the {label} is {value}.",
    "One of the {label}s for {key} is: {value}.",
    "One of the special {label}s for {key} is: {value}.",
    "For {key}, the {label} was set to {value}.",
    "{Key} has the {label} {value}.",
    "{value} is the {label} of {key}.",
    "{value} is the {label} for {key}.",
    "The {label} for {key} equals {value}.",
    "In the register, {key} is listed with {label} {value}.",
    "{Key} was given the {label} {value}.",
    "As {label} of {key} they chose {value}.",
    "The {label} that belongs to {key} is {value}.",
    "They gave {key} {value} as {label}.",
    "{Key}'s {label} is {value}.",
    "The {label} assigned to {key} was {value}.",
    "Under {key} the entry for {label} reads {value}.",
    "{Key} uses {value} as its {label}.",
    "The current {label} of {key} remains {value}.",
    "{Key} ({label}: {value}).",
    "{label} of {key} = {value}.",
]
OPENINGS = [
    "",
    "",
    "",
    "",
    "",
    "Note that ",
    "Remember that ",
    "According to the records, ",
    "For the record, ",
    "It is known that ",
    "As agreed, ",
    "Please note: ",
    "At that time, ",
    "By the way, ",
    "The notes say that ",
    "On the last page it said that ",
]
CLOSINGS = [
    "",
    "",
    "",
    "",
    "",
    "",
    ", as everybody knew",
    ", and it has not changed since",
    ", according to the list",
    " until further notice",
]
LOWERED = frozenset({"The", "One", "For", "In", "As", "They", "Under"})
QUESTIONS = [
    "What is the {label} for {key}?",
    "What is the {label} of {key}?",
    "Which {label} does {key} have?",
    "Tell me the {label} for {key}.",
    "Give the {label} of {key}.",
    "{Key}: what is the {label}?",
    "Find the {label} for {key}.",
    "What is the {label} for {key} mentioned in the text?",
    "What is the special {label} for {key} mentioned in the provided text?",
    "According to the document, what is the {label} of {key}?",
    "I need the {label} for {key}.",
    "What {label} was {key} given?",
    "What is {key}'s {label}?",
    "Do you know the {label} of {key}?",
    "What does the text say the {label} for {key} is?",
    "Which {label} belongs to {key}?",
    "{label} of {key}?",
    "{key} {label}",
    "Can you find which {label} {key} has?",
    "What was the {label} of {key}?",
    "Look for {key}. What is its {label}?",
    "How is the {label} of {key} given?",
    "Please quote the {label} of {key}.",
    "Is there a {label} for {key}?",
]

SPECIAL = "One of the special magic {label}s for {key} is: {value}."
SPECIAL_QUESTION = "What is the special magic {label} for {keys} mentioned in the provided text?"
SPECIAL_QUESTIONS = (
    "What are all the special magic {label}s for {keys} mentioned in the provided text?"
)
"""RULER's own (NVIDIA/RULER, Apache-2.0): every published reader's figures are on these."""

LINES = [  # in tables, lists, front matter and settings
    "| {key} | {label} | {value} |",
    "| {key} | {value} | {label} |",
    "- {key}, {label}: {value}",
    "* {label} of {key}: {value}",
    "{key}.{label_}: {value}",
    "{key}.{label_} = {value}",
    "{label_}[{key}] = {value}",
    "{key} ({label}) ..... {value}",
    "{Label} ({key}): {value}",
]
PLURAL_QUESTIONS = [
    "What are the {label}s for {keys}?",
    "What are all {label}s of {keys}?",
    "Give me every {label} of {keys}.",
    "List the {label}s for {keys}.",
    "Which {label}s does the text give for {keys}?",
    "Find all the {label}s of {keys}.",
    "I need all {label}s that belong to {keys}.",
    "{Keys}: which {label}s are there?",
    "Tell me each {label} for {keys}.",
    "{label}s of {keys}",
]
FRAMES = [  # around a clause such as "who founded it"
    "{Q}?",
    "{Q}?",
    "{Q}?",
    "{Q}?",
    "{Q}?",
    "{q}?",
    "{q}",
    "Do you know {q}?",
    "Can you tell me {q}?",
    "Tell me {q}.",
    "Please tell me {q}.",
    "I would like to know {q}.",
    "Find out {q}.",
    "Please look up {q}.",
    "According to the document, {q}?",
    "According to the text, {q}?",
    "What does the document say about {q}?",
    "Does the text say {q}?",
    "Is it said anywhere {q}?",
    "I forgot {q}.",
    "Remind me: {q}?",
    "Quote the sentence that says {q}.",
    "Where does it say {q}?",
    "Hello, {q}?",
    "Question: {q}?",
    "One more thing: {q}?",
    "In this document, {q}?",
    "Which sentence tells {q}?",
]
PAIRS = [  # of two clauses
    "{Q}, and {r}?",
    "{Q}, and {r}?",
    "{Q} and {r}?",
    "{Q}? And {r}?",
    "Two things: {q}, and {r}?",
    "Tell me {q} and {r}.",
    "I want to know {q}, and also {r}.",
    "{Q}; also, {r}?",
    "{q} and {r}",
]
FOLLOW_UPS = ["{Q}?", "{Q}?", "And {bare}?", "{q}?", "{q}", "OK, {q}?", "Thanks. {Q}?"]
