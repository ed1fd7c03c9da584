"""A short form of tests/faults/memory. The sanitizer's own hoard of freed memory is made small for it."""
from support.memory import SERVICES, measure


def test_memory_is_flat():
    before, after = measure(warm_up=15000, events=30000, options={
        "ASAN_OPTIONS": "detect_leaks=1:halt_on_error=1:quarantine_size_mb=1", "SIEM_THREATS_KEPT": "200"})
    grown = {name: (before[name], after[name]) for name in SERVICES if after[name] > 1.08 * before[name] + 4096}
    assert not grown, f"KiB before and after: {grown}"
