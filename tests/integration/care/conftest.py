"""The same joined service and callers as the intake tests."""

from tests.integration.intake.conftest import (  # noqa: F401
    _service,
    bench,
    mendline,
    repair,
    role,
    thread,
)
