"""The parts of scripts/setup.py; standard library only, because it runs before anything is installed."""
