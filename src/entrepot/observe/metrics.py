"""Metrics: what there is to count, and what one process has counted. Next: `observe.exposition`
shows it to Prometheus; `observe.tally` does the counting.
"""

from collections.abc import Callable, Iterable
from pathlib import Path

from entrepot.observe import tally
from entrepot.observe.names import BACKUP_AT
from entrepot.observe.tally import Tally

UPLOADS_ACTIVE = "entrepot_uploads_active"
UPLOADS_OPEN = "entrepot_uploads_open"
STORE_BYTES = "entrepot_store_bytes"
STORE_BLOBS = "entrepot_store_blobs"
SCRUB_DAMAGED = "entrepot_scrub_damaged"
WEBHOOK_LAG = "entrepot_webhook_lag_seconds"
REPLICATION_LAG = "entrepot_replication_lag_seconds"
REPLICATION_WAITING = "entrepot_replication_waiting"
REPLICATION_CONFLICTS = "entrepot_replication_conflicts"

UPSTREAM_RESTING = "entrepot_upstream_resting_seconds"
UPSTREAM_REFUSED = "entrepot_upstream_login_failing_seconds"

JOB_RUNNING = "entrepot_job_running"
JOB_SECONDS = "entrepot_job_last_seconds"
JOB_SUCCESS = "entrepot_job_last_success_timestamp_seconds"

GAUGES = {
    UPLOADS_ACTIVE: ("", "Requests that bring bytes of a blob right now."),
    UPLOADS_OPEN: ("", "Uploads begun and not finished."),
    STORE_BYTES: ("", "Bytes of all blobs and manifests, each once."),
    STORE_BLOBS: ("", "Blobs kept."),
    SCRUB_DAMAGED: ("", "Blobs and manifests in quarantine that nobody has pushed again."),
    BACKUP_AT: ("", "When the newest backup was made."),
    WEBHOOK_LAG: ("", "Age of the oldest change that a webhook has not been told of."),
    REPLICATION_LAG: ("", "Age of the oldest change that has not arrived at its other registry."),
    REPLICATION_WAITING: ("", "Tags that are to be copied, by all rules of replication."),
    REPLICATION_CONFLICTS: ("", "Tags that differ, and are to, by the rule for conflicts."),
    UPSTREAM_RESTING: ("project", "For how long an upstream has been left alone; 0: it is not."),
    UPSTREAM_REFUSED: (
        "project",
        "For how long the login at an upstream has failed; 0: it is good.",
    ),
    JOB_RUNNING: ("job", "Whether some process does the job right now."),
    JOB_SECONDS: ("job", "How long the job ran last."),
    JOB_SUCCESS: ("job", "When the job ended well last."),
}
"""By name, the label and the meaning."""
COLLECTED = "entrepot_collected"
COLLECTED_BYTES = "entrepot_collected_bytes"
SCRUB_BYTES = "entrepot_scrub_bytes"

JOB_RUNS = "entrepot_job_runs"
WEBHOOK_ATTEMPTS = "entrepot_webhook_attempts"
CACHE_ANSWERS = "entrepot_cache_answers"
CACHE_BYTES = "entrepot_cache_fetched_bytes"
REPLICATED = "entrepot_replicated"

COUNTERS = {
    COLLECTED: ("what", "Things that the collector took away."),
    COLLECTED_BYTES: ("", "Bytes of blobs that went for good."),
    SCRUB_BYTES: ("", "Bytes that the scrub read and compared with their digests."),
    JOB_RUNS: ("job,result", "Runs of jobs by this process, and how they ended."),
    WEBHOOK_ATTEMPTS: ("result", "Messages to webhooks: delivered, failed, or dead by now."),
    CACHE_ANSWERS: (
        "project,what,result",
        "What was looked for upstream: fetched, confirmed, stale, missing or failed.",
    ),
    REPLICATED: ("rule,result", "Tags looked at by rules of replication: done, conflict, failed."),
    CACHE_BYTES: ("project", "Bytes of blobs fetched from upstreams."),
}
"""By name, the labels and the meaning; several labels, and their values, have commas between."""

Known = tuple[str, str, float]
"""A gauge that all processes know alike: its name, its label's value and its own."""
Watched = Callable[[], Iterable[Known]]
"""Says how things stand at a moment, as far as this process knows."""


class Metrics:
    """What a process counts; with a `folder`, what all that share it count."""

    def __init__(self, folder: Path | None = None) -> None:
        self._own = Tally(gauges={UPLOADS_ACTIVE: 0})
        self._folder = folder
        self._watched: Watched = tuple
        self.count = self._own.count

    def received(self, route: str, size: int) -> None:
        """Count bytes that a client brought."""
        self._own.received[route] = self._own.received.get(route, 0) + size

    def set(self, gauge: str, value: float) -> None:
        """Say how things stand."""
        self._own.gauges[gauge] = value

    def change(self, gauge: str, by: int) -> None:
        """Say that there is one more, or one less."""
        self._own.gauges[gauge] += by

    def add(self, counter: str, by: float, label: str = "") -> None:
        """Count so many more."""
        self._own.grow(counter, label, by)

    def watch(self, watched: Watched) -> None:
        """Show more gauges, of which the largest value of all processes counts; but only those that
        `exposition.text` is told of.
        """
        self._watched = watched

    def _look(self) -> None:
        self._own.states = {}
        for name, label, value in self._watched():
            self._own.states.setdefault(name, {})[label] = value

    def leave(self) -> None:
        """Let the others see what this process has counted."""
        if self._folder is not None:
            self._look()
            tally.leave(self._own, self._folder)

    @property
    def alone(self) -> bool:
        """Whether no other process counts the same."""
        return self._folder is None

    def together(self) -> Tally:
        """What all have counted, as it is now."""
        self._look()
        found = Tally()
        found.add(self._own, alive=True)
        for other, alive in tally.others(self._folder) if self._folder else ():
            found.add(other, alive=alive)
        return found
