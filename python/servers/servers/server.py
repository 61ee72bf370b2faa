"""Servers: started, waited for, counted and killed."""

import http.client
import importlib.metadata
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

PATIENCE_S = 300.0
"""For a server to answer: the first start of one compiles its Python files."""

POLL_S = 0.1
QUIET_S = 1.0

HOST = "127.0.0.1"

CONTEXT = 256
"""In tokens; prompt and answer have some 50."""


@dataclass
class Server:
    """A server on a free port of the loopback interface, alive inside `with`."""

    name: str
    version: str
    command: list[str]
    """How it is started; `{port}` stands for the port."""

    model: str
    """The name under which it knows its model."""

    ready: str
    """The path that answers with 200 once the server is ready."""

    output: Path
    """Where what it says is appended."""

    gives_log_probs: bool
    checks_model: bool
    """Whether a request for another model is refused."""

    port: int = 0
    process: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)

    def __enter__(self) -> "Server":
        """Starts it."""
        self.port = free_port()
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Kills it."""
        self.kill()

    def start(self) -> None:
        """Starts it on its port, and waits until it answers.

        Raises:
            RuntimeError: if it ends, or does not answer in time.
        """
        home = self.output.parent
        # The model is on disk: nothing is to be looked up elsewhere. Two threads and a small model get in each
        # other's way.
        environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(home / "hub"), "OMP_NUM_THREADS": "1"}
        command = [part.replace("{port}", str(self.port)) for part in self.command]
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                command, stdout=output, stderr=output, cwd=home, env=environment, start_new_session=True
            )
        try:
            deadline = time.monotonic() + PATIENCE_S
            while not (self.answers() and self.process.poll() is None):
                if self.process.poll() is not None:
                    raise RuntimeError(f"{self.name} ended with {self.process.returncode}; see {self.output}")
                if time.monotonic() > deadline:
                    raise RuntimeError(f"{self.name} does not answer after {PATIENCE_S:.0f} s; see {self.output}")
                time.sleep(POLL_S)
        except BaseException:
            self.kill()
            raise

    def kill(self) -> None:
        """Kills it and all that it started."""
        if self.process is None:
            return
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process = None

    def url(self) -> str:
        """The base URL."""
        return f"http://{HOST}:{self.port}/v1"

    def answers(self) -> bool:
        """Whether it is ready."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=5)
        try:
            connection.request("GET", self.ready)
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def questions(self) -> int:
        """How many questions it has answered or refused, by its own account, once no more are under way."""
        count, since = -1, time.monotonic()
        while time.monotonic() - since < QUIET_S:
            found = self.output.read_bytes().count(b'"POST /v1/')
            if found != count:
                count, since = found, time.monotonic()
            time.sleep(POLL_S)
        return count


def transformers(model: Path, output: Path) -> Server:
    """`transformers serve`."""
    program = str(Path(sys.executable).with_name("transformers"))
    return Server(
        name="transformers",
        version=f"transformers {version('transformers')}, torch {version('torch')}",
        command=[program, "serve", str(model), "--host", HOST, "--port", "{port}", "--device", "cpu"],
        model=str(model),
        ready="/health",
        output=output,
        gives_log_probs=False,
        checks_model=True,
    )


def llama(model: Path, output: Path) -> Server:
    """The server of llama-cpp-python, which is llama.cpp behind Python."""
    command = [sys.executable, "-m", "llama_cpp.server", "--model", str(model), "--model_alias", "student"]
    options = ["--n_ctx", str(CONTEXT), "--n_threads", "1", "--n_threads_batch", "1"]
    return Server(
        name="llama",
        version=f"llama-cpp-python {version('llama-cpp-python')}",
        command=[*command, *options, "--host", HOST, "--port", "{port}"],
        model="student",
        ready="/v1/models",
        output=output,
        gives_log_probs=True,
        checks_model=False,
    )


def version(package: str) -> str:
    """The version of an installed package.

    Raises:
        RuntimeError: if it is not installed.
    """
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        raise RuntimeError(f"{package} is not installed; run python/servers/setup.sh") from None


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        port: int = listener.getsockname()[1]
    return port
