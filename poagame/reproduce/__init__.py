"""The main job: figures, tables and a report from the inputs that ship with the package, or from a user's own files."""

from poagame.reproduce.pipeline import estimate_report, reproduce
from poagame.reproduce.section import Section, write_report

__all__ = ["Section", "estimate_report", "reproduce", "write_report"]
