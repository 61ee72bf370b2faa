"""Without torch, the tests that need it are left out, and pytest says so."""

from importlib.util import find_spec

HAS_TORCH = find_spec("torch") is not None

collect_ignore = [] if HAS_TORCH else ["test_suite.py"]


def pytest_report_header() -> str:
    """The line that says it."""
    return "torch is there: no test is left out" if HAS_TORCH else "torch is not there: test_suite.py is left out"
