"""The folder of a run: steps leave files there, and are passed over where the file is there."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from radioactivity import model
from radioactivity.model import Transformer
from radioactivity.settings import Settings


class Work:
    """A folder that belongs to runs with equal settings."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        """Makes the folder, or checks whose it is.

        Raises:
            ValueError: if it belongs to a run with other settings, naming what differs.
        """
        self.folder = folder
        path = folder / "settings.json"
        mine = settings.to_json()
        if path.exists():
            theirs = json.loads(path.read_text())
            names = sorted(mine.keys() | theirs.keys())
            differing = [
                f"{name}: {theirs.get(name)} there, {mine.get(name)} here"
                for name in names
                if mine.get(name) != theirs.get(name)
            ]
            if differing:
                raise ValueError(
                    f"{folder} holds a run with other settings ({'; '.join(differing)}): name another folder"
                )
        folder.mkdir(parents=True, exist_ok=True)
        write_json(path, mine)

    def file(self, name: str, make: Callable[[Path], None]) -> Path:
        """The file of a name; `make` writes it if it is not there. A file that is there is whole."""
        path = self.folder / name
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            # The ending stays, for it says the format.
            part = path.with_name(f"part-{path.name}")
            with self.timed(name):
                make(part)
            part.replace(path)
        return path

    def model(self, name: str, make: Callable[[], Transformer]) -> Transformer:
        """The model of a name."""
        return model.load(self.file(f"{name}.pt", lambda path: model.save(make(), path))).eval()

    def record(self, name: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """A record of results, as JSON."""
        path = self.file(f"{name}.json", lambda path: write_json(path, make()))
        stored: dict[str, Any] = json.loads(path.read_text())
        return stored

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Writes down what a step costs: the processor time of this process without the steps within it, in seconds."""
        print(name, file=sys.stderr)
        before, started = self.total_cost(), time.process_time()
        yield
        costs = self.costs()
        costs[name] = time.process_time() - started - (self.total_cost() - before)
        write_json(self.folder / "costs.json", costs)

    def costs(self) -> dict[str, float]:
        """Processor seconds of each step that was taken in this folder."""
        path = self.folder / "costs.json"
        costs: dict[str, float] = json.loads(path.read_text()) if path.exists() else {}
        return costs

    def total_cost(self) -> float:
        """The sum of all costs."""
        return sum(self.costs().values())


def write_json(path: Path, value: object) -> None:
    """Writes a file that is whole if it is there."""
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(value, indent=1) + "\n")
    part.replace(path)
