"""What a run of the suite is made from. The defaults are those of the README's table."""

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from radioactivity.mark import Profile
from radioactivity.model import Shape
from radioactivity.train import Recipe


@dataclass(frozen=True)
class Settings:
    """Everything that the files of a run depend on.

    Attributes:
        shape: of every model.
        pretraining: of the teacher and of the base checkpoint.
        fine_tuning: of the students.
        profile: of the mark.
        fine_tuned_len: tokens a student is fine-tuned on; what the teacher did not write is human.
        prompt_len: human tokens before each completion. They are no part of it.
        documents: held-out human documents that are read, each as long as the context of the model.
        top: log-probs listed for each position.
        sampled_len: tokens that are sampled from each student for the closed test, at most.
        threads: of torch. Another number gives other last digits.
    """

    shape: Shape = field(default_factory=Shape)
    pretraining: Recipe = field(default_factory=lambda: Recipe(epochs=3, learning_rate=3e-3))
    fine_tuning: Recipe = field(default_factory=lambda: Recipe(epochs=2, learning_rate=2e-3))
    profile: Profile = field(default_factory=Profile)
    fine_tuned_len: int = 300_000
    prompt_len: int = 16
    documents: int = 629
    top: int = 128
    sampled_len: int = 100_000
    threads: int = 1

    def completion_len(self) -> int:
        """Tokens in a completion."""
        return self.shape.context_len - self.prompt_len

    def positions(self) -> int:
        """Held-out tokens that are predicted: all but the first of each document."""
        return self.documents * (self.shape.context_len - 1)

    def to_json(self) -> dict[str, Any]:
        """The settings as JSON has them."""
        stored: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return stored
