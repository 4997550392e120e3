"""spark-submit entry point that classifies a data set of any size into Parquet files."""

import sys

from ridge_spark.cli import main
from ridge_spark.engines.submitted import keep_standard_error_apart

if __name__ == "__main__":
    keep_standard_error_apart()
    main(["predict", "--engine", "spark", *sys.argv[1:]])
