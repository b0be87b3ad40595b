"""What is claimed of disaggregated inference as a game: the paper's numbers as data, and its claims as checks with a verdict each."""

from poagame.paper.ledger import Ledger, check_all, claims
from poagame.paper.numbers import NUMBERS, Numbers, PaperNumber, number
from poagame.paper.record import TAGS, Claim, Finding, Standing, Verdict

__all__ = [
    "NUMBERS",
    "TAGS",
    "Claim",
    "Finding",
    "Ledger",
    "Numbers",
    "PaperNumber",
    "Standing",
    "Verdict",
    "check_all",
    "claims",
    "number",
]
