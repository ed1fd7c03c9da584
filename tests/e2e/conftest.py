"""Makes tests/support importable; every test starts the pipeline it needs (support/pipeline.py)."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
