"""How many workers the serving generation has, whether they accept, and who waits until they do.

A part of the plan, and as pure.
"""

from quaich.master import crew
from quaich.master.fleet import Fleet
from quaich.master.generation import Generation, Stage
from quaich.master.vocabulary import Asked, Meaning, Policy
from quaich.master.wishes import Awaited, Wishes, answers


class Staff(Fleet):
    """``current`` is the generation that serves."""

    def __init__(self, policy: Policy) -> None:
        super().__init__(policy)
        self.current = 1
        self.paused = False
        self.wishes = Wishes()

    def _chained(self, generation: Generation) -> bool:
        """Whether a generation is raised one worker after the other."""
        raise NotImplementedError

    def _look_ready(self, generation: Generation, now: float) -> None:
        """Whether a generation that is being raised can take over."""
        raise NotImplementedError

    def _pause(self, event: Asked) -> None:
        toggled = not self.paused if event.meaning is Meaning.PAUSE else None
        self.paused = toggled if toggled is not None else event.meaning is Meaning.SUSPEND
        text = "paused" if self.paused else "resumed"
        self._say("info", f"{text} generation={self.current}")
        for generation in self.generations.values():
            self._do(*crew.pause(generation, self.paused))
        self._do(*answers([event.ticket], True, text))

    def _scale(self, event: Asked, now: float) -> None:
        generation = self.generations[self.current]
        steps = {Meaning.MORE: generation.wanted + 1, Meaning.FEWER: generation.wanted - 1}
        wanted = steps.get(event.meaning, event.argument or 0)
        most = self.policy.most
        if not 1 <= wanted <= most:
            text = f"workers={wanted}: expected 1 to {most} (a reload with processes allows more)"
            self._say("warning", f"not scaled: {text}")
            self._do(*answers([event.ticket], False, text))
            return
        self._resize(self.current, wanted, "asked", now)
        self._when_steady(event.ticket, f"workers={wanted}")

    def _resize(self, number: int, wanted: int, cause: str, now: float) -> None:
        generation = self.generations.get(number)
        if generation is None or generation.stage is not Stage.SERVING:
            return
        if wanted != generation.wanted:
            self._say("info", f"workers={wanted} before={generation.wanted} cause={cause}")
            self._do(*crew.resize(generation, wanted, now))
            self._resize_next(generation, now)

    def _resize_next(self, generation: Generation, now: float) -> None:
        """The generation that is being raised beside it has as many, as when it was loaded."""
        heir = self.generations.get(self.raising or 0)
        if heir is None or heir.stage is not Stage.RAISING:
            return
        if heir.policy.workers != generation.policy.workers:
            return
        wanted = min(generation.wanted, heir.policy.most)
        if self._chained(heir):
            # Those that are missing come one after another.
            for slot in [each for each in heir.workers if each > wanted]:
                self._do(*crew.release(heir, slot, now))
            heir.wanted = wanted
        else:
            self._do(*crew.resize(heir, wanted, now))
        self._look_ready(heir, now)

    def _when_steady(self, ticket: int, text: str) -> None:
        """Answer when the serving generation has the workers that it should have."""
        if ticket:
            self.wishes.pending.append(Awaited(ticket, self.current, text))

    def _appointments(self) -> list[float]:
        return [each.until for each in self.wishes.pending if each.until]

    def _outcome(self, awaited: Awaited, now: float) -> str | None:
        generation = self.generations.get(awaited.generation)
        if awaited.until:
            stays = generation and any(each.alive() for each in generation.crew())
            return None if stays and now < awaited.until else awaited.text
        if generation is None or generation.stage is not Stage.SERVING:
            return f"{awaited.text}; generation={self.current} serves by now"
        return awaited.text if generation.steady() else None
