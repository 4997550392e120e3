"""The sub-commands of `ridge-spark`: a module each, with its options and what it does."""
