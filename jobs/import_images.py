"""spark-submit entry point that imports image files: tasks decode and write their own shards."""

import sys

from ridge_spark.cli import main
from ridge_spark.engines.submitted import keep_standard_error_apart

if __name__ == "__main__":
    keep_standard_error_apart()
    main(["import", "--engine", "spark", *sys.argv[1:]])
