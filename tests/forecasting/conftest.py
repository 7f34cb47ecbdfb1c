"""Fixtures that several test modules share."""

import pytest
from forecast_cases import Recorder


@pytest.fixture
def recorded():
    """What Recorder was fitted on, in this test."""
    Recorder.seen = []
    return Recorder.seen
