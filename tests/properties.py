"""
Hypothesis as all tests use it: without its clocks.

By default an example fails that takes longer than 200 ms, and a test whose examples take seconds to
make; on a busy machine that says nothing of what is tested.
"""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings

__all__ = ["given", "settings"]

# On top of what is Hypothesis's own choice for where this runs, such as continuous integration.
settings.register_profile(
    "clockless", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("clockless")
