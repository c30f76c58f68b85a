"""What a caption model will probably write next, guessed from what it wrote before.

A language model that writes for one visitor spends its time reading its weights: a pass over eight tokens takes little
longer than a pass over one. So the next few are guessed, one pass tells what the model itself would write at each of
them, and those that were guessed right stand. The text is the model's own, as if nobody had guessed: this is
speculative decoding (Leviathan et al. 2023) with a table in the place of the small model that drafts there.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

CONTEXT = 4  # tokens that a guess looks at, at most
LENGTH = 8  # tokens that are guessed at a time, at most
WORTH = 0.3  # tokens that must be expected to be right: a pass over several takes about so much longer than over one


class Drafts:
    """Guesses from texts; without any it never guesses."""

    def __init__(self, texts: Iterable[Sequence[int]] = ()) -> None:
        """`texts` are the token ids of whole texts, each with the token that ends it."""
        followers: dict[tuple[int, ...], Counter[int]] = defaultdict(Counter)
        for ids in texts:
            for at, token in enumerate(ids):
                for length in range(1, min(CONTEXT, at) + 1):
                    followers[tuple(ids[at - length : at])][token] += 1
        # The likeliest follower of each context, and how likely: one that was seen once is no certainty.
        self._likeliest = {
            context: (token, count / (counts.total() + 1))
            for context, counts in followers.items()
            for token, count in counts.most_common(1)
        }

    def propose(self, written: Sequence[int], most: int = LENGTH) -> list[int]:
        """The next tokens after `written`, as far as they are likely; none where they are not worth the longer pass."""
        ids, sure, expected = list(written[-CONTEXT:]), 1.0, 0.0
        draft: list[int] = []
        while len(draft) < most and (found := self._after(ids)):
            token, share = found
            sure *= share
            expected += sure
            draft.append(token)
            ids.append(token)
        return draft if expected >= WORTH else []

    def _after(self, ids: Sequence[int]) -> tuple[int, float] | None:
        """The likeliest token and its share, by the longest context that was ever seen."""
        for length in range(min(CONTEXT, len(ids)), 0, -1):
            if found := self._likeliest.get(tuple(ids[-length:])):
                return found
        return None
