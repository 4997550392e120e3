"""spark-submit entry point of the outer job: X whole on every worker, tasks over (fold, λ)."""

import sys

from ridge_spark.cli import main

if __name__ == "__main__":
    main(["train", "--engine", "outer", *sys.argv[1:]])
