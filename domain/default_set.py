"""Which detectors raise signals unless the practice chooses otherwise.

Conservative: together at most three false alarms in a hundred scored sessions in which nothing happened. A signal that
is mostly wrong teaches people to look away. What each detector finds and costs is measured, on simulated courses, in
`openapi/detection.md`.

On, because somebody said or saw it, so that it is no inference at all:

- `direct_report`: what a client says outranks every score, and asking is the best detector there is.
- `observer_3rs`: a trained observer coded a salient marker.
- `risk_item`: somebody has to ask, whatever the number of false alarms.

On, as the one inference from scores:

- `shrunk_prediction`: at the rate allowed it sees more than any other detector here. One alone keeps the rate: false
  alarms of two detectors nearly add up, and what the second sees the first has mostly seen.

Off, to be chosen by a practice that wants them:

- `rci_drop`, `within_client_drop`, `shewhart_xmr`, `ewma`: with their printed limits each costs as many false alarms as
  the whole set may, or more, or sees less for them.
- `sudden_loss`: it is sure only three scores later, and by then it has taken back every V that it raised at once.
- `divergence`: two people who see it differently are the rule; it fires more than ten times in a hundred sessions of
  stable pairs.
- `ceiling_run`: a reason to ask, not a sign of strain. It has its use where perfect scores are taken for good news.
- `cutoff`: it judges by a level that says nothing of the client's own, and no norm tells how often it would fire. A
  practice that uses the Session Rating Scale as its authors do switches it on.
"""

from collections.abc import Mapping
from types import MappingProxyType

from domain.detection import Detector, Parameters
from domain.detectors import Observer3rs, Reported, RiskItem
from domain.shrunk import ShrunkPrediction

DEFAULT_SET: Mapping[Detector, Parameters] = MappingProxyType({
    Detector.DIRECT_REPORT: Reported(),
    Detector.OBSERVER_3RS: Observer3rs(),
    Detector.RISK_ITEM: RiskItem(),
    Detector.SHRUNK_PREDICTION: ShrunkPrediction(),
})  # fmt: skip
"""The detectors that raise signals, with what they run with."""
