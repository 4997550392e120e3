"""spark-submit entry point of the outer job: X whole on every worker, tasks over (fold, λ)."""

import sys

from ridge_spark.cli import main
from ridge_spark.engines.submitted import keep_standard_error_apart

if __name__ == "__main__":
    keep_standard_error_apart()
    main(["train", "--engine", "outer", *sys.argv[1:]])
