"""spark-submit entry point of the inner job: X spread out, tasks over blocks."""

import sys

from ridge_spark.cli import main

if __name__ == "__main__":
    main(["train", "--engine", "inner", *sys.argv[1:]])
