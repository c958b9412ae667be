"""What the parts of a watch share: they start tasks, and hand over what comes of these."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from queue import Queue

from thumbnailer.config.settings import Settings
from thumbnailer.errors import OutputError, WorkerError
from thumbnailer.model import Outcome, Stop
from thumbnailer.thumbs.folder_state import FAILED_BEFORE
from thumbnailer.watcher.health.state import Tally
from thumbnailer.watcher.reporting import OutcomeFilter
from thumbnailer.watcher.roots.moves import Moves
from thumbnailer.watcher.roots.output import WatchedOutput
from thumbnailer.watcher.roots.removals import Tell
from thumbnailer.watcher.roots.root import WatchedRoot
from thumbnailer.watcher.settling import SettlingFiles, content_state
from thumbnailer.watcher.threads.ask import Asker
from thumbnailer.watcher.threads.claims import Claims
from thumbnailer.watcher.threads.tasks import Task, Tasks

# The pause after a full disk or when no worker starts: doubled from the first to the last value.
_BACK_OFF_SECONDS = (1.0, 60.0)

# How long a picture may take before a task counts as silent: two time-outs, and a margin.
_PATIENCE_SECONDS = 60.0


# For how long a file must not change, and the pause from one rescan of a folder to the next.
SETTLE_SECONDS, RESCAN_SECONDS = 1.0, 60.0


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """How a watch notices changes, and what it keeps current; as the arguments of `watch`."""

    settle_seconds: float = SETTLE_SECONDS
    rescan_seconds: float | None = None
    poll_seconds: float | None = None
    keep_orphans: bool = False
    gallery: bool = False
    retry_failed: bool = False
    events: str = ""


@dataclass(slots=True, eq=False)
class RootState:
    """What is being done about a root, and when the next of it is due, on the monotonic clock."""

    root: WatchedRoot
    check: Task | None = None
    next_check: float = 0.0
    is_open: bool = False
    rescan: Task | None = None
    next_rescan: float = 0.0
    must_forget: bool = True
    is_complete: bool = False  # whether all of it has been looked through once
    last_rescan: float | None = None  # when it ended, seconds since the epoch
    seen: int = 0  # pictures that the last rescan has looked at
    count: Task | None = None  # of its pictures, for the progress
    total: int | None = None  # what the count found

    def rescan_everything(self) -> None:
        """Let a rescan that looks at every folder be next, and end one that is going on."""
        self.must_forget, self.next_rescan = True, 0.0
        if self.rescan:
            self.rescan.cancel()


class Work:
    """The work of a watch: what is to be done, is being done, and comes of it.

    Args:
        settings: as for `watch`.
        stop: once it is set, all tasks end.
        tell: called with the name of an event and a message.

    Attributes:
        roots: those that are watched; `states`: what is being done about them.
        inbox: functions that the loop is to call.
        outcomes: to be yielded.
        moves: what was elsewhere before.
        walks: the tasks that look through folders that are new.
        awaited: what was too young to be made at once, since when.
        own_folders: whether folders hold only thumbnails of ours, until the end of the next rescan.
        is_ending: whether all tasks must end, whatever the stop says.
        is_ready: whether everything has been looked at once.
        known_failures: how many pictures failed before, and were not tried again.
        paused_until: on the monotonic clock: until then nothing is begun.
        tally: counts the outcomes yielded so far.
    """

    def __init__(
        self, settings: Settings, options: WatchOptions, *, stop: Stop, tell: Tell
    ) -> None:
        self.settings, self.options, self.tell, self._stop = settings, options, tell, stop
        self.is_ending = self.is_ready = False
        self.roots: list[WatchedRoot] = []
        self.states: list[RootState] = []
        # No SimpleQueue: up to Python 3.12 its `get` waits forever if a signal, such as one that
        # ends the watch, is handled at the very moment of its time-out.
        self.inbox: Queue[Callable[[], object]] = Queue()
        self.ask, self.claims = Asker(), Claims(settings)
        self.tasks = Tasks(self.inbox.put, self, 2 * settings.timeout + _PATIENCE_SECONDS)
        self.settling = SettlingFiles(options.settle_seconds, self._content_state)
        self.outcome_filter = OutcomeFilter(self.roots, self.settling, self.ask)
        self.output = WatchedOutput(settings, self.tell_later)
        self.outcomes: deque[Outcome] = deque()
        self.moves, self.walks = Moves(), set[Task]()
        self.awaited: dict[str, float] = {}
        self.own_folders: dict[str, bool] = {}
        self.known_failures = 0
        self.paused_until, self._back_off_seconds = 0.0, _BACK_OFF_SECONDS[0]
        self.tally = Tally()

    def watch(self, root: WatchedRoot) -> None:
        """Add a root."""
        self.roots.append(root)
        self.states.append(RootState(root))

    def take_over(self, before: Work) -> None:
        """Go on where the work of an earlier watch has ended."""
        self.tally = before.tally
        self.output.take_over(before.output)

    def is_set(self) -> bool:
        """Return whether all tasks must end."""
        return self.is_ending or self._stop.is_set()

    @property
    def is_rescanning(self) -> bool:
        """Whether any root is being rescanned."""
        return any(state.rescan for state in self.states)

    def most_silent(self, now: float) -> tuple[float, str]:
        """Return for how long a disk has not answered, at most, and about which place."""
        return max(self.tasks.most_silent(now), self.ask.most_silent(now))

    # Called by any thread

    def tell_later(self, event: str, message: str) -> None:
        """Let the loop tell of an event."""
        self.inbox.put(partial(self.tell, event, message))

    def has_no_output(self, outcome: Outcome) -> bool:
        """Return whether an outcome tells only that the output tree is away; it waits for the disk.

        All is looked at again once it is back."""
        if outcome.error:
            self.output.check()
        return outcome.error is not None and self.output.is_away

    # Called by the loop

    def start(
        self, place: str, work: Callable[[Task], object], done: Callable[[Task, object], None]
    ) -> Task:
        """Start a task that needs the output tree; an error may be due to that.

        The arguments are those of `Tasks.start`."""

        def look_after(task: Task) -> object:
            try:
                self.output.prepare()
                return work(task)
            except Exception:
                self.output.check()
                raise

        return self.tasks.start(place, look_after, done)

    def add_found(self, path: str) -> None:
        """Wait for a file that was found, perhaps before it is complete."""
        if path not in self.settling:
            self.settling.add(path, time.monotonic())

    def take_made(
        self,
        outcome: Outcome,
        owner: object,
        *,
        is_unclosed: bool = False,
        is_first: bool = False,
    ) -> None:
        """Take what has become of a picture.

        Args:
            owner: who has claimed it.
            is_unclosed: no event said that it is complete.
            is_first: it is of the first rescan.
        """
        path, error = outcome.source.path, outcome.error
        self.claims.release(path, owner, is_changed=True)
        self.awaited.pop(path, None)
        if reported := self.outcome_filter.to_report(outcome, is_unclosed=is_unclosed):
            self.outcomes.append(reported)
        elif is_first and error and error.reason.endswith(FAILED_BEFORE):
            self.known_failures += 1

    @property
    def rescan_seconds(self) -> float:
        """The pause from one rescan of a folder to the next."""
        seconds = self.options.rescan_seconds
        return RESCAN_SECONDS if seconds is None else seconds

    def rescan_everything(self) -> None:
        """Look at every folder of every root anew."""
        for state in self.states:
            state.rescan_everything()

    def succeeded(self) -> None:
        """Note that work goes well: the pause after the next error is a short one."""
        self._back_off_seconds = _BACK_OFF_SECONDS[0]

    def failed(self, error: object) -> None:
        """After an error that affects all work, pause, then look at everything again.

        Args:
            error: what a task returned or raised; nothing is done if that is no error.
        """
        if not isinstance(error, Exception) or self.is_ending:
            return
        if not isinstance(error, OutputError | WorkerError | OSError):
            raise error
        now, is_told = time.monotonic(), self.output.is_away
        if not is_told:  # else all is looked at again once it is back
            self.tally.note_error(error)
        if now >= self.paused_until:  # else it is one of several that the same error has ended
            if not is_told:
                self.tell("error", f"{error}; trying again in {self._back_off_seconds:g} s")
            self.paused_until = now + self._back_off_seconds
            self._back_off_seconds = min(2 * self._back_off_seconds, _BACK_OFF_SECONDS[1])
        self.rescan_everything()

    def _content_state(self, path: str) -> object:
        """Return what identifies the content of a path; anything if the disk does not answer."""
        answer = self.ask(lambda path: [content_state(path)], path)
        return answer[0] if answer else object()
