"""`python -m emr`."""

import sys

from ridge_spark.extras import explain_missing

try:
    from emr.cli import main
except ModuleNotFoundError as error:
    missing = explain_missing(error)
    if missing is None:
        raise
    print(f"error: {missing}", file=sys.stderr)
    sys.exit(2)

sys.exit(main())
