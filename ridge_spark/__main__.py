"""`python -m ridge_spark` is the same as the `ridge-spark` command."""

from ridge_spark.cli import main

if __name__ == "__main__":
    main()
