"""spark-submit entry point of the inner job: X spread out, tasks over blocks."""

import sys

from ridge_spark.cli import main
from ridge_spark.engines.submitted import keep_standard_error_apart

if __name__ == "__main__":
    keep_standard_error_apart()
    main(["train", "--engine", "inner", *sys.argv[1:]])
