"""One row of the table: what was measured on either side, round by round, and whether the ratio is
what was aimed at."""
from dataclasses import dataclass, field
from statistics import median


@dataclass
class Row:
    section: str
    work: str
    unit: str                     # "1/s", "us", "s", "MiB"
    peer: str                     # what stands on the other side
    target: float | None = None   # of the ratio ours/theirs; None: told, not judged
    lower_is_better: bool = False
    ours: list = field(default_factory=list)
    theirs: list = field(default_factory=list)
    note: str = ""

    def add(self, ours, theirs):
        self.ours.append(ours)
        self.theirs.append(theirs)

    def ratios(self):
        """A ratio for each round: both sides were measured one right after the other."""
        return [ours / theirs for ours, theirs in zip(self.ours, self.theirs) if theirs]

    @property
    def ratio(self):
        ratios = self.ratios()
        return median(ratios) if ratios else None

    @property
    def met(self):
        if self.target is None or self.ratio is None:
            return None
        return self.ratio <= self.target if self.lower_is_better else self.ratio >= self.target

    def as_json(self):
        ratios = self.ratios()
        return {"section": self.section, "work": self.work, "unit": self.unit, "peer": self.peer,
                "ours": self.ours, "theirs": self.theirs, "ratio": self.ratio,
                "ratio_min": min(ratios, default=None), "ratio_max": max(ratios, default=None),
                "target": self.target, "lower_is_better": self.lower_is_better, "met": self.met,
                "note": self.note}
